"""A small Inception network for images of 28 x 28 pixels, RandomOut's example of one that may fail to train."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lotterylab.models.activations import function
from lotterylab.models.base import ModelSpec, check_width, scaled

if TYPE_CHECKING:
    from torch import Tensor, nn

FIRST = 96
# "side by side": filters 1x1 and 3x3; "down": filters 3x3 of stride 2, beside a pooling
MODULES = (
    *(("side by side", 32, 32), ("side by side", 32, 48), ("down", 80)),
    *(("side by side", 112, 48), ("side by side", 96, 64), ("side by side", 80, 80), ("side by side", 48, 96)),
    *(("down", 96), ("side by side", 176, 160), ("side by side", 176, 160)),
)


@dataclass(frozen=True, kw_only=True)
class SmallInception(ModelSpec):
    """``SmallInception`` is MXNet's simplified Inception for 28 x 28 images.   [cohen2016randomout, "28x28 Inception"]

    A convolution 3x3 of 96 filters, ten modules, the mean over all pixels, a linear layer.  A module concatenates a
    convolution 1x1 and one 3x3, or halves the image by a convolution 3x3 of stride 2 beside a max-pooling.  Each
    convolution is followed by the activation.  For 3 x 28 x 28 images and 10 classes there are 1,649,402 parameters,
    and with batch norm 1,651,114.

    The channels are those of ``inception-bn-28-small`` among MXNet's examples.  The authors' notebook loads a network
    without its norms as "inception-28-small", in a file that we do not have, and leaves MXNet's initialisation at its
    default, U[-0.01, 0.01]; ours is He's.  Differs from MXNet: poolings of images of odd size are padded on both sides,
    where MXNet could not concatenate.

    Args:
        activation: a word of ``models.activations``.
        init: a word of ``models.inits``.
        shape: (C, H, W) of one input.
        classes: K, the number of logits.
        batch_norm: whether each convolution is normalised before its activation; it has a bias otherwise.
        width: factor of all channels.

    Raises:
        UsageError: a word is not known, or a size does not fit.

    Examples:
        >>> len([weight for weight in SmallInception(width=0.1).build().parameters() if weight.dim() == 4])
        19
    """

    init: str = "he-normal"
    shape: tuple[int, int, int] = (3, 28, 28)
    batch_norm: bool = False
    width: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_width(self.width)

    def build(self, *, pool_first: bool = False) -> nn.Module:
        """Return the module, (B, C, H, W) -> (B, K); no pooling follows an activation alone."""
        return _build(self, function(self.activation))


def _build(spec: SmallInception, act: Callable) -> nn.Module:
    import torch
    from torch import nn

    class Convolution(nn.Module):
        def __init__(self, channels: int, filters: int, size: int, stride: int = 1) -> None:
            super().__init__()
            bias = not spec.batch_norm
            self.conv = nn.Conv2d(channels, filters, size, stride=stride, padding=size // 2, bias=bias)
            self.norm = nn.BatchNorm2d(filters) if spec.batch_norm else nn.Identity()

        def forward(self, x):
            return act(self.norm(self.conv(x)))

    class SideBySide(nn.Module):
        def __init__(self, channels: int, narrow: int, wide: int) -> None:
            super().__init__()
            self.narrow, self.wide = Convolution(channels, narrow, 1), Convolution(channels, wide, 3)
            self.channels = narrow + wide

        def forward(self, x):
            return torch.cat([self.narrow(x), self.wide(x)], dim=1)

    class Down(nn.Module):
        def __init__(self, channels: int, filters: int) -> None:
            super().__init__()
            self.wide = Convolution(channels, filters, 3, stride=2)
            self.channels = channels + filters

        def forward(self, x):
            return torch.cat([self.wide(x), _pooled(x)], dim=1)

    kinds: dict[str, Any] = {"side by side": SideBySide, "down": Down}

    class Module(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            channels = scaled(FIRST, spec.width)
            self.first = Convolution(spec.shape[0], channels, 3)
            self.inception = nn.ModuleList()
            for kind, *filters in MODULES:
                module = kinds[kind](channels, *(scaled(count, spec.width) for count in filters))
                self.inception.append(module)
                channels = module.channels
            self.fc = nn.Linear(channels, spec.classes)

        def forward(self, x):
            x = self.first(x)
            for module in self.inception:
                x = module(x)
            return self.fc(x.mean((2, 3)))

    return Module()


def _pooled(x: Tensor) -> Tensor:
    """Return the maximum over 3 x 3 pixels, stride 2, in the size of a convolution 3x3 of stride 2 and padding 1."""
    from torch.nn.functional import max_pool2d, pad

    height, width = x.shape[2:]
    return max_pool2d(pad(x, (width % 2, 1, height % 2, 1), value=float("-inf")), 3, stride=2)
