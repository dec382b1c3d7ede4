"""The interventions of a training: what each carries from step to step, and the masks that they made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import torch

from lotterylab.errors import UsageError
from lotterylab.training.during_checks import checked_carry, form, name_of, named_errors, problems
from lotterylab.types import Mask, State
from lotterylab.views import Change, Intervention, View

if TYPE_CHECKING:
    from torch import Tensor

HELD = ""  # the name of the mask that is held
# carried: the steps so far, a layer's weights, and how many of them were kept, summed over the steps
STEPS, ENTRIES, KEPT = "density/steps", "density/entries/", "density/kept/"
EVENTS = "events"  # metric: [step, intervention, what it says] for each event
KEPT_AT = "kept_at"  # metric: the step at which each kept state was last kept, by its name
STOPPED = "stopped_step"  # metric: the step at which an intervention ended the training


class During:
    """A ``During`` calls a training's interventions after each update, in their order.

    Args:
        interventions: frozen dataclasses, see ``lotterylab.interventions``.
        carry: of the checkpoint that the training goes on from; empty at its beginning.
        masks: of that checkpoint.
        metrics: of the training, to which events are added.
    """

    def __init__(
        self,
        interventions: Sequence[Intervention],
        carry: Mapping[str, Tensor],
        masks: Mapping[str, Mask],
        metrics: dict[str, Any],
    ) -> None:
        self.interventions = tuple(interventions)
        self.carry, self.masks, self.metrics = dict(carry), dict(masks), metrics
        self.kept: dict[str, State] = {}
        self._counts: tuple[Mask | None, dict[str, int]] = (None, {})  # of a mask, which seldom changes

    def __bool__(self) -> bool:
        return bool(self.interventions)

    @property
    def stopped(self) -> bool:
        """Return whether an intervention ended the training."""
        return STOPPED in self.metrics

    def begin(self, view: View) -> None:
        """Take the carry of each intervention, or check the carry of a checkpoint against it.

        Raises:
            UsageError: an intervention does not fit, or the checkpoint was written by other interventions.
        """
        begun = {}
        for number, intervention in enumerate(self.interventions):
            with named_errors(intervention, "at the beginning"):
                begun |= _named(number, checked_carry(intervention.begin(_seen_by(view, number))))
        begun[STEPS] = torch.tensor(0)
        for name, kept in (view.mask or {}).items():
            begun |= {f"{ENTRIES}{name}": torch.tensor(kept.numel()), f"{KEPT}{name}": torch.tensor(0)}
        if not self.carry:
            self.carry = {name: tensor.clone() for name, tensor in begun.items()}
        elif differing := sorted(form(self.carry).items() ^ form(begun).items()):
            name = differing[0][0]
            raise UsageError(
                f"{self._name(name)}: the checkpoint carries other tensors than the intervention begins with (first "
                f"difference: '{name}'). It was written by other code; remove the unfinished run, or use that code."
            )

    def after(self, view: View, put: Callable[[Change], View]) -> None:
        """Let each intervention change the training after an update.

        Args:
            view: the training as it is.
            put: writes a change's tensors into the training and holds its mask; returns the view after it.

        Raises:
            UsageError: a change does not fit the training; nothing of it was applied.
        """
        self.pass_by(view.mask)
        for number, intervention in enumerate(self.interventions):
            if not _acts(intervention, view.step, view.steps_per_epoch):
                continue
            with torch.no_grad(), named_errors(intervention, f"step {view.step}"):
                change = intervention(_seen_by(view, number), self._carry_of(number))
                for problem in problems(change, view, self._carry_of(number), intervention.keeps):
                    raise UsageError(problem)
            carry = _named(number, change.carry)
            self.carry |= {name: tensor.detach().clone() for name, tensor in carry.items()}
            self.masks |= {name: _copied(mask) for name, mask in change.found.items()}
            self.kept |= {name: cast(State, _copied(state)) for name, state in change.kept.items()}
            if change.kept:
                self.metrics[KEPT_AT] = {**self.metrics.get(KEPT_AT, {}), **dict.fromkeys(change.kept, view.step)}
            if change.mask is not None:
                self.masks[HELD] = _copied(change.mask)
            if change.events:
                said = [[view.step, name_of(intervention), dict(event)] for event in change.events]
                self.metrics[EVENTS] = [*self.metrics.get(EVENTS, ()), *said]
            if change.state or change.optimizer or change.mask is not None:
                view = put(change)
            if change.stop:
                self.metrics.setdefault(STOPPED, view.step)

    def summary(self) -> dict[str, Any]:
        """Return what the interventions say at the end, and "mean_kept": each layer's density over the steps."""
        found: dict[str, Any] = {}
        if steps := int(self.carry.get(STEPS, 0)):
            layers = [name.removeprefix(KEPT) for name in self.carry if name.startswith(KEPT)]
            entries = {name: int(self.carry[f"{ENTRIES}{name}"]) for name in layers}
            found["mean_kept"] = {name: int(self.carry[f"{KEPT}{name}"]) / steps / entries[name] for name in layers}
        for number, intervention in enumerate(self.interventions):
            found |= intervention.summary(self._carry_of(number))
        return found

    def is_due(self, step: int, steps_per_epoch: int | None) -> bool:
        """Return whether an intervention acts after this update."""
        return any(_acts(intervention, step, steps_per_epoch) for intervention in self.interventions)

    def pass_by(self, mask: Mask | None) -> None:
        """Count an update at which none acts, for the density over the steps.

        Args:
            mask: the mask that is held.
        """
        if mask is not self._counts[0]:
            self._counts = mask, {name: int(kept.sum()) for name, kept in (mask or {}).items()}
        self.carry[STEPS] = self.carry[STEPS] + 1
        for name, count in self._counts[1].items():
            self.carry[f"{KEPT}{name}"] = self.carry[f"{KEPT}{name}"] + count

    def _carry_of(self, number: int) -> dict[str, Tensor]:
        prefix = f"{number}/"
        return {name.removeprefix(prefix): tensor for name, tensor in self.carry.items() if name.startswith(prefix)}

    def _name(self, key: str) -> str:
        number = key.partition("/")[0]
        known = number.isdigit() and int(number) < len(self.interventions)
        return name_of(self.interventions[int(number)]) if known else "an intervention"


def _acts(intervention: Intervention, step: int, steps_per_epoch: int | None) -> bool:
    acts_at = getattr(intervention, "acts_at", None)
    return acts_at is None or bool(acts_at(step, steps_per_epoch))


def _seen_by(view: View, number: int) -> View:
    """Return the view with random streams of an intervention's own."""
    stream, fresh = view.stream, view.fresh

    def own_fresh(*names: object) -> State:
        assert fresh
        return fresh("during", number, view.step, *names)

    return replace(
        view,
        stream=lambda *names: stream("during", number, view.step, *names),
        fresh=own_fresh if fresh else None,
    )


def _named(number: int, carry: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{number}/{name}": tensor for name, tensor in carry.items()}


def _copied(tensors: Mapping[str, Tensor]) -> Mask:
    return cast(Mask, {name: tensor.detach().clone() for name, tensor in tensors.items()})
