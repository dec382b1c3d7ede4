"""Convolutions as the kernel of ``kernels/conv.c`` has them: the kept weights of each channel, and what each reads."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SIDE = 3  # of the whole kernels that are computed by patches,
LEAST = 8  # if they read at least so many channels
AT_MOST = 0.45  # of a convolution: denser ones are faster whole, pruned weights included


@dataclass(frozen=True, kw_only=True)
class Size:
    """The ``Size`` of a convolution.

    Args:
        channels: before it.
        high: rows of an image before it.
        wide: points of such a row.
        kernel: its side.
        pad: zeros at each side of the image.
        stride: pixels from one point to the next.
        room: zeros at each side of the image where it lies in memory, at least ``pad``.
        window: 2 where it is pooled, else 1.
    """

    channels: int
    high: int
    wide: int
    kernel: int
    pad: int
    room: int
    stride: int = 1
    window: int = 1

    @property
    def after(self) -> tuple[int, int]:
        """Rows and points of a row of an image after it."""
        more = 2 * self.pad - self.kernel
        return (self.high + more) // self.stride + 1, (self.wide + more) // self.stride + 1

    @property
    def values(self) -> tuple[int, int]:
        """Rows and points of a row of an image after pooling."""
        high, wide = self.after
        return high // self.window, wide // self.window

    @property
    def edges(self) -> tuple[int, int]:
        """Rows and points of a row of the gradient, with the zeros around."""
        high, wide = self.after
        return high + 2 * self.rim, wide + 2 * self.rim

    @property
    def rim(self) -> int:
        """Zeros at each side of the gradient, by which the convolution backwards is one of the same kind."""
        return self.kernel - 1 - self.pad


@dataclass(frozen=True, kw_only=True, eq=False)
class Kernel:
    """A ``Kernel`` is the weight of one convolution as it is stored: the kept weights of each channel after it.

    Args:
        places: of the stored entries among those of the tensor, int64.
        size: of the convolution.
        whole: whether all weights are stored.
        start: where the weights of each channel after it start, int32 (out + 1,).
        at: the image point that each weight reads, counted from the place of the point that is computed, int32.
        back_start: where the weights of each channel before it start, int32 (in + 1,), for each kind of pixels; there
            are stride * stride kinds, by row and column, and each begins at 0.
        back_at: the point of the gradient that each reads on the way back, int32.
        back_from: the place of each of these weights among the stored ones, int32.
        patches: whether it is computed by patches.
        kept: of a whole kernel, uint8: 0 where the mask removes the weight; None where it removes none.
    """

    places: Tensor
    size: Size
    whole: bool
    start: Tensor
    at: Tensor
    back_start: Tensor
    back_at: Tensor
    back_from: Tensor
    patches: bool
    kept: Tensor | None = None


def kernel_of(kept: Tensor, size: Size) -> Kernel:
    """Return how a convolution is stored.

    Args:
        kept: its mask, bool (out, in, k, k).
        size: its size.
    """
    whole = int(kept.count_nonzero()) > AT_MOST * kept.numel()
    stored = torch.ones_like(kept) if whole else kept
    out, into, row, column = stored.nonzero().unbind(1)
    high, wide = size.high + 2 * size.room, size.wide + 2 * size.room
    rows, points = size.edges
    odd_row, odd_column = ((side - size.pad) % size.stride for side in (row, column))  # of the pixels that they reach
    kind = odd_row * size.stride + odd_column
    back = ((kind * kept.shape[1] + into) * len(kept) + out).argsort(stable=True)
    down, right = (
        size.rim + (odd + size.pad - side) // size.stride for odd, side in ((odd_row, row), (odd_column, column))
    )
    back_at = (out * rows + down) * points + right
    return Kernel(
        places=stored.flatten().nonzero().flatten(),
        size=size,
        whole=whole,
        start=_starts(out, len(kept)),
        at=((into * high + row) * wide + column).to(torch.int32),
        back_start=torch.cat([_starts(into[kind == one], kept.shape[1]) for one in range(size.stride**2)]),
        back_at=back_at[back].to(torch.int32),
        back_from=back.to(torch.int32),
        patches=whole and size.channels >= LEAST and (size.kernel, size.stride, size.room) == (SIDE, 1, size.pad),
        kept=kept.flatten().to(torch.uint8).contiguous() if whole and not bool(kept.all()) else None,
    )


def _starts(channel: Tensor, count: int) -> Tensor:
    starts = torch.zeros(count + 1, dtype=torch.int32)
    starts[1:] = channel.bincount(minlength=count).cumsum(0)
    return starts
