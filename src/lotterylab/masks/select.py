"""The selection of weights: the lowest scores are removed, by count and never by threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import cast

from lotterylab.errors import UsageError, unknown
from lotterylab.masks import algebra
from lotterylab.masks.counts import SCHEDULES, Sparsity, check_targets, same_names
from lotterylab.masks.granularity import Granularity, granularity_of
from lotterylab.masks.pools import TIES
from lotterylab.masks.profiles import PROFILES
from lotterylab.masks.scopes import SCOPES
from lotterylab.types import Mask, Scores

_WORDS = {"way to break ties": (*TIES, *PROFILES), "scope": SCOPES, "schedule of rounds": SCHEDULES}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A ``Rule`` says how scores become a mask, in the words of ``select`` and of ``prune``.

    Raises:
        UsageError: a scope, granularity, way to break ties or schedule is unknown, or the rounds are not possible.

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
        for (what, words), word in zip(_WORDS.items(), (self.ties, self.scope, self.schedule), strict=True):
            if word not in words:
                raise unknown(what, word, words)
        if isinstance(self.rounds, Integral) and not isinstance(self.rounds, bool):
            object.__setattr__(self, "rounds", int(self.rounds))  # NumPy's, too
        if type(self.rounds) is not int or self.rounds < 1:
            raise UsageError(f"rounds={self.rounds!r}: a whole number, at least 1, is needed.")
        if not self.kind.in_rounds and self.rounds > 1:
            raise UsageError(
                f"rounds={self.rounds} with granularity '{self.granularity}', which has no sparsity in between: "
                "rounds=1."
            )

    @property
    def kind(self) -> Granularity:
        """Return the granularity."""
        return granularity_of(self.granularity)


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A ``Cut`` describes a selection in numbers.  Units are the weights, filters or blocks that are selected.

    Attributes:
        entries: n, the number of all units, those that an earlier mask removed included.
        requested: the requested sparsity, over all units.  With N:M it is the sparsity of the pattern on these tensors;
            short groups make it less than 1 - N/M.
        requested_removed: the requested number of removed units, earlier removals included.
        removed: the number of removed units of the mask.
        candidates: the number of units that the earlier mask left.
        reached: removed / entries.
        ties_at_cut: the number of candidates with exactly the score at the cut, if the cut goes through them, else 0.
            If it is not 0, the scores do not decide which of them to remove, and a threshold removes all or none.
        exact_zero_scores: the number of candidates with score 0.
        layers: the density, kept / entries, of each tensor.
        emptied: the tensors that keep nothing.
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
    """A ``Selection`` is a mask, and the cut that made it.

    ``tied``, ``zeros`` and ``zeros_kept`` are the numbers by tensor of the units that tie at the cut, that score 0, and
    that score 0 and are kept.
    """

    mask: Mask
    cut: Cut
    tied: Mapping[str, int]
    zeros: Mapping[str, int]
    zeros_kept: Mapping[str, int]


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

    n counts all entries of the scores, those that an earlier ``mask`` removed included.  ``sparsity`` is cumulative,
    1 - kept / n of the result, and a pruned entry never comes back.

    Args:
        scores: one tensor for each prunable tensor, higher = keep; +inf and -inf are allowed.
        sparsity: one number from 0 up to but not 1, or one for each tensor by name (each tensor then has its own count,
            for any ``scope``, and one of several may lose everything, at 1).  A float is the decimal that it prints as;
            a Fraction or a string such as "1/3" is exact.
        mask: the earlier mask, with the same names and shapes; None keeps all.
        scope: "global", one count over all tensors; "layerwise", the same fraction of each; "uniform", the same
            fraction of each but the first, which stays whole; "erk", small layers denser than large layers; "balanced",
            the same number kept in each, a smaller layer whole.
        granularity: the piece that is removed at once; n, the sparsity and the counts are then numbers of pieces.
            "weight": an entry.
            "filter": a slice along dimension 0, by its mean score, which includes entries that an earlier mask removed.
            Dimension 0 is the outputs, or the inputs of a transposed convolution.  ``prune`` spares the output layer;
            here, leave its scores out.
            "block:RxC": a block of the tensor as a matrix; a smaller block at the edge counts as one.
            "N:M", such as "2:4": the N highest of each M consecutive entries stay.  The sparsity is then 1 - N/M, and
            the scope has no effect.  A group in which an earlier mask left fewer than N keeps these, so that more may
            be removed.
        ties: the choice among entries that have exactly the score at the cut.
            "index": the lowest flat index first, tensors in the order of the dict.
            "random": the first in a permutation of all n from ``rng.stream(seed, "ties")``, with the tensor's name
            added if each tensor has its own count; a higher sparsity gives a subset here too.  "N:M" draws for each
            tensor.
            "refuse": an error if the cut goes through them.
            A name in ``PROFILES``: the count and ties of that published code, right or wrong.  The rule sees the
            entries that are still kept, and the share of them that is left to remove.  It does not work with "N:M".
        seed: the seed of random ties, and of nothing else.

    Returns:
        Bool tensors, True = kept, with the names, order, shapes and devices of ``scores``.

    Raises:
        UsageError: scores are NaN, words or names are wrong, a sparsity is not below 1, ``mask`` removes more than
            requested, or ties are refused.

    Examples:
        >>> import torch
        >>> scores = {"weight": torch.tensor([[4.0, 1.0, 3.0], [2.0, 2.0, 5.0]])}
        >>> select(scores, 0.5)["weight"].tolist()
        [[True, False, True], [False, False, True]]
        >>> select(scores, 0.5, granularity="filter")["weight"].tolist()
        [[False, False, False], [True, True, True]]
    """
    check_targets(sparsity)
    rule = Rule(scope=scope, granularity=granularity, ties=ties, seed=seed)
    return selection(scores, sparsity, mask, rule).mask


def selection(scores: Scores, sparsity: Sparsity, mask: Mask | None, rule: Rule) -> Selection:
    """Return the mask of ``select`` with the description of its cut.

    Examples:
        >>> import torch
        >>> cut = selection({"weight": torch.tensor([3.0, 0.0, 0.0, 0.0])}, 0.5, None, Rule()).cut
        >>> cut.removed, cut.ties_at_cut, cut.layers
        (2, 3, {'weight': 0.5})
    """
    earlier, kind = complete(scores, mask), rule.kind
    pools, kept = kind.pools(scores, sparsity, earlier, rule.scope), {}
    tied, zeros, zeros_kept = ({}, {}, {})
    for pool in pools:
        units, at_cut = pool.cut(rule.ties, rule.seed)
        at_zero = pool.alive & (pool.scores == 0)
        kept |= pool.split(units)
        tied |= pool.counts(at_zero.new_zeros(at_zero.shape).index_fill(0, at_cut, True))
        zeros |= pool.counts(at_zero)
        zeros_kept |= pool.counts(at_zero & units)
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
        ties_at_cut=sum(tied.values()),
        exact_zero_scores=sum(zeros.values()),
        layers={name: left[name] / len(units) for name, units in kept.items()},
        emptied=[name for name, count in left.items() if not count],
    )
    mask = kind.spread(kept, earlier)
    return Selection(mask=mask, cut=cut, tied=tied, zeros=zeros, zeros_kept=zeros_kept)


def complete(scores: Scores, mask: Mask | None) -> Mask:
    """Return ``mask`` in the order and on the devices of ``scores``, both checked; all True if it is None.

    Raises:
        UsageError: scores cannot be ordered, or the mask has other names or shapes.
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
