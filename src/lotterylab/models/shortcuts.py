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


def zero_padded(x: Tensor, channels: int, stride: int) -> Tensor:
    """Every ``stride``-th pixel of (B, C, H, W), and zeros for the channels from C on.   [he2016deep, option A]

    Where neither changes this is ``x``.  The new channels all come last, which the paper leaves open.
    """
    from torch.nn.functional import pad

    if stride > 1:
        x = x[:, :, ::stride, ::stride]
    return pad(x, (0, 0, 0, 0, 0, channels - x.shape[1])) if channels > x.shape[1] else x
