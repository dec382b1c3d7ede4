"""The ways around a residual block where its shape changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotterylab.errors import unknown

if TYPE_CHECKING:
    from torch import Tensor

SHORTCUTS = ("projection", "padding")


def check_shortcut(shortcut: str) -> None:
    """Refuse a word that is not in ``SHORTCUTS``, with the nearest one."""
    if shortcut not in SHORTCUTS:
        raise unknown("shortcut", shortcut, SHORTCUTS)


def every(x: Tensor, stride: int) -> Tensor:
    """Every ``stride``-th pixel of (B, C, H, W): all that a convolution 1x1 of that stride looks at.

    The projections take it and then have stride 1.  With the stride in the convolution the gradient of its weights is
    wrong, or the process dies, on CPUs where the layout is channels-last and C is below 8 or 16: see
    ``network.channels_last_is_safe``.
    """
    return x[:, :, ::stride, ::stride] if stride > 1 else x


def zero_padded(x: Tensor, channels: int, stride: int) -> Tensor:
    """Every ``stride``-th pixel of (B, C, H, W), and zeros for the channels from C on.   [he2016deep, option A]

    Where neither changes this is ``x``.  The new channels all come last, which the paper leaves open.
    """
    from torch.nn.functional import pad

    x = every(x, stride)
    return pad(x, (0, 0, 0, 0, 0, channels - x.shape[1])) if channels > x.shape[1] else x
