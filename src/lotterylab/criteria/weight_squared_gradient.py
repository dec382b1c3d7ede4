"""The published activation study's "first-order GraSP" is -w g^2, and is named so here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, cast

from lotterylab.criteria.gradients import batch_of, leaves, loss_at, pruned, slopes
from lotterylab.types import Scores
from lotterylab.views import View
from lotterylab.words import check_words


@dataclass(frozen=True, kw_only=True)
class WeightSquaredGradient:
    """``score = -w g^2`` (``keeps="negative"``, the study's) or ``+w g^2`` (``keeps="positive"``, the other end).

    The study calls it a first-order approximation of GraSP.  It is not one: GraSP's score is -w * (H g), and as
    g^2 >= 0 the sign of this score is the sign of the weight.  With ``keeps="negative"`` every positive weight with a
    nonzero gradient goes before any negative one; where g is exactly 0 (the weights of dead units) all scores tie at 0.

    The study divides the loss by 200 where the GraSP paper divides the logits; a factor on the loss cannot change a
    ranking (but for underflow: g^2 / 200^2 can reach 0 in float32 where g^2 does not), so ``loss_divisor`` is 200.
    """

    version: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = True
    needs_shape: ClassVar[bool] = False
    needs_initial: ClassVar[bool] = False
    keeps: Literal["negative", "positive"] = "negative"
    loss_divisor: float = 200.0

    def __post_init__(self) -> None:
        check_words(self)

    def __call__(self, view: View) -> Scores:
        """-w g^2 or +w g^2 for each named parameter."""
        batch = batch_of(view, self)
        state, theta = leaves(view)
        g = slopes(loss_at(view, state, batch) / self.loss_divisor, theta)
        sign = -1.0 if self.keeps == "negative" else 1.0
        scores = (sign * t.detach() * a * a for t, a in zip(theta, g, strict=True))
        return cast(Scores, pruned(view, dict(zip(view.names, scores, strict=True))))
