"""Gradual magnitude pruning removes weights while the network trains, by a cubic schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from lotterylab.interventions.base import Intervening, held_mask
from lotterylab.masks.select import select
from lotterylab.types import Scores
from lotterylab.views import Change, View

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Gradual(Intervening):
    """The sparsity rises to ``s_f + (s_i - s_f) * (1 - (t - t_0) / (n dt))^3`` at t = t_0, t_0 + dt, ..., t_0 + n dt.

    At each of these steps the lowest ``|w|`` of the kept weights leave, and are held from then on.
    [zhu2017prune, eq. 1]

    Args:
        sparsity: s_f, cumulative over all maskable weights.
        begin_step: t_0, the first update after which weights leave.
        end_step: t_0 + n dt, at which s_f is reached.
        every: dt, in updates.
        initial: s_i.
        scope: how ``select`` shares the removals among layers; the paper's is "layerwise".

    Raises:
        UsageError: a number is out of range, or the last step is not a whole number of ``every`` after the first.

    Examples:
        >>> gradual = Gradual(sparsity=0.9, begin_step=0, end_step=100, every=50)
        >>> [round(gradual.target(step), 4) for step in (0, 50, 100)]
        [0.0, 0.7875, 0.9]
    """

    sparsity: float
    begin_step: int
    end_step: int
    every: int = 100
    initial: float = 0.0
    scope: Literal["global", "layerwise", "uniform", "erk", "balanced"] = "layerwise"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.share("sparsity", self.sparsity, whole=False)
        self.share("initial", self.initial, whole=False)
        self.count("every", self.every)
        if self.begin_step < 0 or self.end_step <= self.begin_step or (self.end_step - self.begin_step) % self.every:
            raise self.refuse(
                f"steps {self.begin_step} to {self.end_step}, every {self.every}. Give a last step that lies a whole "
                "number of 'every' after the first."
            )

    def target(self, step: int) -> float:
        """Return the sparsity at a step of the schedule."""
        done = (step - self.begin_step) / (self.end_step - self.begin_step)
        return self.sparsity + (self.initial - self.sparsity) * (1 - done) ** 3

    def last_change(self, total_steps: int) -> int:
        """Return the step at which the final sparsity is reached."""
        return self.end_step

    def acts_at(self, step: int, steps_per_epoch: int | None) -> bool:
        """Return whether it is a step of the schedule."""
        return self.begin_step <= step <= self.end_step and (step - self.begin_step) % self.every == 0

    def begin(self, view: View) -> Mapping[str, Tensor]:
        """Check that the schedule ends within the training."""
        self.check_end(view, self.end_step)
        return {}

    def __call__(self, view: View, carry: Mapping[str, Tensor]) -> Change:
        """Return the mask of the schedule's step; nothing between two steps."""
        if not self.acts_at(view.step, view.steps_per_epoch):
            return Change()
        mask = held_mask(view)
        entries = sum(kept.numel() for kept in mask.values())
        reached = 1 - sum(int(kept.sum()) for kept in mask.values()) / entries
        target = self.target(view.step)
        if target <= reached:
            return Change()
        weights = {name: view.state[name].abs().where(kept, 0.0) for name, kept in mask.items()}
        return Change(mask=select(cast(Scores, weights), round(target, 12), mask=mask, scope=self.scope))
