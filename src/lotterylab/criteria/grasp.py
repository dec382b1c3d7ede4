"""GraSP prunes by gradient signal preservation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

from lotterylab.criteria.gradients import batch_of, hessian_times, leaves, loss_at, pruned, slopes
from lotterylab.types import Scores
from lotterylab.views import View
from lotterylab.words import check_above_0


@dataclass(frozen=True, kw_only=True)
class Grasp:
    """``score = +theta * (H g)``, H and g of the mean ``loss(logits / T)``.   [wang2020picking, eq. 8, algorithm 1]

    The paper's S(-theta) = -theta * (H g) is the first-order change of ||g||^2 when a weight is removed (the factor 2
    dropped), and it removes the HIGHEST S.  Here higher = keep, so the sign is turned.  H g is exact: the gradient of
    ``<g, stop(g)>``, whose value is ||g||^2 and whose derivative is H stop(g).  If the network is pruned already, H and
    g are those of the kept weights alone.

    Differs from the authors' code: one batch instead of two class-sorted halves, each with batch statistics of its own;
    the classifier is scored on the weights that are trained, not on fresh ones; no division by the sum of scores; ties
    and counts are those of ``select`` (theirs keeps one weight more, and all ties at the cut:
    ``ties="grasp-official"``).

    Measured at 90 and 98 % on narrow networks: without batch norm, and with the classifier as it is, the halves have
    the mask of the whole batch.  With batch norm, 0.21 to 0.83 of the weights that the authors' code keeps are ours.
    Beyond 50 % a layer can become empty, as with every global cut in one round.

    Args:
        temperature: T.  It matters for the ranking, because it changes the softmax and not only the scale.

    Raises:
        UsageError: the temperature is not above 0.

    Examples:
        >>> import torch, lotterylab as ll
        >>> _ = torch.manual_seed(0)
        >>> layer, batch = torch.nn.Linear(8, 3), (torch.randn(20, 8), torch.randint(3, (20,)))
        >>> round(ll.sparsity(ll.prune(layer, Grasp(temperature=200.0), 0.75, batch=batch)), 2)
        0.75
    """

    version: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = True
    needs_shape: ClassVar[bool] = False
    needs_initial: ClassVar[bool] = False
    passes: ClassVar[int] = 9  # forward passes of each image: 3 of a gradient, 6 of a product with the Hessian
    temperature: float = 200.0

    def __post_init__(self) -> None:
        check_above_0(self, "temperature")

    def __call__(self, view: View) -> Scores:
        """theta * (H g) for each named parameter, in float32 or better."""
        from torch.nn.attention import SDPBackend, sdpa_kernel

        batch = batch_of(view, self)
        state, theta = leaves(view)
        with sdpa_kernel(SDPBackend.MATH):  # the fused kernels of attention have no second derivative
            loss = loss_at(view, state, batch, self.temperature)
        g = slopes(loss, theta, create_graph=True)
        hg = hessian_times(g, theta, [a.detach() for a in g])
        scores = ((t.detach() * h).detach() for t, h in zip(theta, hg, strict=True))
        return cast(Scores, pruned(view, dict(zip(view.names, scores, strict=True))))
