"""Inverted criteria are controls that must do worse if the scores carry information."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from lotterylab.types import Scores
from lotterylab.views import View


@dataclass(frozen=True, kw_only=True)
class Inverted:
    """``score = -criterion``: what it would keep goes first.   [frankle2021pruning, section 5]"""

    criterion: Any

    @property
    def needs_batch(self) -> bool:
        """As the criterion."""
        return self.criterion.needs_batch

    @property
    def needs_shape(self) -> bool:
        """As the criterion."""
        return self.criterion.needs_shape

    @property
    def needs_initial(self) -> bool:
        """As the criterion."""
        return self.criterion.needs_initial

    def __call__(self, view: View) -> Scores:
        """The criterion's scores with the other sign."""
        return cast(Scores, {name: -scores for name, scores in self.criterion(view).items()})
