"""Shortcuts lead around a residual block whose shape changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotterylab.errors import unknown

if TYPE_CHECKING:
    from torch import Tensor

SHORTCUTS = ("projection", "padding")


def check_shortcut(shortcut: str) -> None:
    """Refuse a word that is not in ``SHORTCUTS``, and name the nearest one."""
    if shortcut not in SHORTCUTS:
        raise unknown("shortcut", shortcut, SHORTCUTS)


def every(x: Tensor, stride: int) -> Tensor:
    """Return every ``stride``-th pixel of (B, C, H, W), the input of a 1x1 convolution of that stride.

    The projections then have stride 1.  With the stride in the convolution, its weight gradient is wrong or the process
    dies on CPUs if the layout is channels-last and C is below 8 or 16; see ``network.channels_last_is_safe``.
    """
    return x[:, :, ::stride, ::stride] if stride > 1 else x


def zero_padded(x: Tensor, channels: int, stride: int) -> Tensor:
    """Return every ``stride``-th pixel of (B, C, H, W), with zeros for new channels.   [he2016deep, option A]

    The new channels come last; the paper leaves their place open.  The result is ``x`` if neither changes.
    """
    from torch.nn.functional import pad

    x = every(x, stride)
    return pad(x, (0, 0, 0, 0, 0, channels - x.shape[1])) if channels > x.shape[1] else x
