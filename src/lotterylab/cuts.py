"""What a selection did: asked for, reached, and what stood in the way."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lotterylab.counts import Sparsity, as_fraction
from lotterylab.granularity import Pattern, granularity_of
from lotterylab.pools import Pool, complete, pools
from lotterylab.types import Mask, Scores


@dataclass(frozen=True, kw_only=True)
class Cut:
    """One selection in numbers, for alarms and tables.  Entries are weights, or the filters or blocks selected.

    Attributes:
        entries: n, all of them, those an earlier mask removed too.
        requested: the sparsity asked for, over all entries.
        requested_removed: the count that this is, earlier removals included.
        removed: the count that is removed in the mask.
        reached: removed / entries.
        ties_at_cut: candidates that have exactly the score at the requested cut, if it goes through them, else 0.
            Where this is not 0, the scores do not say which of them should go, and a threshold moves all or none.
        exact_zero_scores: candidates with score 0.
        layers: the density, kept / entries, of each tensor.
        emptied: tensors of which nothing is kept.
    """

    entries: int
    requested: float
    requested_removed: int
    removed: int
    reached: float
    ties_at_cut: int
    exact_zero_scores: int
    layers: Mapping[str, float]
    emptied: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, lists and dicts, for JSON."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {**fields, "layers": dict(self.layers), "emptied": list(self.emptied)}


def describe_cut(
    scores: Scores,
    mask_before: Mask | None,
    mask_after: Mask,
    sparsity: Sparsity,
    *,
    scope: str = "global",
    granularity: str = "weight",
) -> Cut:
    """What the selection of ``mask_after`` by ``scores`` did.  Candidates are the entries kept in ``mask_before``.

    ``sparsity``, ``scope`` and ``granularity`` are those that were given to ``select``.  Its ``ties`` do not matter:
    the cut is the requested one, which a published rule may have missed.  Raises what ``select`` raises for these.
    """
    before = pools(scores, sparsity, complete(scores, mask_before), scope=scope, granularity=granularity)
    by_pattern = isinstance(granularity_of(granularity), Pattern)
    # of what is left only the counts are read, which no scope changes
    after = pools(
        scores, sparsity if by_pattern else 0, complete(scores, mask_after), scope="global", granularity=granularity
    )
    plain = not (by_pattern or isinstance(sparsity, Mapping))
    entries = sum(len(pool.scores) for pool in before)
    requested = sum(pool.requested for pool in before)
    removed = sum(pool.gone for pool in after)
    ties = 0
    for pool in before:
        count = pool.requested - pool.gone
        if count > 0:
            _, tied, leaving = pool.cut(count)
            ties += len(tied) if leaving < len(tied) else 0
    kept = {name: part for pool in after for name, part in pool.split(pool.alive).items()}
    return Cut(
        entries=entries,
        requested=float(as_fraction(sparsity)) if plain else requested / entries,  # type: ignore[arg-type]
        requested_removed=requested,
        removed=removed,
        reached=removed / entries,
        ties_at_cut=ties,
        exact_zero_scores=_zeros(scores, mask_before) if by_pattern else sum(map(_zeros_of_units, before)),
        layers={name: int(part.sum()) / len(part) for name, part in kept.items()},
        emptied=tuple(name for name, part in kept.items() if not bool(part.any())),
    )


def _zeros_of_units(pool: Pool) -> int:
    return int((pool.scores[pool.alive] == 0).sum())


def _zeros(scores: Scores, mask: Mask | None) -> int:
    alive = complete(scores, mask)
    return sum(int(((one == 0) & alive[name]).sum()) for name, one in scores.items())
