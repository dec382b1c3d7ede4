"""Edge-popup: each layer keeps a fixed share of its weights, those of the highest trained scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lotterylab.gates.base import GATE, Draw, Gate, Trains, straight_through
from lotterylab.interventions.base import Intervening
from lotterylab.views import Change, View

if TYPE_CHECKING:
    import numpy
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class EdgePopup(Gate):
    """Each weight has a score s; its layer keeps the weights of the highest ``|s|``.   [ramanujan2020hidden, section 3]

    The gradient of a score is ``dL/dw' * w * sign(s)``, also for weights that are not kept: so they may come back.
    Scores begin as Kaiming-uniform numbers in [-b, b], b = 1 / sqrt(fan_in), as in the authors' code.

    Args:
        trains: "gates", "weights" or "both".
        keep: the share of each tensor that is kept; rounded to a whole number, of equal scores the first.

    Raises:
        UsageError: the share is not between 0 and 1.

    Examples:
        >>> import torch
        >>> EdgePopup(keep=0.5).kept(torch.tensor([0.1, -3.0, 2.0, 0.3]), torch.rand_like).tolist()
        [False, True, True, False]
    """

    trains: Trains = "gates"
    keep: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self.number("keep", 0, 1)

    def begin(self, weight: Tensor, generator: numpy.random.Generator) -> Tensor:
        """Return random scores."""
        import torch

        bound = max(weight[0].numel(), 1) ** -0.5
        return torch.from_numpy(generator.uniform(-bound, bound, size=tuple(weight.shape))).to(weight)

    def weight(self, theta: Tensor, gate: Tensor, heat: Tensor | float, draw: Draw) -> Tensor:
        """Return the weight where its score is among the highest, else 0."""
        return theta * straight_through(self.kept(gate, draw).to(theta.dtype), gate.abs())

    def kept(self, gate: Tensor, draw: Draw) -> Tensor:
        """Return the mask of the highest scores."""
        import torch

        scores = gate.detach().abs().flatten()
        count = round(self.keep * scores.numel())
        if count == 0:
            return torch.zeros_like(gate, dtype=torch.bool)
        lowest = scores.kthvalue(scores.numel() - count + 1).values
        above, equal = scores > lowest, scores == lowest
        first = equal & (equal.cumsum(0) <= count - above.sum())
        return (above | first).view(gate.shape)


@dataclass(frozen=True, kw_only=True)
class IteRand(EdgePopup):
    """Edge-popup, and now and then weights that are not kept are drawn anew.   [chijiwa2021pruning, algorithm 1]

    After every ``every`` updates each weight that its layer does not keep is drawn anew with probability ``share``, so
    that the search is not bound to the weights of the beginning.

    Differs from the authors' code: weights are ranked by ``|s|`` as in edge-popup, there by s.

    Args:
        trains: "gates", "weights" or "both".
        keep: the share of each tensor that is kept.
        every: K_per, in updates; 300 in the paper's experiments on CIFAR-10.
        share: r; 0 is edge-popup.
        draws: "fresh" weights of the initialisation, or "signs": the weight's own magnitude with a fresh sign, for
            weights of one magnitude (``combining.SignedConstant``).

    Raises:
        UsageError: a number is out of range.

    Examples:
        >>> IteRand(keep=0.5, every=100).during[0].every
        100
    """

    every: int = 300
    share: float = 0.1
    draws: Literal["fresh", "signs"] = "fresh"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.number("every", 1)
        self.number("share", 0, 1)

    @property
    def during(self) -> tuple[_Redraw, ...]:
        """The intervention that draws weights anew."""
        return (_Redraw(gate=self, every=self.every),)


@dataclass(frozen=True, kw_only=True)
class _Redraw(Intervening):
    """Draw some of the weights anew that ``IteRand`` does not keep."""

    gate: IteRand
    every: int

    @property
    def called(self) -> str:
        """The name in errors and events: that of the method."""
        return type(self.gate).__name__

    def __call__(self, view: View, carry: Mapping[str, Tensor]) -> Change:
        """Return new weights after every ``every`` updates."""
        import torch

        if view.step % self.every or not self.gate.share:
            return Change()
        assert view.fresh
        fresh, state, drawn = view.fresh("weights"), {}, 0
        for name in view.names:
            old = view.state[name]
            uniform = torch.from_numpy(view.stream("redraw", name).random(tuple(old.shape))).to(old.device)
            places = (uniform < self.gate.share) & ~self.gate.kept(view.state[GATE + name], torch.rand_like)
            new = fresh[name].to(old)
            state[name] = (old.abs().copysign(new) if self.gate.draws == "signs" else new).where(places, old)
            drawn += int(places.sum())
        return Change(state=state, events=({"drawn anew": drawn},))
