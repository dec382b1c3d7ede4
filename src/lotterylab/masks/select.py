"""Scores to a mask: the lowest scores are removed, by count and never by threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from lotterylab.errors import UsageError, unknown
from lotterylab.masks import algebra
from lotterylab.masks.counts import SCHEDULES, Sparsity, same_names
from lotterylab.masks.granularity import Granularity, granularity_of
from lotterylab.masks.pools import TIES
from lotterylab.masks.profiles import PROFILES
from lotterylab.masks.scopes import SCOPES
from lotterylab.types import Mask, Scores


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How scores become a mask, in the words of ``select`` and of ``prune``.

    Raises:
        UsageError: there is no such scope, granularity, way to break ties or schedule; rounds that cannot be.

    Examples:
        >>> Rule(granularity="2:4", rounds=3)
        Traceback (most recent call last):
        ...
        lotterylab.errors.UsageError: rounds=3 with granularity '2:4', which has no sparsity in between: rounds=1.
    """

    scope: str = "global"
    granularity: str = "weight"
    ties: str = "index"
    seed: int = 0
    rounds: int = 1
    schedule: str = "exponential"

    def __post_init__(self) -> None:
        known = {"way to break ties": (*TIES, *PROFILES), "scope": SCOPES, "schedule of rounds": SCHEDULES}
        for (what, words), word in zip(known.items(), (self.ties, self.scope, self.schedule), strict=True):
            if word not in words:
                raise unknown(what, word, words)
        if not isinstance(self.rounds, int) or self.rounds < 1:
            raise UsageError(f"rounds={self.rounds}: a whole number, at least 1, is needed.")
        if not self.kind.in_rounds and self.rounds > 1:
            raise UsageError(
                f"rounds={self.rounds} with granularity '{self.granularity}', which has no sparsity in between: "
                "rounds=1."
            )

    @property
    def kind(self) -> Granularity:
        """The granularity."""
        return granularity_of(self.granularity)


@dataclass(frozen=True, kw_only=True)
class Cut:
    """One selection in numbers, for alarms and tables.  Units are weights, or the filters or blocks that are selected.

    Attributes:
        entries: n, all units, those that an earlier mask removed too.
        requested: the sparsity asked for, over all units.  With N:M it is what the pattern comes to here: short groups
            make it less than 1 - N/M.
        requested_removed: the count that this is, earlier removals included.
        removed: the count that is removed in the mask.
        candidates: the units that the earlier mask left.
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
    emptied: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """A mask, and what the cut that made it did."""

    mask: Mask
    cut: Cut


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
    """Return the mask that removes the ``removal_count(sparsity, n)`` lowest of n entries.

    n counts all entries of the scores, those that an earlier ``mask`` removed too: ``sparsity`` is cumulative,
    1 - kept / n of the result, and a pruned entry never comes back.

    Args:
        scores: one tensor for each prunable tensor, higher = keep; +inf and -inf are allowed.
        sparsity: one number in [0, 1], or one for each tensor by name (then each tensor has its own count, whatever
            ``scope`` says).  A float is the decimal that it prints as; a Fraction or a string such as "1/3" is exact.
        mask: the earlier mask, of the same names and shapes; None keeps all.
        scope: "global", one count over all tensors; "layerwise", the same fraction of each; "uniform", the same but for
            the first, which stays; "erk", small layers denser than large ones.
        granularity: what is removed as one piece, whose number n, sparsity and counts then are.
            "weight": an entry.
            "filter": a slice along dimension 0, by the mean score of all of it, also where an earlier mask cut into it.
            Dimension 0 is the outputs, but the inputs of a transposed convolution.
            "block:RxC": a block of the tensor as a matrix; one at the edge may be smaller, and counts as one.
            "N:M", as "2:4": of each M consecutive entries the N highest stay.  The sparsity is then 1 - N/M, and the
            scope plays no part.  A group that an earlier mask left fewer than N keeps those, so that more may be gone.
        ties: which go, of the entries that have exactly the score at the cut.
            "index": the lowest flat index first, tensors in the order of the dict.
            "random": the first in a permutation of all n from ``rng.stream(seed, "ties")``, with the tensor's name
            added where each has its own count; a higher sparsity gives a subset here too.  "N:M" has draws for each
            tensor.
            "refuse": an error, if the cut goes through them.
            A name in ``PROFILES``: that published code's own count and ties, right or wrong.  It sees the entries
            still kept, and the share of these that is left to remove.  Not with "N:M".
        seed: of the random ties, nothing else.

    Returns:
        Bool tensors, True = kept, with the names, order, shapes and devices of ``scores``.

    Raises:
        UsageError: NaN scores, wrong words or names, a ``mask`` that removes more than is asked, refused ties.

    Examples:
        >>> import torch
        >>> scores = {"weight": torch.tensor([[4.0, 1.0, 3.0], [2.0, 2.0, 5.0]])}
        >>> select(scores, 0.5)["weight"].tolist()
        [[True, False, True], [False, False, True]]
        >>> select(scores, 0.5, granularity="filter")["weight"].tolist()
        [[False, False, False], [True, True, True]]
    """
    rule = Rule(scope=scope, granularity=granularity, ties=ties, seed=seed)
    return selection(scores, sparsity, mask, rule).mask


def selection(scores: Scores, sparsity: Sparsity, mask: Mask | None, rule: Rule) -> Selection:
    """Return what ``select`` returns, and what the cut did.

    Examples:
        >>> import torch
        >>> cut = selection({"weight": torch.tensor([3.0, 0.0, 0.0, 0.0])}, 0.5, None, Rule()).cut
        >>> cut.removed, cut.ties_at_cut, cut.layers
        (2, 3, {'weight': 0.5})
    """
    earlier, kind = complete(scores, mask), rule.kind
    pools, kept, tied = kind.pools(scores, sparsity, earlier, rule.scope), {}, 0
    for pool in pools:
        units, at_cut = pool.cut(rule.ties, rule.seed)
        kept |= pool.split(units)
        tied += len(at_cut)
    left = {name: int(units.sum()) for name, units in kept.items()}
    entries, requested = sum(map(len, kept.values())), sum(pool.requested for pool in pools)
    removed, share = entries - sum(left.values()), kind.share(sparsity)
    cut = Cut(
        entries=entries,
        requested=requested / entries if share is None else float(share),
        requested_removed=requested,
        removed=removed,
        candidates=entries - sum(pool.gone for pool in pools),
        reached=removed / entries,
        ties_at_cut=tied,
        exact_zero_scores=sum(int((pool.alive & (pool.scores == 0)).sum()) for pool in pools),
        layers={name: left[name] / len(units) for name, units in kept.items()},
        emptied=[name for name, count in left.items() if not count],
    )
    return Selection(mask=kind.spread(kept, earlier), cut=cut)


def complete(scores: Scores, mask: Mask | None) -> Mask:
    """Return ``mask`` in the order and on the devices of ``scores``, both checked; all True if it is None.

    Raises:
        UsageError: scores that cannot be ordered, a mask of other names or shapes.
    """
    if not scores:
        raise UsageError("there are no scores to select by: the dict is empty. Which tensors are prunable?")
    for name, tensor in scores.items():
        if not tensor.is_floating_point():
            raise UsageError(f"the scores of '{name}' are {tensor.dtype}; scores are floating point, higher = keep.")
        if tensor.numel() == 0:
            raise UsageError(f"'{name}' has shape {tuple(tensor.shape)} and so no scores. Leave it out.")
        nan = int(tensor.isnan().sum())
        if nan:
            raise UsageError(
                f"{nan} of {tensor.numel()} scores of '{name}' are NaN, which no order can place. "
                f"Look at the weights and gradients that they were made of."
            )
    if mask is None:
        return algebra.ones(scores)
    same_names("mask", mask, scores)
    algebra.check(mask, scores)
    return cast(Mask, {name: mask[name].to(scores[name].device) for name in scores})
