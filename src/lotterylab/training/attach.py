"""Hold a mask in any training loop: ``held = attach(module, optimizer, mask)``, then train as before.

Weights, gradients and optimizer state are all masked.  With masked gradients alone, weight decay and momentum from
before the mask still move a pruned weight.  With masked weights alone, a gradient norm counts pruned weights too.
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

    Every pruned weight and its optimizer state are +0.0 at once and after each ``optimizer.step()``.  They are set and
    not multiplied, so neither -0.0 nor NaN remains.  Pruned gradients are +0.0 after each ``backward()``, so gradient
    clipping and accumulation see what the step will use.

    With ``torch.distributed``, every rank must attach the same mask.  The ranks compare digests here, because with
    different masks they would silently train different networks.

    Optimizer state of the parameter's shape is taken to be one number for each weight; a preconditioner of a square
    weight looks the same and is not recognised.

    Args:
        module: the module itself, not the ``DistributedDataParallel`` around it, whose names begin with "module.".
        optimizer: the optimizer whose ``step()`` moves the weights, not a wrapper of it.
        mask: bool tensors by parameter name, True = kept, in the parameters' shapes; any name of a tied parameter.

    Raises:
        UsageError: the mask does not fit the module, the ranks' masks differ, a masked parameter is in none of the
            optimizer's groups, or the optimizer cannot be held (LBFGS, SparseAdam, state of another shape); nothing
            was changed.  Sparse gradients and state that the first step makes are refused when they appear.

    Examples:
        >>> import torch
        >>> module = torch.nn.Linear(2, 1, bias=False)
        >>> optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
        >>> held = attach(module, optimizer, {"weight": torch.tensor([[True, False]])})
        >>> module(torch.ones(3, 2)).sum().backward()
        >>> optimizer.step()
        >>> module.weight[0, 1].item()
        0.0
    """
    return Held(module, optimizer, mask)


class Held:
    """A ``Held`` keeps one mask on one module; ``attach`` makes it.  As a context manager it detaches at the end.

    The module may be moved to another device or type, and states may be loaded: loaded weights are held from the next
    step, or at once by ``hold()``.  A deep copy or a pickle of the module carries no hooks.  Its pruned weights begin
    at zero, but nothing holds them there.
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
        """The mask, copied, on the device where it was used last."""
        return cast(Mask, {name: ~pruned.tensor for name, pruned in self._pruned.items()})

    @torch.no_grad()
    def hold(self) -> None:
        """Set pruned weights, gradients and optimizer state to +0.0 now.

        Each optimizer step does this by itself.  Call it after writing weights yourself (``module.load_state_dict``, a
        rewind), so that the next forward pass sees the mask.
        """
        gradients = {name: p.grad for name, p in self._parameters.items() if p.grad is not None}
        for name, gradient in gradients.items():
            _refuse_sparse(gradient, name)
        self._set_to_zero()
        for name, gradient in gradients.items():
            self._pruned[name].zero_(gradient)

    @torch.no_grad()
    def verify(self) -> None:
        """Check that every pruned weight and its optimizer state are +0.0, bit for bit.

        Raises:
            LotteryError: a pruned entry is not +0.0, or the module has another parameter of a masked name now.
        """
        parameters = dict(self._module.named_parameters(remove_duplicate=False))
        for name, parameter in self._parameters.items():
            if parameters.get(name) is not parameter:
                raise LotteryError(f"'{name}' is no longer the parameter that was attached. Attach again.")
            for label, tensor in self._tensors(name):
                pruned = tensor[self._pruned[name].like(tensor)]
                nonzero = _count_nonzero_bits(pruned)
                if nonzero:
                    raise LotteryError(
                        f"{nonzero} of {len(pruned)} pruned entries of {label} are not +0.0. They were written after "
                        "the last step; call hold()."
                    )

    def state_dict(self) -> dict[str, Tensor]:
        """Return the mask as bool tensors by parameter name, for ``torch.save`` or safetensors."""
        return dict(self.mask)

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Replace the held mask at once by ``state``, a mask of the same names and shapes.

        Raises:
            UsageError: names or shapes differ, or the ranks' masks differ.
        """
        if state.keys() != self._pruned.keys():
            raise UsageError(
                f"the held mask and the loaded one differ in {sorted(state.keys() ^ self._pruned.keys())}. "
                "To hold a mask of other tensors, detach and attach again."
            )
        algebra.check(cast(Mask, dict(state)), self._parameters)
        _refuse_disagreement(cast(Mask, dict(state)))
        for name, kept in state.items():
            self._pruned[name].set(kept)
        self.hold()

    def detach(self) -> None:
        """Remove all hooks; the weights stay as they are, and the next step may move them."""
        for handle in self._handles:
            handle.remove()

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *exception: object) -> None:
        self.detach()

    def _find(self, mask: Mask) -> dict[str, nn.Parameter]:
        """Return the masked parameters by name; refuse those that the optimizer does not move."""
        named = dict(self._module.named_parameters(remove_duplicate=False))
        algebra.check(mask, named)
        optimizer = type(self._optimizer).__name__
        trained = {id(parameter) for group in self._optimizer.param_groups for parameter in group["params"]}
        seen: dict[int, str] = {}
        for name in mask:
            parameter = named[name]
            if id(parameter) not in trained:
                raise UsageError(
                    f"the mask names '{name}', which is in no parameter group of {optimizer}. Give it to the "
                    "optimizer, or leave it out of the mask and set it once with lotterylab.apply."
                )
            if parameter.dim() == 0:
                raise UsageError(
                    f"the mask names '{name}', a single number: its state in {optimizer} looks like a step count. "
                    "Leave it out of the mask."
                )
            first = seen.setdefault(id(parameter), name)
            if first != name:
                raise UsageError(f"'{first}' and '{name}' are one tied parameter. Name it once in the mask.")
        return {name: named[name] for name in mask}

    def _tensors(self, name: str) -> Iterator[tuple[str, Tensor]]:
        """Yield the parameter and its optimizer state of the same shape, each with its label for errors."""
        parameter = self._parameters[name]
        yield f"'{name}'", parameter
        optimizer = type(self._optimizer).__name__
        for path, tensor in _walk(self._optimizer.state.get(parameter, {})):
            number = tensor.layout == torch.strided and (tensor.is_floating_point() or tensor.is_complex())
            if number and tensor.shape == parameter.shape:
                yield f"the state {path} of '{name}'", tensor
            elif tensor.numel() > 1:
                raise UsageError(
                    f"{optimizer} keeps a state {path} of {tuple(tensor.shape)} and {tensor.dtype} for '{name}' of "
                    f"{tuple(parameter.shape)}: it cannot be held entry by entry. Use an optimizer whose state is "
                    "floating point and has the shape of the parameter (SGD, Adam, AdamW, RMSprop, Adagrad)."
                )

    @torch.no_grad()
    def _set_to_zero(self) -> None:
        by_name = [(name, [tensor for _, tensor in self._tensors(name)]) for name in self._parameters]
        for name, tensors in by_name:  # _tensors has checked every parameter before the first is changed
            for tensor in tensors:
                self._pruned[name].zero_(tensor)

    def _after_step(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        self._set_to_zero()


def _on_gradient(parameter: nn.Parameter, pruned: Pruned, name: str) -> torch.utils.hooks.RemovableHandle:
    """Mask the gradient as soon as it is accumulated; the hook holds neither the module nor the optimizer."""

    def hook(parameter: Tensor) -> None:
        if parameter.grad is not None:
            _refuse_sparse(parameter.grad, name)
            with torch.no_grad():
                pruned.zero_(parameter.grad)

    frozen = not parameter.requires_grad  # torch puts hooks on trainable parameters only, and this may become trainable
    parameter.requires_grad_(True)
    handle = parameter.register_post_accumulate_grad_hook(hook)
    parameter.requires_grad_(not frozen)
    return handle


def _walk(value: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield (path, tensor) for all tensors inside dicts, lists and tuples."""
    if isinstance(value, Tensor):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _walk(inner, f"{path}[{key!r}]")
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _walk(inner, f"{path}[{index}]")


def _count_nonzero_bits(values: Tensor) -> int:
    """Count the entries of ``values``, ``(entries,)``, with any bit set, such as -0.0."""
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
    """Refuse masks that differ between the ranks of a distributed training."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return
    digests: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(digests, algebra.digest(mask))
    if len(set(digests)) > 1:
        raise UsageError(
            f"the ranks have different masks: {', '.join(str(digest)[:8] for digest in digests)}. Prune on one rank "
            "and broadcast the mask (torch.distributed.broadcast_object_list), or prune with one seed and batch on all."
        )


def _refuse_sparse(gradient: Tensor, name: str) -> None:
    if gradient.layout != torch.strided:
        raise UsageError(
            f"the gradient of '{name}' is {gradient.layout}, which cannot be masked in place. Use dense gradients "
            "(Embedding(sparse=False))."
        )
