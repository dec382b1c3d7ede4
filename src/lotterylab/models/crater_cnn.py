"""CraterCNN is the network of RandomOut's first version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lotterylab.models.activations import function
from lotterylab.models.base import ModelSpec, check_width, scaled

if TYPE_CHECKING:
    from torch import nn

FILTERS, HIDDEN = 20, 500


@dataclass(frozen=True, kw_only=True)
class CraterCnn(ModelSpec):
    """``CraterCnn`` is conv 4x4 - norm - act - conv 4x4 - norm - act - linear - linear.   [cohen2016randomout]

    The convolutions have 20 filters and padding 1, so that each takes off a row and a column of pixels.  The first
    linear layer has 500 units and no activation behind it.  For 1 x 15 x 15 images and 10 classes there are 1,702,310
    parameters.

    The shape is that of the network file that the first author released for a crater detector, which has two classes.
    Whether the paper's runs had its norms is not known.  Differs from that file: its convolutions have biases under
    the norms, and the scales of its norms are fixed at 1.

    Args:
        activation: a word of ``models.activations``.
        init: a word of ``models.inits``.
        shape: (C, H, W) of one input.
        classes: K, the number of logits.
        batch_norm: whether each convolution is normalised; it has a bias otherwise.
        width: factor of all channels and hidden units.

    Raises:
        UsageError: a word is not known, or a size does not fit.

    Examples:
        >>> [tuple(weight.shape) for weight in CraterCnn().build().parameters() if weight.dim() == 4]
        [(20, 1, 4, 4), (20, 20, 4, 4)]
    """

    init: str = "he-normal"
    shape: tuple[int, int, int] = (1, 15, 15)
    batch_norm: bool = True
    width: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_width(self.width)

    @property
    def smallest(self) -> int:
        """Return the least size from which two convolutions leave a pixel."""
        return 3

    def build(self, *, pool_first: bool = False) -> nn.Module:
        """Return the module, (B, C, H, W) -> (B, K); nothing is pooled."""
        return _build(self, function(self.activation))


def _build(spec: CraterCnn, act: Callable) -> nn.Module:
    from torch import nn

    filters, hidden = scaled(FILTERS, spec.width), scaled(HIDDEN, spec.width)
    channels, height, width = spec.shape
    bias, norm = not spec.batch_norm, nn.BatchNorm2d if spec.batch_norm else nn.Identity

    class Module(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(channels, filters, 4, padding=1, bias=bias)
            self.conv2 = nn.Conv2d(filters, filters, 4, padding=1, bias=bias)
            self.norm1, self.norm2 = norm(filters), norm(filters)
            self.fc1 = nn.Linear(filters * (height - 2) * (width - 2), hidden)
            self.fc2 = nn.Linear(hidden, spec.classes)

        def forward(self, x):
            x = act(self.norm1(self.conv1(x)))
            x = act(self.norm2(self.conv2(x)))
            return self.fc2(self.fc1(x.flatten(1)))

    return Module()
