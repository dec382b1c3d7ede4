"""Random pruning is the control that every criterion has to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, cast

from lotterylab.types import Scores
from lotterylab.views import View
from lotterylab.words import check_words


@dataclass(frozen=True, kw_only=True)
class Random:
    """``score ~ U[0, 1)``: a mask that knows nothing of the weights.

    Examples:
        >>> import torch, lotterylab as ll
        >>> layer = torch.nn.Linear(100, 10)
        >>> ll.masks.kept(ll.prune(layer, Random(), 0.9, seed=3))
        100
    """

    version: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = False
    needs_shape: ClassVar[bool] = False
    needs_initial: ClassVar[bool] = False

    def __call__(self, view: View) -> Scores:
        """A uniform draw for each entry, from a stream of each tensor's own."""
        return cast(Scores, {name: _uniform(view, name) for name in view.names})


@dataclass(frozen=True, kw_only=True)
class RandomOfSign:
    """``score ~ U[0, 1)``, but all weights of one sign go before any other: a mask that knows the signs alone.

    The score is U[0, 1) for weights of the sign ``first`` and 1 + U[0, 1) for the rest.  It is a control for criteria
    that turn out to test little but the sign of w, such as the published activation study's ``-w g^2``.

    Args:
        first: the sign that goes first, "positive" or "negative".

    Raises:
        UsageError: another word for the sign.

    Examples:
        >>> import torch, lotterylab as ll
        >>> layer = torch.nn.Linear(4, 1, bias=False)
        >>> _ = layer.weight.data.copy_(torch.tensor([[0.5, -0.1, 0.2, -0.9]]))
        >>> ll.prune(layer, RandomOfSign(first="positive"), 0.5)["weight"]
        tensor([[False,  True, False,  True]])
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
