"""What a selection did: asked for, reached, and what stood in the way."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from lotterylab.masks.counts import Sparsity, as_fraction
from lotterylab.masks.granularity import Units, granularity_of
from lotterylab.masks.patterns import Pattern, check_sparsity, rank
from lotterylab.masks.pools import check_cut, complete, pools
from lotterylab.types import Mask, Scores


@dataclass(frozen=True, kw_only=True)
class Cut:
    """One selection in numbers, for alarms and tables.  Entries are weights, or the filters or blocks selected.

    Attributes:
        entries: n, all of them, those an earlier mask removed too.
        requested: the sparsity asked for, over all entries; of a pattern N:M what it comes to here, which short groups
            make less than 1 - N/M.
        requested_removed: the count that this is, earlier removals included.
        removed: the count that is removed in the mask.
        candidates: how many an earlier mask had left.
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
    candidates: int
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
    check_cut(scope=scope, granularity=granularity)
    kind = granularity_of(granularity)
    before, after = complete(scores, mask_before), complete(scores, mask_after)
    if isinstance(kind, Pattern):
        asked = _of_pattern(scores, sparsity, before, kind)
    else:
        asked = _of_pools(scores, sparsity, before, scope, kind)
    kept = {name: kind.alive(name, one) for name, one in after.items()}
    entries = sum(map(len, kept.values()))
    removed = entries - sum(int(part.sum()) for part in kept.values())
    return Cut(
        entries=entries,
        requested=asked.count / entries if asked.share is None else float(asked.share),
        requested_removed=asked.count,
        removed=removed,
        candidates=sum(int(kind.alive(name, one).sum()) for name, one in before.items()),
        reached=removed / entries,
        ties_at_cut=asked.ties,
        exact_zero_scores=asked.zeros,
        layers={name: int(part.sum()) / len(part) for name, part in kept.items()},
        emptied=tuple(name for name, part in kept.items() if not bool(part.any())),
    )


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """``share``: of all entries, where one number was given."""

    share: Fraction | None
    count: int
    ties: int
    zeros: int


def _of_pools(scores: Scores, sparsity: Sparsity, before: Mask, scope: str, kind: Units) -> _Asked:
    found = pools(scores, sparsity, before, scope=scope, kind=kind)
    ties = 0
    for pool in found:
        count = pool.requested - pool.gone
        if count > 0:
            _, tied, leaving = pool.cut(count)
            ties += len(tied) if leaving < len(tied) else 0
    return _Asked(
        share=None if isinstance(sparsity, Mapping) else as_fraction(sparsity),
        count=sum(pool.requested for pool in found),
        ties=ties,
        zeros=sum(int((pool.scores[pool.alive] == 0).sum()) for pool in found),
    )


def _of_pattern(scores: Scores, sparsity: Sparsity, before: Mask, pattern: Pattern) -> _Asked:
    check_sparsity(sparsity, pattern)
    ranked = [rank(name, one, before[name], pattern) for name, one in scores.items()]
    gone = sum(int((~kept).sum()) for kept in before.values())
    return _Asked(
        share=None,  # short groups and earlier masks make it differ from 1 - N/M
        count=gone + sum(int(one.leaving(pattern).sum()) for one in ranked),
        ties=sum(int(one.tied(pattern).sum()) for one in ranked),
        zeros=sum(int(((one == 0) & before[name]).sum()) for name, one in scores.items()),
    )
