"""Conv-2, Conv-4 and Conv-6 are the small convolutional networks of the first lottery-ticket paper."""

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

CHANNELS = (64, 128, 256)
HIDDEN = 256
DEPTHS = (2, 4, 6)


@dataclass(frozen=True, kw_only=True)
class ConvN(ModelSpec):
    """``ConvN`` is ``depth`` convolutions 3x3, then linear 256, 256, K: Conv-2, 4, 6.   [frankle2019lottery, fig. 2]

    The channels are 64, 64, pool, 128, 128, pool, 256, 256, pool, up to ``depth``.  Each convolution and each hidden
    linear layer is followed by the activation.  For 3 x 32 x 32 images and 10 classes there are 4,301,642, 2,425,930
    and 2,262,602 parameters, of which 4,300,992, 2,425,024 and 2,261,184 weights.  The paper prints 1.7M for Conv-6,
    which does not follow from its layers.

    Args:
        activation: a word of ``models.activations``.
        init: a word of ``models.inits``.
        shape: (C, H, W) of one input.
        classes: K, the number of logits.
        depth: 2, 4 or 6.
        width: factor of all channels and hidden units.
        dropout: rate in the hidden linear layers, after their activation (our choice of place); the paper's is 0.5.

    Raises:
        UsageError: the depth or a word is not known, or a size does not fit.

    Examples:
        >>> sum(weight.numel() for weight in ConvN(depth=6, width=0.125).build().parameters())
        35986
    """

    pools_after_activation: ClassVar[bool] = True

    init: str = "glorot-normal"
    shape: tuple[int, int, int] = (3, 32, 32)
    depth: int
    width: float = 1.0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.depth not in DEPTHS:
            raise UsageError(f"Conv-{self.depth} was asked for; known are Conv-2, Conv-4 and Conv-6.")
        super().__post_init__()
        check_width(self.width)
        if not 0 <= self.dropout < 1:
            raise UsageError(f"dropout is {self.dropout}; it must be a fraction, at least 0 and below 1.")

    @property
    def smallest(self) -> int:
        """Return the least size for one pooling by 2 after every second convolution."""
        return 2 ** (self.depth // 2)

    def build(self, *, pool_first: bool = False) -> nn.Module:
        """Return the module, (B, C, H, W) -> (B, K); ``pool_first`` as in ``ModelSpec.build``."""
        return _build(self, function(self.activation), pool_first and self.pool_first_is_exact)


def _build(spec: ConvN, act: Callable, pool_first: bool) -> nn.Module:
    from torch import nn

    from lotterylab.models.dropout import Dropout

    act_and_pool = with_pool(act, pool_first)
    channels, height, width = spec.shape
    blocks = [scaled(count, spec.width) for count in CHANNELS[: spec.depth // 2]]
    convolutions = [channels, *(count for block in blocks for count in (block, block))]
    flat = blocks[-1] * (height // spec.smallest) * (width // spec.smallest)
    linear = [flat, scaled(HIDDEN, spec.width), scaled(HIDDEN, spec.width), spec.classes]

    class Module(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.ModuleList(nn.Conv2d(*pair, 3, padding=1) for pair in pairwise(convolutions))
            self.fc = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(linear))
            self.dropout = nn.ModuleList(Dropout(spec.dropout) if spec.dropout else nn.Identity() for _ in range(2))
            if not spec.dropout:
                blocks = (Block(conv=f"conv.{place}", pool=place % 2 == 1, pad=1) for place in range(spec.depth))
                layers = tuple(f"fc.{place}" for place in range(len(self.fc)))
                self.links = Links(blocks=tuple(blocks), layers=layers, activation=spec.activation)

        def forward(self, x):
            for first, second in zip(self.conv[::2], self.conv[1::2], strict=True):
                x = act_and_pool(second(act(first(x))))
            x = x.flatten(1)
            for layer, dropout in zip(self.fc[:-1], self.dropout, strict=True):
                x = dropout(act(layer(x)))
            return self.fc[-1](x)

    return Module()
