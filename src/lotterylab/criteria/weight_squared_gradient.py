"""The published activation study's "first-order GraSP" is -w g^2, and is named so here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, cast

from lotterylab.criteria.gradients import batch_of, leaves, loss_at, pruned, slopes
from lotterylab.types import Scores
from lotterylab.views import View
from lotterylab.words import check_above_0, check_words


@dataclass(frozen=True, kw_only=True)
class WeightSquaredGradient:
    """``score = -w g^2``, or ``+w g^2``: the published activation study's "first-order GraSP".

    The study calls it a first-order approximation of GraSP.  It is not one: GraSP's score is -w * (H g), and as
    g^2 >= 0 the sign of this score is the sign of the weight.  With ``keeps="negative"`` every positive weight with a
    nonzero gradient goes before any negative one; where g is exactly 0 (the weights of dead units) all scores tie at 0.

    The study divides the loss by 200 where the GraSP paper divides the logits.  A factor on the loss cannot change a
    ranking, except by underflow: g^2 / 200^2 can reach 0 in float32 where g^2 does not.

    Args:
        keeps: "negative" for the study's -w g^2, "positive" for the other end.
        loss_divisor: what the loss is divided by.

    Raises:
        UsageError: another word for ``keeps``, or a divisor that is not above 0.

    Examples:
        >>> import torch, lotterylab as ll
        >>> _ = torch.manual_seed(0)
        >>> layer, batch = torch.nn.Linear(8, 3), (torch.randn(20, 8), torch.randint(3, (20,)))
        >>> mask = ll.prune(layer, WeightSquaredGradient(), 0.5, batch=batch)
        >>> negative = layer.weight < 0
        >>> bool(mask["weight"][negative].double().mean() > mask["weight"][~negative].double().mean())
        True
    """

    version: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = True
    needs_shape: ClassVar[bool] = False
    needs_initial: ClassVar[bool] = False
    passes: ClassVar[int] = 3  # forward passes of each image: a gradient is one, and backward twice as much
    keeps: Literal["negative", "positive"] = "negative"
    loss_divisor: float = 200.0

    def __post_init__(self) -> None:
        check_words(self)
        check_above_0(self, "loss_divisor")

    def __call__(self, view: View) -> Scores:
        """-w g^2 or +w g^2 for each named parameter."""
        batch = batch_of(view, self)
        state, theta = leaves(view)
        g = slopes(loss_at(view, state, batch) / self.loss_divisor, theta)
        sign = -1.0 if self.keeps == "negative" else 1.0
        scores = (sign * t.detach() * a * a for t, a in zip(theta, g, strict=True))
        return cast(Scores, pruned(view, dict(zip(view.names, scores, strict=True))))
