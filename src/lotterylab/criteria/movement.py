"""Two criteria score a weight by its change in training.   [zhou2019deconstructing]"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

from lotterylab.criteria.gradients import final_and_initial
from lotterylab.types import Scores
from lotterylab.views import View


@dataclass(frozen=True, kw_only=True)
class Movement:
    """``score = |w_f - w_i|``, final and initial weight.   [zhou2019deconstructing, section 2, "movement"]

    It is not movement pruning, whose score is -sum w g over training.

    Examples:
        >>> import torch, lotterylab as ll
        >>> layer = torch.nn.Linear(3, 1, bias=False)
        >>> before = {"weight": layer.weight.detach() + torch.tensor([[0.1, -0.4, 0.3]])}
        >>> ll.prune(layer, Movement(), 0.34, initial=before)["weight"]
        tensor([[False,  True,  True]])
    """

    version: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = False
    needs_shape: ClassVar[bool] = False
    needs_initial: ClassVar[bool] = True

    def __call__(self, view: View) -> Scores:
        """|w_f - w_i| of each named parameter, in float32 or better."""
        final, initial = final_and_initial(view, self)
        return cast(Scores, {name: (final[name] - initial[name]).abs() for name in view.names})


@dataclass(frozen=True, kw_only=True)
class MagnitudeIncrease:
    """``score = |w_f| - |w_i|``: weights that grew stay.   [zhou2019deconstructing, section 2, "magnitude increase"]

    Examples:
        >>> import torch, lotterylab as ll
        >>> layer = torch.nn.Linear(3, 1, bias=False)
        >>> _ = layer.weight.data.copy_(torch.tensor([[0.5, -0.6, 0.3]]))
        >>> ll.prune(layer, MagnitudeIncrease(), 0.34, initial={"weight": torch.tensor([[0.9, 0.2, 0.1]])})["weight"]
        tensor([[False,  True,  True]])
    """

    version: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = False
    needs_shape: ClassVar[bool] = False
    needs_initial: ClassVar[bool] = True

    def __call__(self, view: View) -> Scores:
        """|w_f| - |w_i| of each named parameter, in float32 or better; negative for one that shrank."""
        final, initial = final_and_initial(view, self)
        return cast(Scores, {name: final[name].abs() - initial[name].abs() for name in view.names})
