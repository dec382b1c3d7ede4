"""Pruning in rounds: score, cut, score what is left, cut again, until the sparsity asked for is reached."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from lotterylab.errors import UsageError
from lotterylab.masks.counts import SCHEDULES, Sparsity, as_fraction, removal_count, same_names
from lotterylab.masks.select import Rule, Selection, selection
from lotterylab.rng import draws
from lotterylab.types import Mask, Scores
from lotterylab.views import View


def in_rounds(
    view: View, criterion: Callable[[View], Scores], sparsity: Sparsity, rule: Rule, whole: Collection[str] = ()
) -> tuple[Selection, Scores]:
    """Return the last round's selection and the scores that made it.

    Each round scores the network as pruned by the round before; the first begins with ``view.mask``.

    Args:
        view: what the criterion looks at.
        criterion: a ``Criterion``, or any function from a view to scores.
        sparsity: the last round's, as in ``select``.
        rule: how scores become a mask, and in how many rounds.
        whole: tensors of ``view.mask`` that are not cut further; they are not among ``view.names``.

    Raises:
        UsageError: what ``select`` and ``ladder`` refuse.
    """
    mask, left = view.mask, {}
    if mask is not None and whole:
        left = {name: kept for name, kept in mask.items() if name in whole}
        mask = Mask({name: kept for name, kept in mask.items() if name not in whole})
    *steps, last = ladder(sparsity, mask, rule)
    for step in steps:
        mask = selection(scored(view, criterion, rule.seed), step, mask, rule).mask
        view = replace(view, mask=Mask({**left, **mask}))
    scores = scored(view, criterion, rule.seed)
    return selection(scores, last, mask, rule), scores


def scored(view: View, criterion: Callable[[View], Scores], seed: int) -> Scores:
    """Return the criterion's scores; what the module draws from global generators comes from (seed, "prune")."""
    with draws(seed, "prune", "forward", devices={tensor.device for tensor in view.state.values()}):
        return criterion(view)


def ladder(sparsity: Sparsity, mask: Mask | None, rule: Rule) -> list[Sparsity]:
    """Return the cumulative sparsity that each round cuts to; the last is ``sparsity`` itself, as it was given.

    Sparsities are of units, as those of ``select``, and begin with what ``mask`` removes.  Tensors with counts of their
    own (scope "layerwise", a sparsity for each tensor) have ladders of their own, since an earlier mask may have left
    them differently dense.

    Raises:
        UsageError: names that differ, a sparsity outside [0, 1], less than is removed already.

    Examples:
        >>> ladder(0.75, None, Rule(rounds=2, schedule="exponential"))
        [0.5, 0.75]
        >>> import torch
        >>> ladder(0.75, {"weight": torch.tensor([True, False])}, Rule(rounds=2, schedule="linear"))
        [0.625, 0.75]
    """
    if rule.rounds == 1:
        return [sparsity]
    apart = isinstance(sparsity, Mapping) or (rule.scope == "layerwise" and mask is not None)
    counts = dict.fromkeys(sparsity if isinstance(sparsity, Mapping) else ("",), (0, 1))  # gone, units
    if mask is not None:
        counts = {name: (int((~kept).sum()), len(kept)) for name, kept in rule.kind.alive(mask).items()}
        if not apart:
            counts = {"": (sum(gone for gone, _ in counts.values()), sum(units for _, units in counts.values()))}
    targets = sparsity if isinstance(sparsity, Mapping) else dict.fromkeys(counts, sparsity)
    same_names("sparsity", targets, counts)
    between: dict[str, list[float]] = {}
    for name, target in targets.items():
        gone, units = counts[name]
        # counts and not shares: one that was rounded up to a whole unit is not more than what was asked for
        if removal_count(target, units) < gone:
            of = f" of '{name}'" if apart else ""
            raise UsageError(
                f"sparsity {target} was asked for; the mask removes {gone:,} of {units:,} {rule.kind.unit}{of} already."
            )
        left = 1 - gone / units
        density = min(float(1 - as_fraction(target)) / left, 1.0) if left > 0 else 1.0
        fall = SCHEDULES[rule.schedule]
        between[name] = [1 - left * fall(density, number, rule.rounds) for number in range(1, rule.rounds)]
    if not apart:
        return [*between[""], sparsity]
    return [*({name: steps[k] for name, steps in between.items()} for k in range(rule.rounds - 1)), sparsity]
