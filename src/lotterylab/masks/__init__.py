"""Masks: functions on them, and the one selection of the weights that are removed.

The functions on masks are also here: ``lotterylab.masks.sparsity(mask)``.
"""

from typing import TYPE_CHECKING

from lotterylab.homes import room
from lotterylab.masks.algebra import (
    apply,
    check,
    digest,
    entries,
    hamming,
    hold,
    iou,
    kept,
    masked,
    ones,
    sparsity,
)
from lotterylab.masks.controls import permute, shuffle
from lotterylab.masks.files import load_mask, save_mask
from lotterylab.masks.pairs import distances

__all__ = [
    "apply",
    "check",
    "digest",
    "distances",
    "entries",
    "hamming",
    "hold",
    "iou",
    "kept",
    "load_mask",
    "masked",
    "ones",
    "permute",
    "save_mask",
    "shuffle",
    "sparsity",
]

if not TYPE_CHECKING:
    __getattr__ = room(__name__)
