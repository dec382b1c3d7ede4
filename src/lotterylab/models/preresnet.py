"""A PreResNet is a residual network whose blocks begin with norm and activation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from lotterylab.errors import UsageError
from lotterylab.models.activations import function
from lotterylab.models.base import ModelSpec, check_width, scaled
from lotterylab.models.shortcuts import check_shortcut, every, zero_padded

if TYPE_CHECKING:
    from torch import nn

CHANNELS = (16, 32, 64)


@dataclass(frozen=True, kw_only=True)
class PreResNet(ModelSpec):
    """``PreResNet`` has pre-activation blocks x + conv(act(norm(conv(act(norm(x)))))).   [he2016identity, fig. 1b]

    Three stages of 16, 32 and 64 channels, then norm, act, mean, linear.  Convolutions have no bias.  With
    ``bottleneck`` a block has three convolutions (1x1, 3x3, 1x1), the last with four times the channels.  As in the
    paper's appendix, the activation of the first block, and of a block whose shape changes, comes before the paths
    split.  The ``shortcut`` of a block whose shape changes is

    - "projection": a convolution 1x1 without a norm, the paper's for bottlenecks, and our default.
    - "padding": no parameters; with blocks of two, the paper's.

    For 3 x 32 x 32 images and 10 classes: PreResNet-20 has 272,282 parameters (269,722 with padding), PreResNet-164
    with bottlenecks 1,703,258, the paper's 1.7M.  Early-Bird tickets use PreResNet-101 with bottlenecks.  he-normal
    uses fan_in.

    Args:
        activation: a word of ``models.activations``.
        init: a word of ``models.inits``.
        shape: (C, H, W) of one input.
        classes: K, the number of logits.
        depth: 6n + 2, or 9n + 2 with bottlenecks.
        bottleneck: whether blocks have three convolutions.
        width: factor of all channels.
        shortcut: the path around a block whose shape changes, "projection" or "padding".

    Raises:
        UsageError: the depth or a word is not known, or a size is not a positive number.

    Examples:
        >>> sum(weight.numel() for weight in PreResNet(depth=20).build().parameters())
        272282
    """

    version: ClassVar[int] = 2  # 1: the stride of a projection was in its convolution

    init: str = "he-normal"
    shape: tuple[int, int, int] = (3, 32, 32)
    depth: int
    bottleneck: bool = False
    width: float = 1.0
    shortcut: str = "projection"

    def __post_init__(self) -> None:
        each = 9 if self.bottleneck else 6
        if self.depth < each + 2 or (self.depth - 2) % each:
            known = "11, 20, 29, 101, 164" if self.bottleneck else "8, 14, 20, 32, 44, 56, 110"
            raise UsageError(
                f"PreResNet-{self.depth} was asked for{' with bottlenecks' if self.bottleneck else ''}; the depth is "
                f"{each}n + 2: {known}."
            )
        super().__post_init__()
        check_width(self.width)
        check_shortcut(self.shortcut)

    def build(self, *, pool_first: bool = False) -> nn.Module:
        """Return the module, (B, C, H, W) -> (B, K); nothing is pooled after an activation."""
        return _build(self)


def _build(spec: PreResNet) -> nn.Module:
    from torch import nn

    act = function(spec.activation)
    blocks = (spec.depth - 2) // (9 if spec.bottleneck else 6)
    expansion = 4 if spec.bottleneck else 1

    def conv(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
        return nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)

    class Block(nn.Module):
        def __init__(self, inputs: int, channels: int, stride: int, first: bool) -> None:
            super().__init__()
            outputs = expansion * channels
            if spec.bottleneck:
                convolutions = [
                    conv(inputs, channels, 1),
                    conv(channels, channels, 3, stride),
                    conv(channels, outputs, 1),
                ]
            else:
                convolutions = [conv(inputs, channels, 3, stride), conv(channels, channels, 3)]
            self.conv = nn.ModuleList(convolutions)
            self.norm = nn.ModuleList(nn.BatchNorm2d(layer.in_channels) for layer in convolutions)
            changes = stride > 1 or inputs != outputs
            self.shares = first or changes  # one activation for both paths
            self.project = conv(inputs, outputs, 1) if changes and spec.shortcut == "projection" else None
            self.stride = stride

        def forward(self, x):
            residual = act(self.norm[0](x))
            around = self.around(residual if self.shares else x)
            residual = self.conv[0](residual)
            for norm, convolution in zip(self.norm[1:], self.conv[1:], strict=True):
                residual = convolution(act(norm(residual)))
            return around + residual

        def around(self, x):
            if self.project is None:
                return zero_padded(x, cast(int, self.conv[-1].out_channels), self.stride)
            return self.project(every(x, self.stride))

    class Module(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            inputs = scaled(CHANNELS[0], spec.width)
            self.conv = conv(spec.shape[0], inputs, 3)
            self.blocks = nn.ModuleList()
            for stage, channels in enumerate(scaled(count, spec.width) for count in CHANNELS):
                for index in range(blocks):
                    stride = 2 if stage and not index else 1
                    self.blocks.append(Block(inputs, channels, stride, first=not stage and not index))
                    inputs = expansion * channels
            self.norm = nn.BatchNorm2d(inputs)
            self.fc = nn.Linear(inputs, spec.classes)

        def forward(self, x):
            x = self.conv(x)
            for block in self.blocks:
                x = block(x)
            return self.fc(act(self.norm(x)).mean((2, 3)))

    return Module()
