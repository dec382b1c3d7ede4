"""An MLP is a fully connected network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from lotterylab.kernels.links import Links
from lotterylab.models.activations import function
from lotterylab.models.base import ModelSpec, check_counts, check_width, scaled

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Mlp(ModelSpec):
    """``Mlp`` is (linear - act) for each of ``widths``, then linear; with no ``widths`` it is logistic regression.

    The image is one vector of C H W numbers.  The layers have (inputs + 1) * outputs parameters each.

    Args:
        activation: a word of ``models.activations``.
        init: a word of ``models.inits``.
        shape: (C, H, W) of one input.
        classes: K, the number of logits.
        widths: units of the hidden layers.
        width: factor of all widths.

    Raises:
        UsageError: a word is not known, or a size is not a positive number.

    Examples:
        >>> sum(weight.numel() for weight in Mlp(shape=(1, 8, 8), widths=(20,)).build().parameters())  # 65 * 20 + 210
        1510
    """

    init: str = "glorot-normal"
    shape: tuple[int, int, int] = (1, 28, 28)
    widths: tuple[int, ...] = (300, 100)
    width: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_counts("widths", self.widths)
        check_width(self.width)

    def build(self, *, pool_first: bool = False) -> nn.Module:
        """Return the module, (B, C, H, W) -> (B, K); there is nothing to pool."""
        return linear_layers(self, tuple(scaled(units, self.width) for units in self.widths))


def linear_layers(spec: ModelSpec, widths: tuple[int, ...]) -> nn.Module:
    """Return a module of linear layers ``fc.0``, ``fc.1`` and so on, with the spec's activation between them."""
    from torch import nn

    act = function(spec.activation)
    sizes = (math.prod(spec.shape), *widths, spec.classes)

    class Module(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(sizes))
            self.links = Links(layers=tuple(f"fc.{place}" for place in range(len(self.fc))), activation=spec.activation)

        def forward(self, x):
            x = x.flatten(1)
            for layer in self.fc[:-1]:
                x = act(layer(x))
            return self.fc[-1](x)

    return Module()
