"""The weights that differ between two checkpoints, beside those that rounding alone would leave unchanged.

A training that changes few weights makes a sparse update.  But a checkpoint in bfloat16 has 8 significant bits: a
weight changes only if its update exceeds half of its last digit, about 0.2 % of the weight.  Small updates of all
weights then look like a sparse update.  Therefore the share of unchanged weights is told beside a floor: the share that
rounding alone leaves unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lotterylab.auditing.alarms import Alarm, one, percent
from lotterylab.auditing.kinds import kind_of
from lotterylab.types import Mask

if TYPE_CHECKING:
    from torch import Tensor

BITS = {"bfloat16": (8, -133), "float16": (11, -24)}  # significant bits; the power of 2 of the smallest step
SMALLEST = 0.01  # the share of the weights whose digits are the finest
FEWEST = 100  # weights behind an estimate
MOST_SAMPLED = 10_000_000  # weights of a tensor behind an estimate
NOTABLE = 0.1  # unchanged weights worth a caution, if rounding explains half of them


@dataclass(frozen=True, kw_only=True)
class Update:
    """An ``Update`` counts the weights that are equal to the bit in two states.

    Args:
        entries: the weights that both states have, without removed ones.
        unchanged: those with equal values.
        dtype: the type of the coarser state.
        rounded: the share that is equal after both states are rounded to bfloat16, for float32 and float64.
        floor: the share that rounding alone leaves unchanged, estimated for states of 16 bits; None if too few weights
            changed.
        finest: the share of unchanged weights among the smallest 1 %, whose digits are the finest, for 16 bits.
    """

    entries: int
    unchanged: int
    dtype: str
    rounded: float | None = None
    floor: float | None = None
    finest: float | None = None

    @property
    def share(self) -> float:
        """Return the share of unchanged weights: the sparsity of the update."""
        return self.unchanged / self.entries

    def between(self, before: str, after: str) -> str:
        """Return a sentence; ``before`` and ``after`` name the states."""
        words = (
            f"{percent(self.share)} of {self.entries:,} kept weights are equal in {before} and {after} ({self.dtype})"
        )
        if self.rounded is not None:
            words += f"; rounded to bfloat16 it would be {percent(self.rounded)}"
        if self.floor is not None:
            words += f"; rounding to {self.dtype} alone would leave about {percent(self.floor)} unchanged"
        if self.finest is not None:
            words += f"; among the smallest 1 %, where rounding hides least, {percent(self.finest)} are equal"
        return words


def update_between(start: Mapping[str, Tensor], end: Mapping[str, Tensor], mask: Mask | None) -> Update | None:
    """Return how many weights of two states are equal; None if they share no weight.

    The floor for states of 16 bits is ``mean_i F(h_i)``: h_i is half of the last digit of weight i, and F the
    distribution of |end - start| among those of the smallest 1 % of the weights of a tensor that changed.  It supposes
    that small and large weights of a tensor move alike.

    Args:
        start, end: states of the same network.
        mask: entries that were removed do not count; None counts all.

    Examples:
        >>> import torch
        >>> start = {"fc.weight": torch.tensor([[1.0, 2.0], [3.0, 4.0]])}
        >>> update_between(start, {"fc.weight": torch.tensor([[1.0, 2.5], [3.0, 4.0]])}, None).share
        0.75
    """
    import torch

    entries = unchanged = rounded = 0
    floors: list[tuple[float, int]] = []
    fine = fine_unchanged = 0
    kinds: set[str] = set()
    for name in (name for name in start if name in end):
        a, b = start[name], end[name]
        if kind_of(name, a) not in ("weight", "other") or a.shape != b.shape:
            continue
        kept = mask[name] if mask is not None and name in mask else torch.ones_like(a, dtype=torch.bool)
        before, after = a[kept], b[kept]
        if not before.numel():
            continue
        kind = _coarser(a, b)
        kinds.add(kind)
        equal = before == after
        entries, unchanged = entries + before.numel(), unchanged + int(equal.sum())
        rounded += int((before.bfloat16() == after.bfloat16()).sum()) if kind not in BITS else 0
        if kind in BITS and before.numel() >= FEWEST:
            every = max(1, before.numel() // MOST_SAMPLED)
            sizes, moves = before[::every].double().abs(), (after[::every].double() - before[::every].double()).abs()
            small = _smallest(sizes)
            fine, fine_unchanged = fine + int(small.sum()), fine_unchanged + int((moves[small] == 0).sum())
            if (moved := moves[small & (moves != 0)]).numel():
                floors.append((_left(moved, sizes, kind), before.numel()))
    if not entries:
        return None
    coarse = next((kind for kind in BITS if kind in kinds), "")
    counted = sum(count for _, count in floors)
    return Update(
        entries=entries,
        unchanged=unchanged,
        dtype=coarse or ", ".join(sorted(kinds)),
        rounded=None if coarse else rounded / entries,
        floor=sum(share * count for share, count in floors) / counted if coarse and counted else None,
        finest=fine_unchanged / fine if coarse and fine else None,
    )


def update_below_precision(update: Update, *, where: str = "") -> list[Alarm]:
    """Raise a caution if rounding alone explains half of the unchanged weights or more, of states of 16 bits."""
    if update.floor is None or update.share < NOTABLE or update.floor < update.share / 2:
        return []
    message = (
        f"{percent(update.share)} of the kept weights did not change, but rounding to {update.dtype} alone leaves "
        f"about {percent(update.floor)} unchanged: the update may be dense. Compare checkpoints in float32"
    )
    return one("update-below-precision", message, where, "caution")


def _coarser(a: Tensor, b: Tensor) -> str:
    kinds = [str(tensor.dtype).removeprefix("torch.") for tensor in (a, b)]
    return next((kind for kind in BITS if kind in kinds), kinds[1])


def _smallest(sizes: Tensor) -> Tensor:
    """Return bool: the smallest 1 % of the sizes that are not 0, at least ``FEWEST`` of them."""
    count = min(len(sizes), max(FEWEST, round(SMALLEST * len(sizes))))
    return sizes <= sizes.kthvalue(count).values


def _left(moves: Tensor, sizes: Tensor, kind: str) -> float:
    """Return the share of weights of these sizes whose last digit would hide a move drawn from ``moves``."""
    import torch

    bits, least = BITS[kind]
    steps = torch.exp2((torch.frexp(sizes).exponent - bits).clamp(min=least).double()) / 2
    ordered = moves.sort().values
    hidden = torch.searchsorted(ordered, steps).double() / len(ordered)
    return float(hidden.mean())
