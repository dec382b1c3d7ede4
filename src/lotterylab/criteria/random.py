"""Random pruning is the control that every criterion has to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, cast

from lotterylab.types import Scores
from lotterylab.views import View
from lotterylab.words import check_words


@dataclass(frozen=True, kw_only=True)
class Random:
    """``score ~ U[0, 1)``, independent of the weights."""

    version: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = False
    needs_shape: ClassVar[bool] = False
    needs_initial: ClassVar[bool] = False

    def __call__(self, view: View) -> Scores:
        """A uniform draw for each entry, from a stream of each tensor's own."""
        return cast(Scores, {name: _uniform(view, name) for name in view.names})


@dataclass(frozen=True, kw_only=True)
class RandomOfSign:
    """Random, but weights of the sign ``first`` go before all others: a mask of one sign that knows nothing else.

    ``score ~ U[0, 1)`` for entries of that sign, ``1 + U[0, 1)`` for the rest.  A control for criteria that turn out to
    test little but the sign of w, as the published activation study's ``-w g^2``.
    """

    version: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = False
    needs_shape: ClassVar[bool] = False
    needs_initial: ClassVar[bool] = False
    first: Literal["positive", "negative"] = "positive"

    def __post_init__(self) -> None:
        check_words(self)

    def __call__(self, view: View) -> Scores:
        """Uniform draws, the other sign lifted by one."""
        scores = {}
        for name in view.names:
            w = view.state[name]
            goes_first = w > 0 if self.first == "positive" else w < 0
            scores[name] = _uniform(view, name) + (~goes_first).to(w.dtype)
        return cast(Scores, scores)


def _uniform(view: View, name: str):
    import torch

    w = view.state[name]
    draw = view.stream("random", name).random(tuple(w.shape))
    return torch.from_numpy(draw).to(w.device)
