"""VGG-11, VGG-16 and VGG-19 have their usual form for CIFAR."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from lotterylab.errors import UsageError
from lotterylab.kernels.links import Block, Links
from lotterylab.models.activations import function, with_pool
from lotterylab.models.base import ModelSpec, check_width, scaled

if TYPE_CHECKING:
    from torch import nn

CHANNELS = (64, 128, 256, 512, 512)
# convolutions in each of the five blocks: configurations A, D and E   [simonyan2015very, table 1]
BLOCKS = {11: (1, 1, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


@dataclass(frozen=True, kw_only=True)
class Vgg(ModelSpec):
    """``Vgg`` is five blocks of convolutions 3x3, each followed by a pooling by 2, then linear.   [simonyan2015very]

    Differs from the paper, as pruning papers on CIFAR do: the mean over the remaining pixels (one, for 32 x 32 images)
    and one linear layer, 512 -> K, replace its three; ``batch_norm`` normalises before each
    activation, and its convolutions have no bias, which a norm would take out again.

    Differs from the networks of OpenLTH, GraSP and SynFlow too: they leave out the fifth pooling and take the mean of
    the last 2 x 2 pixels, where ours takes the maximum, so that their masks and accuracies are not ours.

    A pooling is left out once height or width is one pixel, so that 28 x 28 and 8 x 8 images work.

    For 3 x 32 x 32 images and 10 classes, with batch norm: 9,228,362, 14,724,042 and 20,035,018 parameters; without:
    9,225,610, 14,719,818 and 20,029,514.  he-normal uses fan_in.

    Args:
        activation: a word of ``models.activations``.
        init: a word of ``models.inits``.
        shape: (C, H, W) of one input.
        classes: K, the number of logits.
        depth: 11, 16 or 19.
        batch_norm: whether each convolution is normalised.
        width: factor of all channels.

    Raises:
        UsageError: the depth or a word is not known, or a size does not fit.

    Examples:
        >>> len([weight for weight in Vgg(depth=16, width=0.1).build().parameters() if weight.dim() == 4])
        13
    """

    pools_after_activation: ClassVar[bool] = True

    init: str = "he-normal"
    shape: tuple[int, int, int] = (3, 32, 32)
    depth: int
    batch_norm: bool = True
    width: float = 1.0

    def __post_init__(self) -> None:
        if self.depth not in BLOCKS:
            known = ", ".join(f"VGG-{depth}" for depth in BLOCKS)
            raise UsageError(f"VGG-{self.depth} was asked for; known are {known}.")
        super().__post_init__()
        check_width(self.width)

    def build(self, *, pool_first: bool = False) -> nn.Module:
        """Return the module, (B, C, H, W) -> (B, K); ``pool_first`` as in ``ModelSpec.build``."""
        return _build(self, function(self.activation), pool_first and self.pool_first_is_exact)


def _build(spec: Vgg, act: Callable, pool_first: bool) -> nn.Module:
    from torch import nn

    act_and_pool = with_pool(act, pool_first)
    channels, pools = [spec.shape[0]], []
    side = min(spec.shape[1:])
    for count, convolutions in zip(CHANNELS, BLOCKS[spec.depth], strict=True):
        channels += [scaled(count, spec.width)] * convolutions
        pools += [False] * (convolutions - 1) + [side > 1]
        side = max(1, side // 2)
    pairs = list(pairwise(channels))

    class Module(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.ModuleList(nn.Conv2d(*pair, 3, padding=1, bias=not spec.batch_norm) for pair in pairs)
            self.norm = nn.ModuleList(nn.BatchNorm2d(count) if spec.batch_norm else nn.Identity() for _, count in pairs)
            self.fc = nn.Linear(channels[-1], spec.classes)
            norms = (f"norm.{place}" if spec.batch_norm else None for place in range(len(pools)))
            blocks = (
                Block(conv=f"conv.{place}", norm=norm, pool=pool, pad=1)
                for place, (norm, pool) in enumerate(zip(norms, pools, strict=True))
            )
            self.links = Links(blocks=tuple(blocks), layers=("fc",), activation=spec.activation, mean=True)

        def forward(self, x):
            for conv, norm, pool in zip(self.conv, self.norm, pools, strict=True):
                x = norm(conv(x))
                x = act_and_pool(x) if pool else act(x)
            return self.fc(x.mean((2, 3)))

    return Module()
