"""Residual networks come in CIFAR's depths, and as ImageNet's network of 18 layers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from lotterylab.errors import UsageError
from lotterylab.kernels.links import Block, Links
from lotterylab.models.activations import function
from lotterylab.models.base import ModelSpec, check_width, scaled
from lotterylab.models.shortcuts import check_shortcut, every, zero_padded

if TYPE_CHECKING:
    from torch import nn

CIFAR_CHANNELS = (16, 32, 64)
IMAGENET_CHANNELS = (64, 128, 256, 512)


@dataclass(frozen=True, kw_only=True)
class ResNet(ModelSpec):
    """``ResNet`` is conv 3x3, three stages of n residual blocks, mean, linear; 6n + 2 layers.   [he2016deep, sec. 4.2]

    The stages have 16, 32 and 64 channels.  A block is act(x + norm(conv(act(norm(conv(x)))))), with convolutions 3x3
    without bias.  The first block of the second and of the third stage has stride 2 and twice the channels; there the
    ``shortcut`` is

    - "projection" (the paper's option B): a convolution 1x1 of stride 2 and a norm.  The default, as in the
      lottery-ticket authors' open_lth.  ResNet-20: 272,474 parameters.
    - "padding" (option A, the paper's own on CIFAR): every second pixel, and zeros for the new channels; no parameters.
      ResNet-20: 269,722, the paper's 0.27M.

    The ResNet-18 of [frankle2019lottery] and [frankle2019stabilizing] is this ResNet-20.  They count 274K; with the
    1,568 running statistics of its norms, ours with projections has 274,042 numbers.  he-normal uses fan_in.

    Args:
        activation: a word of ``models.activations``.
        init: a word of ``models.inits``.
        shape: (C, H, W) of one input.
        classes: K, the number of logits.
        depth: 6n + 2.
        width: factor of all channels; GraSP's ResNet-32 has 32, 64 and 128, which is 2.
        shortcut: the path around a block whose shape changes, "projection" or "padding".

    Raises:
        UsageError: the depth or a word is not known, or a size is not a positive number.

    Examples:
        >>> sum(weight.numel() for weight in ResNet(depth=20).build().parameters())
        272474
    """

    version: ClassVar[int] = 2  # 1: the stride of a projection was in its convolution

    init: str = "he-normal"
    shape: tuple[int, int, int] = (3, 32, 32)
    depth: int
    width: float = 1.0
    shortcut: str = "projection"

    def __post_init__(self) -> None:
        if self.depth < 8 or (self.depth - 2) % 6:
            raise UsageError(f"ResNet-{self.depth} was asked for; the depth is 6n + 2: 8, 14, 20, 32, 44, 56, 110.")
        super().__post_init__()
        check_width(self.width)
        check_shortcut(self.shortcut)

    def build(self, *, pool_first: bool = False) -> nn.Module:
        """Return the module, (B, C, H, W) -> (B, K); nothing is pooled after an activation."""
        blocks = (self.depth - 2) // 6
        return _build(self, tuple((scaled(c, self.width), blocks) for c in CIFAR_CHANNELS), self.shortcut)


@dataclass(frozen=True, kw_only=True)
class ImageNetResNet18(ModelSpec):
    """``ImageNetResNet18`` is a residual network of 18 layers for small images, in four stages.   [he2016deep, table 1]

    The stages have two blocks each, and 64, 128, 256 and 512 channels.  Differs from the paper: one convolution 3x3 of
    stride 1 in place of the first 7x7 and max-pooling.

    Shortcuts are projections.  For 3 x 32 x 32 images and 10 classes: 11,173,962 parameters.  The ResNet-18 of
    the lottery-ticket papers is another network, ``ResNet(depth=20)``, 41 times smaller.  he-normal uses fan_in.

    Args:
        activation: a word of ``models.activations``.
        init: a word of ``models.inits``.
        shape: (C, H, W) of one input.
        classes: K, the number of logits.
        width: factor of all channels.

    Raises:
        UsageError: a word is not known, or a size is not a positive number.

    Examples:
        >>> len([weight for weight in ImageNetResNet18(width=0.1).build().parameters() if weight.dim() == 4])
        20
    """

    version: ClassVar[int] = 2  # 1: the stride of a projection was in its convolution

    init: str = "he-normal"
    shape: tuple[int, int, int] = (3, 32, 32)
    width: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_width(self.width)

    def build(self, *, pool_first: bool = False) -> nn.Module:
        """Return the module, (B, C, H, W) -> (B, K); nothing is pooled after an activation."""
        return _build(self, tuple((scaled(c, self.width), 2) for c in IMAGENET_CHANNELS), "projection")


def _build(spec: ModelSpec, stages: tuple[tuple[int, int], ...], shortcut: str) -> nn.Module:
    """Return the module; each stage is (channels, blocks)."""
    from torch import nn

    act = function(spec.activation)

    class Residual(nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
            self.norm1 = nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
            self.norm2 = nn.BatchNorm2d(outputs)
            self.stride = stride
            self.project = None
            if shortcut == "projection" and (stride > 1 or inputs != outputs):
                conv = nn.Conv2d(inputs, outputs, 1, bias=False)  # stride 1, since ``every`` drops the pixels
                self.project = nn.Sequential(conv, nn.BatchNorm2d(outputs))

        def forward(self, x):
            residual = self.norm2(self.conv2(act(self.norm1(self.conv1(x)))))
            return act(self.around(x) + residual)

        def links(self, name: str, place: int) -> list[Block]:
            """Return its convolutions, the first of which has this place; it reads the one before."""
            source = place - 1
            first = Block(conv=f"{name}.conv1", norm=f"{name}.norm1", pad=1, stride=self.stride, source=source)
            second = Block(conv=f"{name}.conv2", norm=f"{name}.norm2", pad=1, plus=source)
            if self.project is None:
                return [first, second]
            around = replace(first, conv=f"{name}.project.0", norm=f"{name}.project.1", pad=0, act=False)
            return [around, first, replace(second, plus=place)]

        def around(self, x):
            if self.project is None:
                return zero_padded(x, self.conv2.out_channels, self.stride)
            return self.project(every(x, self.stride))

    class Module(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            channels = stages[0][0]
            self.conv = nn.Conv2d(spec.shape[0], channels, 3, padding=1, bias=False)
            self.norm = nn.BatchNorm2d(channels)
            self.blocks = nn.ModuleList()
            links = [Block(conv="conv", norm="norm", pad=1)]
            for stage, (outputs, blocks) in enumerate(stages):
                for index in range(blocks):
                    block = Residual(channels, outputs, 2 if stage and not index else 1)
                    links += block.links(f"blocks.{len(self.blocks)}", len(links))
                    self.blocks.append(block)
                    channels = outputs
            self.fc = nn.Linear(channels, spec.classes)
            self.links = Links(blocks=tuple(links), layers=("fc",), activation=spec.activation, mean=True)

        def forward(self, x):
            x = act(self.norm(self.conv(x)))
            for block in self.blocks:
                x = block(x)
            return self.fc(x.mean((2, 3)))

    return Module()
