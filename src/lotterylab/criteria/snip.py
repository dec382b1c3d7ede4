"""SNIP prunes by connection sensitivity, in a single shot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

from lotterylab.criteria.gradients import batch_of, leaves, loss_at, pruned, slopes
from lotterylab.types import Scores
from lotterylab.views import View


@dataclass(frozen=True, kw_only=True)
class Snip:
    """``score = |w * dL/dw|``, which is |dL/dc| for a gate c = 1 on the weight.   [lee2019snip, eq. 5]

    The paper divides by the sum of all scores, which changes no ranking.

    Differs from the authors' code: the weights that are scored are those that are trained afterwards (theirs are drawn
    anew after pruning), and biases are no candidates (theirs are, start at 0, score 0 and all go).

    With batch norm, the mask depends on the norms' mode, which the paper leaves open: its code scores with the initial
    running statistics.  ``prune`` leaves each layer in the mode it has.  Measured at 90 %: the masks of train and eval
    mode share 0.37 (ResNet-20), 0.45 (a shallow CNN) and 0.59 (VGG-11) of their weights.

    Examples:
        >>> import torch, lotterylab as ll
        >>> _ = torch.manual_seed(0)
        >>> layer, batch = torch.nn.Linear(8, 3), (torch.randn(20, 8), torch.randint(3, (20,)))
        >>> round(ll.sparsity(ll.prune(layer, Snip(), 0.75, batch=batch)), 2)
        0.75
    """

    version: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = True
    needs_shape: ClassVar[bool] = False
    needs_initial: ClassVar[bool] = False
    passes: ClassVar[int] = 3  # forward passes of each image: a gradient is one, and backward twice as much

    def __call__(self, view: View) -> Scores:
        """|w g| for each named parameter, in float32 or better; 0 where the loss does not depend on it."""
        batch = batch_of(view, self)
        state, theta = leaves(view)
        g = slopes(loss_at(view, state, batch), theta)
        scores = ((weight * gradient).detach().abs() for weight, gradient in zip(theta, g, strict=True))
        return cast(Scores, pruned(view, dict(zip(view.names, scores, strict=True))))
