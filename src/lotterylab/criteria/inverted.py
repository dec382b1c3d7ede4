"""Inverted criteria are controls that must do worse if the scores carry information."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from lotterylab.types import Scores
from lotterylab.views import Criterion, View


@dataclass(frozen=True, kw_only=True)
class Inverted:
    """``score = -criterion``: what the criterion would keep goes first.   [frankle2021pruning, section 5]

    A control that must do worse, if the scores say anything.

    Args:
        criterion: the criterion to turn around.

    Examples:
        >>> import torch, lotterylab as ll
        >>> layer = torch.nn.Linear(4, 1, bias=False)
        >>> _ = layer.weight.data.copy_(torch.tensor([[0.5, -0.1, 0.2, -0.9]]))
        >>> ll.prune(layer, Inverted(criterion=ll.criteria.Magnitude()), 0.5)["weight"]
        tensor([[False,  True,  True, False]])
    """

    criterion: Criterion

    @property
    def needs_batch(self) -> bool:
        """Return the criterion's flag."""
        return self.criterion.needs_batch

    @property
    def needs_shape(self) -> bool:
        """Return the criterion's flag."""
        return self.criterion.needs_shape

    @property
    def needs_initial(self) -> bool:
        """Return the criterion's flag."""
        return self.criterion.needs_initial

    def __call__(self, view: View) -> Scores:
        """The criterion's scores with the other sign."""
        return cast(Scores, {name: -scores for name, scores in self.criterion(view).items()})
