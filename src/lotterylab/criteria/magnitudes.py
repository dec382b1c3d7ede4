"""Five criteria score a weight by its magnitude before and after training.   [zhou2019deconstructing]"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from lotterylab.criteria.gradients import at_least_float32, final_and_initial, pruned
from lotterylab.types import Scores
from lotterylab.views import View

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class SmallFinal:
    """``score = -|w_f|``: small final weights stay.   [zhou2019deconstructing, section 2, "small final"]

    The opposite of ``Magnitude``, and the control that it has to beat.

    Examples:
        >>> import torch, lotterylab as ll
        >>> layer = torch.nn.Linear(4, 1, bias=False)
        >>> _ = layer.weight.data.copy_(torch.tensor([[0.5, -0.1, 0.2, -0.9]]))
        >>> ll.prune(layer, SmallFinal(), 0.5)["weight"]
        tensor([[False,  True,  True, False]])
    """

    version: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = False
    needs_shape: ClassVar[bool] = False
    needs_initial: ClassVar[bool] = False

    def __call__(self, view: View) -> Scores:
        """-|w_f| of each named parameter, in float32 or better."""
        final = pruned(view, {name: at_least_float32(view.state[name].detach()) for name in view.names})
        return cast(Scores, {name: -weight.abs() for name, weight in final.items()})


@dataclass(frozen=True, kw_only=True)
class LargeInit:
    """``score = |w_i|``: large initial weights stay.   [zhou2019deconstructing, section 2, "large init"]

    ``Magnitude`` on the initial network makes the same mask.  This criterion also works on a trained network, as in the
    later rounds of iterative pruning.

    Examples:
        >>> import torch, lotterylab as ll
        >>> layer = torch.nn.Linear(4, 1, bias=False)
        >>> before = {"weight": torch.tensor([[0.5, -0.1, 0.2, -0.9]])}
        >>> ll.prune(layer, LargeInit(), 0.5, initial=before)["weight"]
        tensor([[ True, False, False,  True]])
    """

    version: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = False
    needs_shape: ClassVar[bool] = False
    needs_initial: ClassVar[bool] = True

    def __call__(self, view: View) -> Scores:
        """|w_i| of each named parameter, in float32 or better."""
        _, initial = final_and_initial(view, self)
        return cast(Scores, {name: weight.abs() for name, weight in initial.items()})


@dataclass(frozen=True, kw_only=True)
class SmallInit:
    """``score = -|w_i|``: small initial weights stay.   [zhou2019deconstructing, section 2, "small init"]

    Examples:
        >>> import torch, lotterylab as ll
        >>> layer = torch.nn.Linear(4, 1, bias=False)
        >>> before = {"weight": torch.tensor([[0.5, -0.1, 0.2, -0.9]])}
        >>> ll.prune(layer, SmallInit(), 0.5, initial=before)["weight"]
        tensor([[False,  True,  True, False]])
    """

    version: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = False
    needs_shape: ClassVar[bool] = False
    needs_initial: ClassVar[bool] = True

    def __call__(self, view: View) -> Scores:
        """-|w_i| of each named parameter, in float32 or better."""
        _, initial = final_and_initial(view, self)
        return cast(Scores, {name: -weight.abs() for name, weight in initial.items()})


@dataclass(frozen=True, kw_only=True)
class LargeInitLargeFinal:
    """``score = min(rank of |w_i|, rank of |w_f|)``: weights that are large before and after training stay.

    [zhou2019deconstructing, section 2, "large init, large final"]  The paper writes min(alpha |w_f|, |w_i|), with an
    alpha for each layer that aligns the percentiles of the two magnitudes.  The authors' code keeps a weight if both
    magnitudes reach the same percentile p of their layer.  That is a cut at p through the ranks used here: the share of
    the tensor's kept weights with a smaller magnitude, in [0, 1).

    Differs from the authors' code: it searches p by bisection and may miss the requested count; here the count is that
    of ``select``.  The ranks are those within a tensor, as in the paper; with ``scope="global"`` they compete.

    Examples:
        >>> import torch, lotterylab as ll
        >>> layer = torch.nn.Linear(4, 1, bias=False)
        >>> _ = layer.weight.data.copy_(torch.tensor([[0.5, -0.1, 0.2, -0.9]]))
        >>> before = {"weight": torch.tensor([[3.0, 4.0, 1.0, -2.0]])}
        >>> ll.score(layer, LargeInitLargeFinal(), initial=before)["weight"].tolist()
        [[0.5, 0.0, 0.0, 0.25]]
    """

    version: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = False
    needs_shape: ClassVar[bool] = False
    needs_initial: ClassVar[bool] = True

    def __call__(self, view: View) -> Scores:
        """The lower of the two ranks of each named parameter, as float64; 0 where an earlier mask removed it."""
        return _lower_rank(view, self, 1)


@dataclass(frozen=True, kw_only=True)
class SmallInitSmallFinal:
    """``score = min(rank of -|w_i|, rank of -|w_f|)``: weights that are small before and after training stay.

    [zhou2019deconstructing, section 2, "small init, small final"]  The paper writes -max(alpha |w_f|, |w_i|).  See
    ``LargeInitLargeFinal`` for alpha, the ranks and the differences from the authors' code.

    Examples:
        >>> import torch, lotterylab as ll
        >>> layer = torch.nn.Linear(4, 1, bias=False)
        >>> _ = layer.weight.data.copy_(torch.tensor([[0.5, -0.1, 0.2, -0.9]]))
        >>> before = {"weight": torch.tensor([[3.0, 4.0, 1.0, -2.0]])}
        >>> ll.score(layer, SmallInitSmallFinal(), initial=before)["weight"].tolist()
        [[0.25, 0.0, 0.5, 0.0]]
    """

    version: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = False
    needs_shape: ClassVar[bool] = False
    needs_initial: ClassVar[bool] = True

    def __call__(self, view: View) -> Scores:
        """The lower of the two ranks of each named parameter, as float64; 0 where an earlier mask removed it."""
        return _lower_rank(view, self, -1)


def _lower_rank(view: View, who: LargeInitLargeFinal | SmallInitSmallFinal, sign: int) -> Scores:
    """Return min(rank of sign |w_i|, rank of sign |w_f|) among the kept weights of each tensor."""
    import torch

    final, initial = final_and_initial(view, who)
    scores = {}
    for name, after in final.items():
        kept = torch.ones_like(after, dtype=torch.bool) if view.mask is None else view.mask.get(name)
        kept = torch.ones_like(after, dtype=torch.bool) if kept is None else kept.to(after.device)
        scores[name] = torch.zeros(after.shape, dtype=torch.float64, device=after.device)
        ranks = (_ranks(sign * weight[kept].abs()) for weight in (initial[name], after))
        scores[name][kept] = torch.minimum(*ranks)
    return cast(Scores, scores)


def _ranks(values: Tensor) -> Tensor:
    """Return the share of smaller values for each of the values ``(k,)``; equal values have equal ranks."""
    import torch

    return torch.searchsorted(values.sort().values, values).double() / max(len(values), 1)
