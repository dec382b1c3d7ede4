"""Magnitude pruning scores a weight by its absolute value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

from lotterylab.criteria.gradients import pruned
from lotterylab.types import Scores
from lotterylab.views import View


@dataclass(frozen=True, kw_only=True)
class Magnitude:
    """``score = |w|``: large weights stay.   [frankle2019lottery, section 1]

    The lottery ticket procedure scores trained weights; on initial weights this is "magnitude at initialisation".

    Examples:
        >>> import torch, lotterylab as ll
        >>> layer = torch.nn.Linear(4, 1, bias=False)
        >>> _ = layer.weight.data.copy_(torch.tensor([[0.5, -0.1, 0.2, -0.9]]))
        >>> ll.prune(layer, Magnitude(), 0.5)["weight"]
        tensor([[ True, False, False,  True]])
    """

    version: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = False
    needs_shape: ClassVar[bool] = False
    needs_initial: ClassVar[bool] = False

    def __call__(self, view: View) -> Scores:
        """|w| of each named parameter; 0 where an earlier mask removed it."""
        weights = pruned(view, {name: view.state[name].detach() for name in view.names})
        return cast(Scores, {name: weight.abs() for name, weight in weights.items()})
