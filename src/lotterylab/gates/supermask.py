"""Supermasks: a mask of random gates, trained while the weights stay as they were drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from lotterylab.gates.base import Draw, Gate, Trains, straight_through

if TYPE_CHECKING:
    import numpy
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Supermask(Gate):
    """A weight is kept with probability sigmoid(M); M is trained through the draw.   [zhou2019deconstructing, 5.2]

    The mask of a step is ``m = 1[u < sigmoid(M)]`` with uniform u, and its gradient is that of sigmoid(M), so that
    ``dL/dM = dL/dw' * w * sigmoid(M) (1 - sigmoid(M))`` for the weight ``w' = m w`` that the network uses.  The paper
    trains M with SGD at a rate of 100 and a momentum of 0.9.

    Differs from the paper's code: an evaluation draws one mask for all its images, by the same uniform numbers each
    time.

    Args:
        trains: "gates", "weights" or "both".
        start: the first M of each weight.
        test: the mask of evaluations: "sampled" as in training, or "threshold", sigmoid(M) > 1/2.
        rescale: whether kept weights are multiplied by entries over kept entries of their tensor.
            [zhou2019deconstructing, 5.2: dynamic weight rescaling]

    Examples:
        >>> import torch
        >>> gate, weight = torch.tensor([9.0, -9.0]), torch.tensor([2.0, 3.0])
        >>> Supermask().weight(weight, gate, 1.0, lambda like: torch.full_like(like, 0.5)).tolist()
        [2.0, 0.0]
    """

    decays: ClassVar[bool] = False
    trains: Trains = "gates"
    start: float = 0.0
    test: Literal["sampled", "threshold"] = "sampled"
    rescale: bool = False

    def begin(self, weight: Tensor, generator: numpy.random.Generator) -> Tensor:
        """Return M, the same number everywhere."""
        import torch

        return torch.full_like(weight, self.start)

    def weight(self, theta: Tensor, gate: Tensor, heat: Tensor | float, draw: Draw) -> Tensor:
        """Return the weight times a mask that is drawn."""
        chance = gate.sigmoid()
        kept = draw(gate) < chance
        return theta * straight_through(kept.to(theta.dtype), chance) * self.factor(kept)

    def kept(self, gate: Tensor, draw: Draw) -> Tensor:
        """Return the mask of evaluations."""
        return gate > 0 if self.test == "threshold" else draw(gate) < gate.sigmoid()

    def factor(self, kept: Tensor) -> float:
        """Return entries over kept entries where ``rescale`` asks for it."""
        count = int(kept.sum()) if self.rescale else 0
        return kept.numel() / count if count else 1.0
