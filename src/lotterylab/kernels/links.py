"""Chains of convolutions and linear layers, which a training can compute without torch's autograd."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Block:
    """A ``Block`` is a convolution with what follows it: a norm, 2 x 2 max-pooling, a sum, an activation.

    Args:
        conv: the name of the convolution.
        norm: the name of its batch norm; None for none.
        act: whether an activation follows.
        pool: whether it is pooled, before or after the activation.
        pad: zeros at each side of its images.
        eps: of the norm.
        momentum: of the norm.
        stride: pixels from one point to the next, 1 or 2.
        source: the place of the block whose values it reads, None for the block before.
        plus: the place of the block whose values are added before the activation, None for none; of more pixels every
            second one, and zeros for channels that it lacks.
    """

    conv: str
    norm: str | None = None
    act: bool = True
    pool: bool = False
    pad: int = 0
    eps: float = 1e-5
    momentum: float = 0.1
    stride: int = 1
    source: int | None = None
    plus: int | None = None


@dataclass(frozen=True, kw_only=True)
class Links:
    """``Links`` are a network of blocks, flattened at the end, then linear layers in a row, with one activation.

    Args:
        blocks: the convolutions; without one, the network flattens its input.
        layers: the names of the linear layers, in the order of their calls.
        activation: of the blocks and between the layers, a monotone word of ``models.activations``.
        slope: of a leaky ReLU below 0.
        mean: whether the layers read the mean of each channel of the last block.
    """

    layers: tuple[str, ...]
    blocks: tuple[Block, ...] = ()
    activation: str = "relu"
    slope: float = 0.01
    mean: bool = False

    def source(self, place: int) -> int:
        """Return the place of the block whose values a block reads, -1 for the images."""
        source = self.blocks[place].source
        return place - 1 if source is None else source

    def room(self, place: int) -> int:
        """Return the zeros that lie around the values of a block, enough for all that read them."""
        readers = (block.pad for at, block in enumerate(self.blocks) if self.source(at) == place)
        return max(readers, default=0)

    def adds(self) -> list[tuple[bool, bool]]:
        """Return whether each block, the last one first, adds gradients to what blocks behind it have left:
        of the values that were added to its own, and of those that it read.
        """
        begun, found = set[int | None](), []
        for place in reversed(range(len(self.blocks))):
            plus, source = self.blocks[place].plus, self.source(place)
            found.append((plus in begun, source in begun or source == plus))
            begun |= {plus, source}
        return found[::-1]


def links_of(module: nn.Module) -> Links | None:
    """Return the links of a module of ``models``, or of an ``nn.Sequential`` of their layers and one activation.

    Every other module has None, also one with hooks, computed weights or frozen parameters, or with groups, strides
    over 2 or a padding larger than the kernel.

    Examples:
        >>> from torch import nn
        >>> links_of(nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))).layers
        ('1', '3')
        >>> front = (nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2))
        >>> links_of(nn.Sequential(*front, nn.Flatten(), nn.Linear(2, 2))).blocks == (Block(conv="0", pool=True),)
        True
        >>> links_of(nn.Sequential(nn.Linear(4, 3), nn.Dropout())) is None
        True
    """
    from torch import nn

    links: Links | None = getattr(module, "links", None) if type(module) is not nn.Sequential else _of_sequence(module)
    if not isinstance(links, Links) or not all(parameter.requires_grad for parameter in module.parameters()):
        return None
    parts = dict(module.named_modules())
    plain = all(type(parts[name]) is nn.Linear and "weight" in parts[name]._parameters for name in links.layers)
    plain = plain and all(_is_plain(parts[block.conv], block) for block in links.blocks)
    plain = plain and all(_is_plain_norm(parts[block.norm], block) for block in links.blocks if block.norm)
    return links if plain and not any(map(_has_hooks, parts.values())) else None


def _is_plain(layer: Any, block: Block) -> bool:
    """Return whether a layer is the square convolution of a block.

    One of side 1 may read every second pixel by itself or, with stride 1, be given no others.
    """
    from torch import nn

    if type(layer) is not nn.Conv2d or "weight" not in layer._parameters or layer.padding_mode != "zeros":
        return False
    (high, wide), (stride, other) = layer.kernel_size, layer.stride
    alone = (layer.dilation, layer.groups) == ((1, 1), 1) and high == wide > block.pad
    strides = {1, block.stride} if high == 1 else {block.stride}
    return alone and layer.padding == (block.pad, block.pad) and stride == other <= 2 and stride in strides


def _is_plain_norm(layer: Any, block: Block) -> bool:
    from torch import nn

    if type(layer) is not nn.BatchNorm2d or not layer.affine or layer.running_mean is None:
        return False
    return (layer.eps, layer.momentum) == (block.eps, block.momentum)


def _of_sequence(module: nn.Sequential) -> Links | None:
    """Return the links of a sequence: blocks, a mean or none, Flatten, linear layers with an activation between."""
    from torch import nn

    known = {
        nn.ReLU: "relu",
        nn.LeakyReLU: "leaky_relu",
        nn.Softsign: "softsign",
        nn.Tanh: "tanh",
        nn.Sigmoid: "sigmoid",
    }
    named = list(module.named_children())
    flat = next((place for place, (_, layer) in enumerate(named) if type(layer) is nn.Flatten), None)
    if flat is None or (named[flat][1].start_dim, named[flat][1].end_dim) != (1, -1):
        return None
    front, tail = named[:flat], named[flat + 1 :]
    mean = len(front) > 1 and _is_mean(front[-1][1])
    blocks = _blocks(front[:-1] if mean else front, known)
    linear, between = tail[::2], [layer for _, layer in tail[1::2]]
    acts = [*between, *(layer for _, layer in named[:flat] if type(layer) in known)]
    kinds, slopes = {type(layer) for layer in acts}, {getattr(layer, "negative_slope", 0.01) for layer in acts}
    alone = len(kinds) < 2 and len(slopes) < 2 and kinds <= known.keys()
    if blocks is None or not alone or len(linear) != len(between) + 1:
        return None
    if any(type(layer) is not nn.Linear for _, layer in linear):
        return None
    return Links(
        blocks=blocks,
        layers=tuple(name for name, _ in linear),
        activation=known[kinds.pop()] if kinds else "relu",
        slope=float(slopes.pop()) if slopes else 0.01,
        mean=mean,
    )


def _blocks(named: list[tuple[str, Any]], known: Container[Any]) -> tuple[Block, ...] | None:
    """Return the blocks of the layers before Flatten, None if a layer is of another kind or in another place."""
    from torch import nn

    blocks: list[Block] = []
    for name, layer in named:
        kind, last = type(layer), blocks[-1] if blocks else None
        if kind is nn.Conv2d:
            pad = layer.padding[0]
            pad = pad if isinstance(pad, int) else 0
            blocks.append(Block(conv=name, act=False, pad=pad, stride=layer.stride[0]))
        elif last and kind is nn.BatchNorm2d and not (last.norm or last.act or last.pool):
            blocks[-1] = replace(last, norm=name, eps=layer.eps, momentum=layer.momentum or 0.0)
        elif last and kind in known and not last.act:
            blocks[-1] = replace(last, act=True)
        elif last and _is_pool(layer) and not last.pool:
            blocks[-1] = replace(last, pool=True)
        else:
            return None
    return tuple(blocks)


def _is_mean(layer: Any) -> bool:
    from torch import nn

    return type(layer) is nn.AdaptiveAvgPool2d and layer.output_size in (1, (1, 1))


def _is_pool(layer: Any) -> bool:
    from torch import nn

    if type(layer) is not nn.MaxPool2d or layer.ceil_mode or layer.return_indices:
        return False
    return all(size in (2, (2, 2)) for size in (layer.kernel_size, layer.stride)) and not layer.padding


def _has_hooks(layer: nn.Module) -> bool:
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(getattr(layer, name) for name in hooks)
