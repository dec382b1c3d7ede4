"""Interventions in anybody's training loop: they are called after each ``optimizer.step()``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lotterylab import rng
from lotterylab.errors import UsageError
from lotterylab.network import network
from lotterylab.training.during import HELD, STOPPED, During
from lotterylab.training.slots import slot_name
from lotterylab.training.wrapped import Inside
from lotterylab.types import Checkpoint, Mask, State
from lotterylab.views import Change, Intervention, View

STEP = "step"
GROUPS = ("carry", "found", "kept")


class HeldMask(Protocol):
    """A mask that is held on a module: ``training.attach.Held``."""

    @property
    def shared(self) -> Mask:
        """The mask that is held now, not copied."""
        ...

    def change(self, mask: Mask) -> None:
        """Hold another mask."""
        ...

    def hold(self) -> None:
        """Set what is pruned to 0."""
        ...


class Attached:
    """An ``Attached`` runs interventions on a module that is held; ``attach(..., during=...)`` makes it.

    Args:
        held: the held mask.
        module: its module.
        optimizer: its optimizer.
        interventions: in the order in which they are called.
        seed: of what they draw.
        steps_per_epoch: updates in an epoch, for those that act once an epoch.
        total_steps: updates of the training, for those that depend on its length.
        fresh: ``fresh(*names)`` returns initial weights drawn anew; by default each layer's ``reset_parameters``.
        initial: the state before training; by default the module's.
        begin: the checkpoint that the training goes on from, of which the mask is held already; by default step 0.
    """

    def __init__(
        self,
        held: HeldMask,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        interventions: Sequence[Intervention],
        *,
        seed: int,
        steps_per_epoch: int | None,
        total_steps: int | None,
        fresh: Callable[..., State] | None,
        initial: State | None = None,
        begin: Checkpoint | None = None,
    ) -> None:
        self._held, self._module = held, module
        self._inside = Inside(optimizer, dict(module.named_parameters()))
        self._net, self._seed = network(module), seed
        self._steps_per_epoch, self._total_steps = steps_per_epoch, total_steps
        self._fresh = fresh or self._reset
        self._dense: dict[str, Tensor] = {}
        self._initial = initial or cast(State, {name: tensor.clone() for name, tensor in self._state().items()})
        begin = begin or Checkpoint(step=0, state=self._initial, optimizer={}, kept={}, metrics={})
        self.step = begin.step
        self.during = self._begun(interventions, begin)

    @property
    def stopped(self) -> bool:
        """Return whether an intervention has asked the training to end."""
        return self.during.stopped

    def see(self, name: str, gradient: Tensor, pruned: Tensor) -> None:
        """Take the gradient of a masked parameter before its pruned entries are set to 0, summed over ``backward``."""
        dense, earlier = gradient.detach().clone(), self._dense.get(name)
        self._dense[name] = dense if earlier is None else dense + earlier.where(pruned, 0.0)

    def after_step(self) -> None:
        """Call the interventions; the update has been made, and the mask is held."""
        self.step += 1
        self.during.after(self._view(), self._put)
        self._dense.clear()

    def state_dict(self) -> dict[str, Tensor]:
        """Return the step, the carries, the masks found and the states kept, as flat names."""
        flat = {STEP: torch.tensor(self.step)} | {f"carry/{name}": one for name, one in self.during.carry.items()}
        for group, parts in (("found", self.during.masks), ("kept", self.during.kept)):
            for part, tensors in parts.items():
                flat |= {f"{group}/{part}/{name}": tensor for name, tensor in tensors.items() if part != HELD}
        if self.stopped:
            flat[STOPPED] = torch.tensor(self.during.metrics[STOPPED])
        return flat

    def read(self, state: Mapping[str, Tensor]) -> Checkpoint:
        """Return what ``state_dict`` returned as a checkpoint.

        Raises:
            UsageError: it is of other interventions.
        """
        groups: dict[str, dict[str, Tensor]] = {group: {} for group in GROUPS}
        for name, tensor in state.items():
            group, _, rest = name.partition("/")
            if group in groups:
                groups[group][rest] = tensor
        begin = Checkpoint(
            step=int(state[STEP]),
            state=self._state(),
            optimizer={},
            kept=cast(dict[str, State], _by_part(groups["kept"])),
            metrics={STOPPED: int(state[STOPPED])} if STOPPED in state else {},
            carry=groups["carry"],
            masks=_by_part(groups["found"]),
        )
        self._begun(self.during.interventions, begin)  # which refuses another carry
        return begin

    def go_on_from(self, begin: Checkpoint) -> None:
        """Go on from a checkpoint whose mask is held."""
        self.during, self.step = self._begun(self.during.interventions, begin), begin.step

    def _begun(self, interventions: Sequence[Intervention], begin: Checkpoint) -> During:
        during = During(interventions, begin.carry, begin.masks, dict(begin.metrics))
        during.begin(replace(self._view(), step=begin.step))
        during.kept = dict(begin.kept)
        return during

    def _state(self) -> State:
        tensors = {**dict(self._module.named_parameters()), **dict(self._module.named_buffers())}
        return cast(State, {name: tensor.detach() for name, tensor in tensors.items()})

    def _slots(self) -> dict[str, Tensor]:
        """Return the optimizer's state tensors of a parameter's shape, "momentum_buffer/fc.weight"."""
        found, states = {}, self._inside.states()
        for name, parameter in self._module.named_parameters():
            for part, state in states.get(id(parameter), ()):
                for slot, tensor in state.items():
                    if isinstance(tensor, Tensor) and tensor.shape == parameter.shape:
                        found[f"{slot_name(part, slot)}/{name}"] = tensor
        return found

    def _view(self) -> View:
        gradients = {name: p.grad.detach() for name, p in self._module.named_parameters() if p.grad is not None}
        mask = self._held.shared
        groups = (group for part in self._inside.parts().values() for group in getattr(part, "param_groups", ()))
        rates = {float(group["lr"]) for group in groups if "lr" in group}
        return View(
            net=self._net,
            loss=cross_entropy,
            state=self._state(),
            names=tuple(mask),
            batch=None,
            stream=lambda *names: rng.stream(self._seed, *names),
            mask=mask,
            initial=self._initial,
            step=self.step,
            gradients={**gradients, **self._dense},
            optimizer=self._slots(),
            fresh=self._fresh,
            steps_per_epoch=self._steps_per_epoch,
            total_steps=self._total_steps,
            lr=rates.pop() if len(rates) == 1 else None,
        )

    def _put(self, change: Change) -> View:
        state, slots = self._state(), self._slots()
        with torch.no_grad():
            for name, tensor in change.state.items():
                state[name].copy_(tensor)
            for name, tensor in change.optimizer.items():
                slots[name].copy_(tensor)
        if change.mask is None:
            self._held.hold()
        else:
            self._held.change(change.mask)  # which holds it
        return self._view()

    def _reset(self, *names: object) -> State:
        """Return weights as each layer's own ``reset_parameters`` draws them, under a seed for the purpose."""
        import copy

        module = copy.deepcopy(self._module)
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(rng.key(self._seed, *map(str, names)) & (2**63 - 1))
            for layer in module.modules():
                if callable(reset := getattr(layer, "reset_parameters", None)):
                    reset()
        return cast(State, {name: tensor.detach() for name, tensor in module.named_parameters()})


def _by_part(flat: Mapping[str, Tensor]) -> dict[str, Mask]:
    """Return part -> name -> tensor of names "part/name"."""
    parts: dict[str, dict[str, Tensor]] = {}
    for key, tensor in flat.items():
        part, _, name = key.partition("/")
        parts.setdefault(part, {})[name] = tensor
    return cast(dict[str, Mask], parts)


def refuse_options(options: Mapping[str, Any]) -> None:
    """Refuse settings of interventions where there is none."""
    given = [name for name, value in options.items() if value]
    if given:
        raise UsageError(f"{given[0]} was given without during=. Name the interventions, or leave it out.")
