"""Hold a mask in any training loop: ``held = attach(module, optimizer, mask)``, then train as before.

Weights, gradients and optimizer state are all masked.  With masked gradients alone, weight decay and momentum from
before the mask still move a pruned weight.  With masked weights alone, a gradient norm counts pruned weights too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, cast

import torch
from torch import Tensor, nn

from lotterylab.errors import LotteryError, UsageError
from lotterylab.interventions import check_interventions
from lotterylab.masks import algebra
from lotterylab.masks.shown import ShownMask
from lotterylab.training.attach_checks import find, refuse_disagreement, refuse_optimizer, refuse_sparse, tensors
from lotterylab.training.attached import Attached, refuse_options
from lotterylab.training.frozen import FROZEN, Frozen, read, refuse_both
from lotterylab.training.held import Pruned, check_all, on_gradient, set_all
from lotterylab.training.step_hooks import Bypass, Steps
from lotterylab.training.wrapped import Inside
from lotterylab.types import Mask, State
from lotterylab.views import Intervention

DURING = "during/"  # before the names of what interventions carry, in a state dict


def attach(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    mask: Mask,
    *,
    frozen: Mapping[str, Tensor] | None = None,
    during: Sequence[Intervention] = (),
    seed: int = 0,
    steps_per_epoch: int | None = None,
    total_steps: int | None = None,
    fresh: Callable[..., State] | None = None,
) -> Held:
    """Hold ``mask`` on the parameters of ``module`` while ``optimizer`` trains them.

    Every pruned weight and its optimizer state are +0.0 at once and after each ``optimizer.step()``.  They are set and
    not multiplied, so neither -0.0 nor NaN remains.  With ``frozen``, pruned weights are its values instead, bit for
    bit, as in the engine's ``Train(frozen=...)``.   [zhou2019deconstructing, 4.1]

    Pruned gradients are +0.0 after each ``backward()``, so gradient clipping and accumulation see what the step will
    use.

    With ``torch.distributed``, every rank must attach the same mask.  The ranks compare digests here, because with
    different masks they would silently train different networks.

    Optimizer state of the parameter's shape is taken to be one number for each weight; a preconditioner of a square
    weight looks the same and is not recognised.

    Args:
        module: the module itself, not the ``DistributedDataParallel`` around it, whose names begin with "module.".
        optimizer: the optimizer whose ``step()`` moves the weights, or a wrapper of it (accelerate, Lookahead, SAM,
            ``ZeroRedundancyOptimizer``): the optimizers inside and all that they keep for a weight are held too.
        mask: bool tensors by parameter name, True = kept, in the parameters' shapes; any name of a tied parameter.
        frozen: the values at which pruned weights are held, by the names of the mask, in the parameters' shapes and
            types, such as the module's initial ``state_dict()``; copied, other names are ignored.  None is 0.
        during: interventions (``lotterylab.interventions``), called after each ``optimizer.step()`` in this order.
            Gradients of pruned weights are those that ``backward()`` made, so a ``GradScaler`` must not scale them.
        seed: of what the interventions draw.
        steps_per_epoch: updates in an epoch, for interventions that act once an epoch.
        total_steps: updates of the training, for interventions that depend on its length.
        fresh: ``fresh(*names)`` returns initial weights drawn anew, by parameter name; by default as each layer's
            ``reset_parameters`` draws them.

    Raises:
        UsageError: the mask does not fit the module, the ranks' masks differ, a masked parameter is in none of the
            optimizer's groups, or the optimizer or one inside it cannot be held (LBFGS, SparseAdam, state of another
            shape, codes without a 0, no step hooks); nothing was changed.  The same holds for ``frozen`` if it lacks a
            name, has another shape or type, or a value that is not finite, or stands beside ``during``.  An
            intervention that does not fit is refused by its name.  Sparse gradients and state that the first step
            makes are refused when they appear.

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
    options = {"steps_per_epoch": steps_per_epoch, "total_steps": total_steps, "fresh": fresh}
    check_interventions(during)
    if not during:
        refuse_options(options)
    elif frozen is not None:
        refuse_both()
    held = Held(module, optimizer, mask, frozen)
    if during:
        held.intervene(during, seed=seed, **options)
    return held


class Held:
    """A ``Held`` keeps one mask on one module; ``attach`` makes it.  As a context manager it detaches at the end.

    The module may be moved to another device or type, and states may be loaded: loaded weights are held from the next
    step, or at once by ``hold()``.  A deep copy or a pickle of the module carries no hooks.  Its pruned weights begin
    at zero, but nothing holds them there.
    """

    def __init__(
        self,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        mask: Mask,
        frozen: Mapping[str, Tensor] | None = None,
    ) -> None:
        refuse_optimizer(optimizer)
        self._module = module
        self._optimizer = optimizer
        self.attached: Attached | None = None  # the interventions
        self._listeners: list[Callable[[int], None]] = []
        self._count, self._is_held = 0, True  # steps so far
        self._watchers: list[Callable[[str, Tensor, Tensor], None]] = []  # see gradients before they are masked
        self._inside = Inside(optimizer, dict(module.named_parameters(remove_duplicate=False)), mask)
        self._parameters, optimizers = find(module, self._inside, mask)
        self._frozen = None if frozen is None else Frozen(frozen, self._parameters)
        refuse_disagreement(mask, self._frozen and self._frozen.values)
        self._pruned = {name: Pruned(kept) for name, kept in mask.items()}
        self._shared = Mask({})
        self.hold()
        self._steps = Steps(optimizers, self._set, self._after_step)
        if not self._inside.is_plain:
            self._watchers.append(Bypass(optimizer, self._steps, self._parameters, self._frozen).see)
        self._handles = [
            on_gradient(parameter, self._pruned[name], name, self._watchers)
            for name, parameter in self._parameters.items()
        ]

    @property
    def mask(self) -> Mask:
        """The mask, copied, on the device where it was used last."""
        return cast(Mask, {name: ~pruned.tensor for name, pruned in self._pruned.items()})

    @property
    def shared(self) -> Mask:
        """The mask, not copied: one object until it changes or moves, so that a reader can tell by its identity."""
        kept = Mask({name: pruned.kept for name, pruned in self._pruned.items()})
        if any(self._shared.get(name) is not tensor for name, tensor in kept.items()):
            self._shared = kept
        return self._shared

    @property
    def stopped(self) -> bool:
        """Return whether an intervention has asked the training to end; the loop has to check it."""
        return self.attached is not None and self.attached.stopped

    @property
    def found(self) -> dict[str, Mask]:
        """The masks that interventions found, by name."""
        masks = {} if self.attached is None else self.attached.during.masks
        return {name: mask for name, mask in masks.items() if name}

    @property
    def kept(self) -> dict[str, State]:
        """The states that interventions kept, by name."""
        return {} if self.attached is None else dict(self.attached.during.kept)

    def intervene(self, interventions: Sequence[Intervention], **options: Any) -> None:
        """Call interventions after each step from here on; the options are those of ``Attached``.

        Raises:
            UsageError: an intervention does not fit, and the mask is released; or pruned weights are held at values
                other than 0.
        """
        if self._frozen is not None:
            refuse_both()
        try:
            self.attached = Attached(self, self._module, self._optimizer, interventions, **options)
        except BaseException:
            self.detach()
            raise
        self._watchers.append(self.attached.see)

    def listen(self, told: Callable[[int], None]) -> None:
        """Call ``told`` with the number of steps so far, after each of them."""
        self._listeners.append(told)

    def change(self, mask: Mask) -> None:
        """Hold another mask of the same names and shapes, at once.

        With ``frozen``, weights that are pruned now get its values; weights that are kept again go on from theirs.

        Raises:
            UsageError: names or shapes differ, or the ranks' masks differ.
        """
        self._change(mask, self._frozen)

    def _change(self, mask: Mask, frozen: Frozen | None) -> None:
        if mask.keys() != self._pruned.keys():
            raise UsageError(
                f"the held mask and the other one differ in {sorted(mask.keys() ^ self._pruned.keys())}. "
                "To hold a mask of other tensors, detach and attach again."
            )
        algebra.check(mask, self._parameters)
        refuse_disagreement(mask, frozen and frozen.values)
        self._frozen = frozen
        for name, kept in mask.items():
            self._pruned[name].set(kept)
        self.hold()

    @torch.no_grad()
    def hold(self) -> None:
        """Set pruned weights to +0.0 or to their frozen values, and their gradients and optimizer state to +0.0, now.

        Each optimizer step does this by itself.  Call it after writing weights yourself (``module.load_state_dict``, a
        rewind), so that the next forward pass sees the mask.
        """
        gradients = {name: p.grad for name, p in self._parameters.items() if p.grad is not None}
        for name, gradient in gradients.items():
            refuse_sparse(gradient, name)
        self._set()
        for name, gradient in gradients.items():
            self._pruned[name].zero_(gradient)

    @torch.no_grad()
    def verify(self) -> None:
        """Check that every pruned weight and its optimizer state are held at their values, bit for bit.

        Raises:
            LotteryError: a pruned entry is not +0.0 or its frozen value, or the module has another parameter of a
                masked name now.
        """
        parameters = dict(self._module.named_parameters(remove_duplicate=False))
        for name, parameter in self._parameters.items():
            if parameters.get(name) is not parameter:
                raise LotteryError(f"'{name}' is no longer the parameter that was attached. Attach again.")
        check_all(tensors(self._parameters, self._inside), self._pruned, self._parameters, self._frozen)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the mask as bool tensors by parameter name, for ``torch.save`` or safetensors.

        With interventions, what they carry is there too, under names that begin with "during/"; with ``frozen``, its
        values, under names that begin with "frozen/".
        """
        more = {} if self.attached is None else self.attached.state_dict()
        frozen = {} if self._frozen is None else self._frozen.state_dict()
        return {**self.mask, **frozen, **{f"{DURING}{name}": tensor for name, tensor in more.items()}}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Replace the held mask and the frozen values at once by ``state``, a mask of the same names and shapes.

        Raises:
            UsageError: names or shapes differ, the ranks' masks differ, the state is of other interventions, or only
                one side has frozen values; nothing was changed.
        """
        mask = Mask({name: tensor for name, tensor in state.items() if not name.startswith((DURING, FROZEN))})
        more = {name.removeprefix(DURING): tensor for name, tensor in state.items() if name.startswith(DURING)}
        frozen = read(state, self._frozen, self._parameters)
        if self.attached is not None and not more:
            raise UsageError("the state holds a mask and nothing of the interventions. Save held.state_dict().")
        begin = self.attached and self.attached.read(more)  # before the mask changes: it may be refused
        self._change(mask, frozen)
        if self.attached and begin:
            self.attached.go_on_from(begin)

    def detach(self) -> None:
        """Remove all hooks; the weights stay as they are, and the next step may move them."""
        self._is_held = False
        for handle in (self._steps, *self._handles):
            handle.remove()

    def __repr__(self) -> str:
        return f"{self._headline()}\n{ShownMask(self.mask)!r}"

    def _repr_html_(self) -> str:
        """Return the same with the mask as a table, which a notebook shows."""
        return f"<p>{escape(self._headline())}</p>{ShownMask(self.mask)._repr_html_()}"

    def _headline(self) -> str:
        where = f"{type(self._module).__name__} with {type(self._optimizer).__name__}"
        return f"{'held on' if self._is_held else 'released from'} {where}; steps so far: {self._count:,}"

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *exception: object) -> None:
        self.detach()

    @torch.no_grad()
    def _set(self) -> None:
        set_all(tensors(self._parameters, self._inside), self._pruned, self._parameters, self._frozen)

    def _after_step(self) -> None:
        if self.attached is not None:
            self.attached.after_step()
        self._count += 1
        for told in self._listeners:
            told(self._count)
