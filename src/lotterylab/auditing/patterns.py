"""Patterns N:M in a mask, and the axis along which they hold.

Kernels for 2:4 sparsity read groups along the axis over which a product sums: the inputs of a linear layer, the input
channels of a convolution at each position of its kernel.  Groups in memory order, (in, kh, kw), are another pattern for
kernels above 1 x 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import comb
from typing import TYPE_CHECKING, TypeAlias

from lotterylab.auditing.alarms import Alarm, listed, one
from lotterylab.types import Mask

if TYPE_CHECKING:
    from torch import Tensor

SIZES = (4, 8, 16, 2, 32)  # of the groups that are looked for, in this order
FEWEST_GROUPS = 8  # fewer may hold a pattern by chance
FIRST_ROWS = 64


def along_inputs(kept: Tensor) -> Tensor:
    """Return the mask as ``(rows, inputs)``: a row for each output and each position of a kernel."""
    return kept.movedim(1, -1).flatten(0, -2)


def in_memory(kept: Tensor) -> Tensor:
    """Return the mask as ``(outputs, entries)`` in the order of torch's memory."""
    return kept.flatten(1)


def along_outputs(kept: Tensor) -> Tensor:
    """Return the mask as ``(rows, outputs)``: a row for each input and each position of a kernel."""
    return kept.movedim(0, -1).flatten(0, -2)


AXES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "along the inputs": along_inputs,
    "in memory order": in_memory,
    "along the outputs": along_outputs,
}
Found: TypeAlias = "tuple[int, int] | None"  # N and M


def groups_of(rows: Tensor, of: int) -> Tensor:
    """Return the whole groups of ``of`` entries, ``(groups, of)``; a rest at the end of a row is left out."""
    whole = rows.shape[1] // of * of
    return rows[:, :whole].reshape(-1, of)


def pattern_along(kept: Tensor, axis: str) -> Found:
    """Return N and M if each whole group of M entries along the axis keeps exactly N, 0 < N < M; else None.

    Whole filters and blocks are no such pattern: their rows repeat, far more often than chance lets groups agree.
    Along the inputs a pattern that repeats counts all the same, because kernels can use it.

    Args:
        kept: bool of two or more dimensions, True = kept.
        axis: a key of ``AXES``.

    Examples:
        >>> import torch
        >>> pattern_along(torch.tensor([[True, False, False, True]]).repeat(8, 2), "along the inputs")
        (2, 4)
    """
    rows = AXES[axis](kept)
    for of in SIZES:
        for part in (rows[:FIRST_ROWS], rows):  # a large mask without the pattern is seen in its first rows
            groups = groups_of(part, of).sum(1)
            if not len(groups) or not 0 < int(groups[0]) < of or not bool((groups == groups[0]).all()):
                break
        else:
            keep = int(groups[0])
            if len(groups) >= FEWEST_GROUPS and (axis == "along the inputs" or not _repeats(rows, keep, of)):
                return keep, of
    return None


def _repeats(rows: Tensor, keep: int, of: int) -> bool:
    """Tell whether groups equal those of the next row much more often than groups that are chosen freely."""
    groups = rows[:, : rows.shape[1] // of * of].reshape(len(rows), -1, of)
    if len(groups) < 2:
        return False
    same = float((groups[1:] == groups[:-1]).all(-1).double().mean())
    return same > (1 + 1 / comb(of, keep)) / 2


def patterns(mask: Mask) -> dict[str, dict[str, Found]]:
    """Return for each tensor of two or more dimensions that lost entries the pattern along each axis, if any."""
    lost = {name: kept for name, kept in mask.items() if kept.dim() > 1 and not bool(kept.all())}
    found = {name: {axis: pattern_along(kept, axis) for axis in AXES} for name, kept in lost.items()}
    return {name: axes for name, axes in found.items() if any(axes.values())}


def described(mask: Mask) -> str:
    """Return a sentence on the patterns of a mask, or ""."""
    texts: dict[str, list[str]] = {}
    for name, axes in patterns(mask).items():
        axis, pattern = next((axis, pattern) for axis, pattern in axes.items() if pattern)
        texts.setdefault(f"{pattern[0]}:{pattern[1]} {axis}", []).append(name)
    pruned = sum(kept.dim() > 1 and not bool(kept.all()) for kept in mask.values())
    return "; ".join(f"{words} in {len(names)} of {pruned} tensors" for words, names in texts.items())


def pattern_axis(mask: Mask, *, where: str = "") -> list[Alarm]:
    """Raise a caution if a pattern N:M holds along another axis than the inputs."""
    wrong: dict[str, list[str]] = {}
    for name, axes in patterns(mask).items():
        if axes["along the inputs"] is None:
            axis, pattern = next((axis, pattern) for axis, pattern in axes.items() if pattern)
            wrong.setdefault(f"{pattern[0]}:{pattern[1]} {axis}", []).append(name)
    alarms = []
    for words, names in wrong.items():
        message = f"{words}, but not along the inputs, in {listed(names)}: kernels for N:M sparsity cannot use it"
        alarms += one("pattern-axis", message, where, "caution")
    return alarms


def pattern_broken(mask: Mask, keep: int, of: int, *, where: str = "") -> list[Alarm]:
    """Raise a fault if groups of a mask that was asked to be N:M keep more than N, whichever axis is taken.

    The axis with the fewest such groups counts, of the inputs and of the memory order.
    """
    worst: dict[str, tuple[int, int]] = {}
    for name, kept in mask.items():
        if kept.dim() < 2:
            continue
        counts = []
        for axis in ("along the inputs", "in memory order"):
            groups = groups_of(AXES[axis](kept), of).sum(1)
            counts.append((int((groups > keep).sum()), len(groups)))
        fewest = min((pair for pair in counts if pair[1]), default=(0, 0))
        if fewest[0]:
            worst[name] = fewest
    if not worst:
        return []
    broken, groups = (sum(pair[index] for pair in worst.values()) for index in (0, 1))
    message = f"{broken:,} of {groups:,} groups of {of} keep more than {keep} weights, in {listed(list(worst))}"
    return one("pattern-broken", message, where, "fault")
