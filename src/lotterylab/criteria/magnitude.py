"""Magnitude pruning scores a weight by its absolute value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

from lotterylab.criteria.gradients import pruned
from lotterylab.types import Scores
from lotterylab.views import View


@dataclass(frozen=True, kw_only=True)
class Magnitude:
    """``score = |w|``.   [frankle2019lottery, section 1]

    Of the trained weights in the lottery ticket procedure; of the initial ones it is "magnitude at initialisation".
    """

    version: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = False
    needs_shape: ClassVar[bool] = False
    needs_initial: ClassVar[bool] = False

    def __call__(self, view: View) -> Scores:
        """|w| of each named parameter; 0 where an earlier mask removed it."""
        weights = pruned(view, {name: view.state[name].detach() for name in view.names})
        return cast(Scores, {name: weight.abs() for name, weight in weights.items()})
