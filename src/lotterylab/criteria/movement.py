"""How far a weight went in training, and how much it grew.   [zhou2019deconstructing]"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

from lotterylab.criteria.gradients import initial_of
from lotterylab.types import Scores
from lotterylab.views import View


@dataclass(frozen=True, kw_only=True)
class Movement:
    """``score = |w_f - w_i|``, final and initial weight.   [zhou2019deconstructing, section 2, "movement"]

    Not movement pruning, whose score is -sum w g over training.
    """

    version: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = False
    needs_shape: ClassVar[bool] = False
    needs_initial: ClassVar[bool] = True

    def __call__(self, view: View) -> Scores:
        """|w_f - w_i| of each named parameter."""
        initial = initial_of(view, self)
        return cast(Scores, {name: (view.state[name].detach() - initial[name]).abs() for name in view.names})


@dataclass(frozen=True, kw_only=True)
class MagnitudeIncrease:
    """``score = |w_f| - |w_i|``.   [zhou2019deconstructing, section 2, "magnitude increase"]"""

    version: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = False
    needs_shape: ClassVar[bool] = False
    needs_initial: ClassVar[bool] = True

    def __call__(self, view: View) -> Scores:
        """|w_f| - |w_i| of each named parameter; negative for one that shrank."""
        initial = initial_of(view, self)
        return cast(Scores, {name: view.state[name].detach().abs() - initial[name].abs() for name in view.names})
