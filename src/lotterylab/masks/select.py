"""Scores to a mask: the lowest scores are removed, by count and never by threshold."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, cast

from lotterylab.errors import UsageError, unknown
from lotterylab.masks.counts import Sparsity, alive_rate_counts, removal_count
from lotterylab.masks.granularity import granularity_of
from lotterylab.masks.patterns import TIES, Pattern, select_pattern
from lotterylab.masks.pools import Pool, check_cut, complete, pools
from lotterylab.masks.profiles import PROFILES
from lotterylab.rng import stream
from lotterylab.types import Mask, Scores

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["PROFILES", "TIES", "alive_rate_counts", "removal_count", "select"]


def select(
    scores: Scores,
    sparsity: Sparsity,
    *,
    mask: Mask | None = None,
    scope: str = "global",
    granularity: str = "weight",
    ties: str = "index",
    seed: int = 0,
) -> Mask:
    """The mask that removes the ``removal_count(sparsity, n)`` lowest of n entries.

    n counts all entries of the scores, those that an earlier ``mask`` removed too: ``sparsity`` is cumulative,
    1 - kept / n of the result, and a pruned entry never comes back.

    Args:
        scores: one tensor for each prunable tensor, higher = keep; +inf and -inf are allowed.
        sparsity: one number in [0, 1], or one for each tensor by name (then each tensor has its own count, whatever
            ``scope`` says).  A float is the decimal that it prints as; a Fraction or a string such as "1/3" is exact.
        mask: the earlier mask, of the same names and shapes; None keeps all.
        scope: "global", one count over all tensors; "layerwise", the same fraction of each; "uniform", the same but for
            the first, which stays; "erk", small layers denser than large ones.  See ``scopes``.
        granularity: "weight"; "filter", whole slices along dimension 0, by the mean score of the slice (all of it,
            also where an earlier mask cut into it); "block:RxC"; n, sparsity and counts are then those of filters or
            blocks (a block at the edge may be smaller, and counts as one).  Dimension 0 is the outputs, but of a
            transposed convolution the inputs.  "N:M", as "2:4": of each M consecutive entries the N highest stay; the
            sparsity is then 1 - N/M, and the scope plays no part.  A group that an earlier mask left fewer than N
            keeps those, so that more may be gone than that.  See ``granularity`` and ``patterns``.
        ties: which go, of the entries that have exactly the score at the cut.
            "index": the lowest flat index first, tensors in the order of the dict.
            "random": the first in a permutation of all n from ``rng.stream(seed, "ties")``, with the tensor's name
            added where each has its own count; a higher sparsity gives a subset here too.  Of "N:M" by draws of
            each tensor's own.
            "refuse": an error, if the cut goes through them.
            A name in ``PROFILES``: that published code's own count and ties, right or wrong.  It sees the entries
            still kept, and the share of these that is left to remove.  Not with "N:M".
        seed: of the random ties, nothing else.

    Returns:
        Bool tensors, True = kept, with the names, order, shapes and devices of ``scores``.

    Raises:
        UsageError: NaN scores, wrong words or names, a ``mask`` that removes more than is asked, refused ties.
    """
    if ties not in TIES and ties not in PROFILES:
        raise unknown("way to break ties", ties, (*TIES, *PROFILES))
    check_cut(scope=scope, granularity=granularity)
    earlier, kind = complete(scores, mask), granularity_of(granularity)
    if isinstance(kind, Pattern):
        return select_pattern(scores, sparsity, earlier, kind, ties=ties, seed=seed)
    units: dict[str, Tensor] = {}
    for pool in pools(scores, sparsity, earlier, scope=scope, kind=kind):
        units |= pool.split(_published(pool, ties, seed) if ties in PROFILES else _by_count(pool, ties, seed))
    # & because an earlier mask may have cut into a unit that stays
    return cast(
        Mask, {name: kind.spread(units[name].to(kept.device), kept.shape) & kept for name, kept in earlier.items()}
    )


def _by_count(pool: Pool, ties: str, seed: int) -> Tensor:
    import torch

    count = _left_to_remove(pool)
    if count == 0:
        return pool.alive
    score, tied, leaving = pool.cut(count)
    if leaving < len(tied) and ties == "refuse":
        raise UsageError(
            f"{len(tied)} entries{_of(pool)} share the score {float(score):g} at the cut, and {leaving} of them would "
            f"have to go. Use ties='index' or ties='random', or another sparsity."
        )
    if leaving < len(tied) and ties == "random":
        order = torch.from_numpy(stream(seed, *_purpose(pool)).permutation(len(pool.scores)))
        tied = tied[order.to(tied.device)[tied].argsort()]
    kept = pool.alive & (pool.scores > score)
    kept[tied[leaving:]] = True
    return kept


def _published(pool: Pool, profile: str, seed: int) -> Tensor:
    _left_to_remove(pool)  # for its refusal alone: the count is the profile's own
    n, gone = len(pool.scores), pool.gone
    if gone == n:
        return pool.alive
    share = max(Fraction(0), (pool.sparsity * n - gone) / (n - gone))
    kept = pool.alive.clone()
    kept[pool.alive] = PROFILES[profile](pool.scores[pool.alive], float(share), stream(seed, *_purpose(pool)))
    return kept


def _left_to_remove(pool: Pool) -> int:
    requested, gone, n = pool.requested, pool.gone, len(pool.scores)
    if gone > requested:
        raise UsageError(
            f"sparsity {float(pool.sparsity):g} asks that {requested} of {n} entries{_of(pool)} go, but the mask "
            f"already removes {gone}, and none comes back. Ask for {Fraction(gone, n)} or more, or give no mask."
        )
    return requested - gone


def _purpose(pool: Pool) -> tuple[str, ...]:
    return ("ties",) if pool.layer is None else ("ties", pool.layer)


def _of(pool: Pool) -> str:
    return "" if pool.layer is None else f" of '{pool.layer}'"
