"""Hold a mask in any training loop: ``held = attach(module, optimizer, mask)``, then train as before.

Masking the gradients alone is not enough: momentum gathered before the mask, and weight decay, still move a pruned
weight.  Setting the weights alone is not enough either: a gradient norm would count gradients of weights that are
not there.  So both are done, and the state of the optimizer with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from lotterylab.errors import LotteryError, UsageError
from lotterylab.masks import algebra
from lotterylab.training.held import Pruned
from lotterylab.types import Mask


def attach(module: nn.Module, optimizer: torch.optim.Optimizer, mask: Mask) -> Held:
    """Hold ``mask`` on the parameters of ``module`` while ``optimizer`` trains them.

    At once, and after each ``optimizer.step()``, every pruned weight and every entry of the optimizer's state that
    belongs to one is +0.0 (set, not multiplied, so neither -0.0 nor NaN remains).  After each ``backward()`` the
    pruned entries of the gradients are +0.0 too, so that clipping and accumulation see what the step will use.

    ``mask`` may name a tied parameter by any of its names.  Attach to the optimizer whose ``step()`` moves the
    weights, not to one that wraps it.

    Where ``torch.distributed`` is initialised, every rank has to attach, and to the same mask: the ranks compare
    digests here, since each would otherwise train another network without a word.  Attach to the module itself, not
    to the ``DistributedDataParallel`` around it, whose names begin with "module.".

    Raises ``UsageError``, and changes nothing, if the mask does not fit the module or the optimizer cannot be held:
    LBFGS, SparseAdam, ranks whose masks differ, a masked parameter in none of its groups, state that is neither one
    number nor of the shape of its parameter.  What shows only later (sparse gradients, the state that a first step
    makes) raises then.  State of the parameter's shape is taken to be one number for each weight: the preconditioner
    of a square weight cannot be told from that.
    """
    return Held(module, optimizer, mask)


class Held:
    """A mask that is being held; made by ``attach``.  As a context manager it detaches at the end of the block.

    Parameters, their state and the module are looked up at each use, so moving the module to another device or type
    and loading states are fine: what was loaded is held from the next step, or at once by ``hold()``.  A deep copy or
    a pickle of the module carries no hooks: the copy has its pruned weights at zero and nothing holds them there.
    """

    def __init__(self, module: nn.Module, optimizer: torch.optim.Optimizer, mask: Mask) -> None:
        _refuse_optimizer(optimizer)
        self._module = module
        self._optimizer = optimizer
        self._parameters = self._find(mask)
        _refuse_disagreement(mask)
        self._pruned = {name: Pruned(kept) for name, kept in mask.items()}
        self.hold()
        self._handles = [
            optimizer.register_step_post_hook(self._after_step),
            *(_on_gradient(parameter, self._pruned[name], name) for name, parameter in self._parameters.items()),
        ]

    @property
    def mask(self) -> Mask:
        """A copy of the mask, on the device where it was used last."""
        return cast(Mask, {name: ~pruned.tensor for name, pruned in self._pruned.items()})

    @torch.no_grad()
    def hold(self) -> None:
        """Set what is pruned to +0.0 now: weights, gradients and state.

        Steps do this by themselves.  Call it after writing weights yourself (``module.load_state_dict``, a rewind), so
        that the next forward pass sees the mask.
        """
        gradients = {name: p.grad for name, p in self._parameters.items() if p.grad is not None}
        for name, gradient in gradients.items():
            _refuse_sparse(gradient, name)
        self._set_to_zero()
        for name, gradient in gradients.items():
            self._pruned[name].zero_(gradient)

    @torch.no_grad()
    def verify(self) -> None:
        """Raise ``LotteryError`` unless every pruned weight and its state is +0.0, bit for bit, in this module."""
        present = dict(self._module.named_parameters(remove_duplicate=False))
        for name, parameter in self._parameters.items():
            if present.get(name) is not parameter:
                raise LotteryError(f"'{name}' is no longer the parameter that was attached. Attach again.")
            for what, tensor in self._tensors(name):
                pruned = tensor[self._pruned[name].like(tensor)]
                wrong = _not_positive_zero(pruned)
                if wrong:
                    raise LotteryError(
                        f"{wrong} of {len(pruned)} pruned entries of {what} are not +0.0. Something wrote them after "
                        "the last step; call hold()."
                    )

    def state_dict(self) -> dict[str, Tensor]:
        """The mask: bool tensors by the names it was attached with.  Any safe format of tensors can store it."""
        return dict(self.mask)

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Hold the mask of ``state``, which has the same names and shapes, instead; at once."""
        if state.keys() != self._pruned.keys():
            raise UsageError(
                f"the held mask and the loaded one differ in {sorted(state.keys() ^ self._pruned.keys())}. "
                "Attach a mask of other tensors anew."
            )
        algebra.check(cast(Mask, dict(state)), self._parameters)
        _refuse_disagreement(cast(Mask, dict(state)))
        for name, kept in state.items():
            self._pruned[name].set(kept)
        self.hold()

    def detach(self) -> None:
        """Remove all hooks.  The weights stay as they are, and the next step may move them."""
        for handle in self._handles:
            handle.remove()

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *exception: object) -> None:
        self.detach()

    def _find(self, mask: Mask) -> dict[str, nn.Parameter]:
        """The parameters of the mask by name, each of them one that the optimizer moves."""
        named = dict(self._module.named_parameters(remove_duplicate=False))
        algebra.check(mask, named)
        owner = type(self._optimizer).__name__
        trained = {id(parameter) for group in self._optimizer.param_groups for parameter in group["params"]}
        seen: dict[int, str] = {}
        for name in mask:
            parameter = named[name]
            if id(parameter) not in trained:
                raise UsageError(
                    f"the mask names '{name}', which is in no parameter group of {owner}. Give it to the optimizer, or "
                    "leave it out of the mask and set it once with lotterylab.apply."
                )
            if parameter.dim() == 0:
                raise UsageError(
                    f"the mask names '{name}', a single number: its state in {owner} cannot be told from a step count. "
                    "Leave it out of the mask."
                )
            first = seen.setdefault(id(parameter), name)
            if first != name:
                raise UsageError(f"'{first}' and '{name}' are one tied parameter. Name it once in the mask.")
        return {name: named[name] for name in mask}

    def _tensors(self, name: str) -> Iterator[tuple[str, Tensor]]:
        """The parameter and its state of the same shape, each with what to call it in an error."""
        parameter = self._parameters[name]
        yield f"'{name}'", parameter
        owner = type(self._optimizer).__name__
        for path, tensor in _walk(self._optimizer.state.get(parameter, {})):
            number = tensor.layout == torch.strided and (tensor.is_floating_point() or tensor.is_complex())
            if number and tensor.shape == parameter.shape:
                yield f"the state {path} of '{name}'", tensor
            elif tensor.numel() > 1:
                raise UsageError(
                    f"{owner} keeps a state {path} of {tuple(tensor.shape)} and {tensor.dtype} for '{name}' of "
                    f"{tuple(parameter.shape)}: it cannot be held entry by entry. Use an optimizer whose state is "
                    "floating point and has the shape of the parameter (SGD, Adam, AdamW, RMSprop, Adagrad)."
                )

    @torch.no_grad()
    def _set_to_zero(self) -> None:
        found = [(name, [tensor for _, tensor in self._tensors(name)]) for name in self._parameters]
        for name, tensors in found:  # only after all of them were found to be fit
            for tensor in tensors:
                self._pruned[name].zero_(tensor)

    def _after_step(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        self._set_to_zero()


def _on_gradient(parameter: nn.Parameter, pruned: Pruned, name: str) -> torch.utils.hooks.RemovableHandle:
    """Mask the gradient as soon as it is accumulated.  The hook knows neither the module nor the optimizer."""

    def hook(parameter: Tensor) -> None:
        if parameter.grad is not None:
            _refuse_sparse(parameter.grad, name)
            with torch.no_grad():
                pruned.zero_(parameter.grad)

    frozen = not parameter.requires_grad  # it may be trained later; a hook can only be put on one that is trained
    parameter.requires_grad_(True)
    handle = parameter.register_post_accumulate_grad_hook(hook)
    parameter.requires_grad_(not frozen)
    return handle


def _walk(value: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """All tensors inside dicts, lists and tuples, with where they are."""
    if isinstance(value, Tensor):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _walk(inner, f"{path}[{key!r}]")
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _walk(inner, f"{path}[{index}]")


def _not_positive_zero(values: Tensor) -> int:
    """How many of ``values``, ``(entries,)``, have any bit set: -0.0 counts, as all but +0.0 do."""
    return int((values.view(torch.uint8) != 0).view(len(values), -1).any(dim=1).sum()) if len(values) else 0


def _refuse_optimizer(optimizer: torch.optim.Optimizer) -> None:
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise UsageError(f"{type(optimizer).__name__} is not a torch.optim.Optimizer, so it cannot be attached to.")
    if isinstance(optimizer, torch.optim.LBFGS):
        raise UsageError(
            f"{type(optimizer).__name__} keeps one flat history of all parameters and moves them many times in a step, "
            "so a mask cannot be held. Use SGD or Adam, or optimize a module of the kept weights alone."
        )
    if isinstance(optimizer, torch.optim.SparseAdam):
        raise UsageError(
            f"{type(optimizer).__name__} works on sparse gradients, which cannot be masked in place. Use Adam with "
            "dense gradients (Embedding(sparse=False))."
        )


def _refuse_disagreement(mask: Mask) -> None:
    """All ranks of a distributed training hold one mask."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return
    digests: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(digests, algebra.digest(mask))
    if len(set(digests)) > 1:
        raise UsageError(
            f"the ranks have different masks: {', '.join(str(one)[:8] for one in digests)}. Prune on one rank and "
            "broadcast the mask (torch.distributed.broadcast_object_list), or prune with one seed and batch on all."
        )


def _refuse_sparse(gradient: Tensor, name: str) -> None:
    if gradient.layout != torch.strided:
        raise UsageError(
            f"the gradient of '{name}' is {gradient.layout}, which cannot be masked in place. Use dense gradients "
            "(Embedding(sparse=False))."
        )
