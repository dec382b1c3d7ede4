"""LeNet-300-100 is the fully connected network of the first lottery-ticket paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lotterylab.models.base import ModelSpec, check_width, scaled
from lotterylab.models.mlp import linear_layers

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class LeNet300100(ModelSpec):
    """LeNet-300-100 is linear 300 - act - linear 100 - act - linear.   [lecun1998gradient, sec. III]

    It is the network of the tickets' paper [frankle2019lottery, fig. 2].  For 1 x 28 x 28 images and 10 classes it has
    266,610 parameters, of which 266,200 are weights (235,200 + 30,000 + 1,000).  Weights are drawn from Glorot's normal
    distribution, as in the tickets' paper; here it is not truncated.

    Args:
        activation: a word of ``models.activations``.
        init: a word of ``models.inits``.
        shape: (C, H, W) of one input.
        classes: K, the number of logits.
        width: factor of 300 and 100.

    Raises:
        UsageError: a word is not known, or a size is not a positive number.

    Examples:
        >>> sum(weight.numel() for weight in LeNet300100().build().parameters())
        266610
    """

    init: str = "glorot-normal"
    shape: tuple[int, int, int] = (1, 28, 28)
    width: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_width(self.width)

    def build(self, *, pool_first: bool = False) -> nn.Module:
        """Return the module, (B, C, H, W) -> (B, K); there is nothing to pool."""
        return linear_layers(self, (scaled(300, self.width), scaled(100, self.width)))
