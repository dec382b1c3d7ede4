"""The numbers of a network as the kernels of ``kernels`` have them: all in one row, without what is pruned.

A layer of which a small share is kept, at most ``AT_MOST`` for the compiled kernel, is stored in compressed rows, any
other one as a whole matrix.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from lotterylab.kernels.links import Links
from lotterylab.kernels.structs import Layer, pointer
from lotterylab.training.conv_layout import Kernel, Size, kernel_of
from lotterylab.types import Mask

AT_MOST = 0.45  # of a layer: products of denser matrices are faster whole, pruned weights included


@dataclass(frozen=True, kw_only=True, eq=False)
class Matrix:
    """A ``Matrix`` is the weight of one layer as it is stored.

    Args:
        places: of the stored entries among those of the tensor, int64.
        inputs: the inputs that are read, int64; the others are left out of the compressed rows.
        rows: units after the layer.
        start: where each compressed row starts, int32 (rows + 1,); None for a whole matrix.
        col: the place among ``inputs`` that each stored weight reads, int32.
        kept: of a whole matrix, uint8: 0 where the mask removes the weight; None where it removes none.
    """

    places: Tensor
    inputs: Tensor
    rows: int
    start: Tensor | None = None
    col: Tensor | None = None
    kept: Tensor | None = None


def matrix_of(kept: Tensor, *, first: bool, at_most: float = AT_MOST) -> Matrix:
    """Return how a layer is stored.

    Args:
        kept: its mask, bool (rows, columns).
        first: whether its inputs are pixels, of which only those that a kept weight reads need to be read.
        at_most: the largest share of kept weights of a layer in compressed rows; below 0 none is.
    """
    every = torch.arange(kept.numel())
    if kept.count_nonzero() > at_most * kept.numel():
        pruned = None if bool(kept.all()) else kept.flatten().to(torch.uint8).contiguous()
        return Matrix(places=every, inputs=torch.arange(kept.shape[1]), rows=len(kept), kept=pruned)
    inputs = kept.any(0).nonzero().flatten() if first else torch.arange(kept.shape[1])
    start = torch.zeros(len(kept) + 1, dtype=torch.int32)
    start[1:] = kept.sum(1).cumsum(0)
    col = kept[:, inputs].nonzero()[:, 1].to(torch.int32).contiguous()
    return Matrix(places=every[kept.flatten()], inputs=inputs, rows=len(kept), start=start, col=col)


class Layout:
    """A ``Layout`` is the place of each stored number of a network.

    Args:
        links: the network.
        shapes: of its parameters, by name.
        mask: a weight that it does not name is kept whole.
        real: the type of the stored numbers.
        image: rows and columns of the inputs of a network with convolutions.
        at_most: the largest share of kept weights of a linear layer in compressed rows.
    """

    def __init__(
        self,
        links: Links,
        shapes: Mapping[str, torch.Size],
        mask: Mask,
        real: torch.dtype,
        image: tuple[int, int] = (0, 0),
        at_most: float = AT_MOST,
    ) -> None:
        self._links, self._shapes, self._real = links, dict(shapes), real
        kept = {name: mask.get(name, torch.ones(shape, dtype=torch.bool)) for name, shape in shapes.items()}
        weights = [f"{name}.weight" for name in links.layers]
        self.kernels = list(_kernels(links, kept, image))
        self.matrices = [
            matrix_of(kept[name], first=place == 0 and not links.blocks, at_most=at_most)
            for place, name in enumerate(weights)
        ]
        names = [*(f"{block.conv}.weight" for block in links.blocks), *weights]
        stored = (*self.kernels, *self.matrices)
        self._places = {name: one.places for name, one in zip(names, stored, strict=True)}
        self._places |= {name: torch.arange(shape.numel()) for name, shape in shapes.items() if name not in names}
        firsts = accumulate(map(len, self._places.values()), initial=0)
        self.firsts = dict(zip(self._places, firsts, strict=False))
        removed = [
            self.firsts[name] + (~kept[name].flatten()).nonzero().flatten()
            for name in self._places
            if name not in names
        ]
        self.held = torch.cat([torch.zeros(0, dtype=torch.int64), *removed]).to(torch.int32)  # vectors are stored whole
        self.units = [len(self.matrices[0].inputs), *(matrix.rows for matrix in self.matrices)]

    def packed(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """Return the stored numbers of tensors in the shapes of the network."""
        return torch.cat([self._stored(name, tensors[name].detach()).to(self._real) for name in self._places])

    def whole(self, packed: Tensor) -> dict[str, Tensor]:
        """Return tensors in the shapes of the network, +0.0 where weights are not stored."""
        return {name: self._spread(name, self.part(packed, name)).view(shape) for name, shape in self._shapes.items()}

    def part(self, packed: Tensor, name: str) -> Tensor:
        """Return the stored numbers of one tensor, a view."""
        first = self.firsts[name]
        return packed[first : first + len(self._places[name])]

    def _stored(self, name: str, tensor: Tensor) -> Tensor:
        places = self._places[name]
        return tensor.flatten() if len(places) == tensor.numel() else tensor.flatten()[places]

    def _spread(self, name: str, part: Tensor) -> Tensor:
        if len(part) == self._shapes[name].numel():
            return part.clone()
        whole = torch.zeros(self._shapes[name].numel(), dtype=self._real)
        whole[self._places[name]] = part
        return whole

    def layers(self) -> Iterator[Layer]:
        """Yield what the kernel is told of each layer; the tensors behind it are those of ``matrices``."""
        for name, (before, after), matrix in zip(self._links.layers, pairwise(self.units), self.matrices, strict=True):
            yield Layer(
                rows=after,
                cols=before,
                start=None if matrix.start is None else pointer(matrix.start),
                col=None if matrix.col is None else pointer(matrix.col),
                kept=None if matrix.kept is None else pointer(matrix.kept),
                first=self.firsts[f"{name}.weight"],
                bias=self.firsts.get(f"{name}.bias", -1),
            )


def _kernels(links: Links, kept: Mapping[str, Tensor], image: tuple[int, int]) -> Iterator[Kernel]:
    """Yield how each convolution is stored; ``kept`` has the masks by name."""
    images = {-1: image}
    for place, block in enumerate(links.blocks):
        mask = kept[f"{block.conv}.weight"]
        high, wide = images[links.source(place)]
        size = Size(
            channels=mask.shape[1],
            high=high,
            wide=wide,
            kernel=mask.shape[2],
            pad=block.pad,
            stride=block.stride,
            room=links.room(links.source(place)),
            window=2 if block.pool else 1,
        )
        images[place] = size.values
        yield kernel_of(mask, size)
