"""Pruning in rounds: score, cut, score what is left, cut again, until the sparsity asked for is reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias, cast

from lotterylab.errors import UsageError, unknown
from lotterylab.masks.counts import Share, Sparsity, as_fraction, removal_count, same_names
from lotterylab.masks.granularity import granularity_of
from lotterylab.masks.patterns import Pattern
from lotterylab.types import Mask, Scores

Schedule: TypeAlias = Callable[[float, int, int], float]
Start: TypeAlias = float | Mapping[str, float]


def exponential(density: float, round: int, rounds: int) -> float:
    """The density d after round k of n: d^(k/n), the same share of what is left each time.   [tanaka2020pruning]"""
    return density ** (round / rounds)


def linear(density: float, round: int, rounds: int) -> float:
    """1 - (1 - d) k/n: the same number each time."""
    return 1 - (1 - density) * round / rounds


SCHEDULES: dict[str, Schedule] = {"exponential": exponential, "linear": linear}


def ladder(
    sparsity: Sparsity, mask: Mask | None, *, rounds: int, schedule: str, scope: str, granularity: str
) -> list[Sparsity]:
    """The cumulative sparsity to cut to in each round, from what ``mask`` keeps; the last is ``sparsity`` itself.

    Sparsities are of units, as those of ``select``.  Where each tensor has a count of its own (scope "layerwise", a
    sparsity for each tensor), each has its own ladder, since an earlier mask may have left them differently dense.

    Raises:
        UsageError: what ``check_rounds`` refuses; less than is removed already.
    """
    check_rounds(rounds, schedule, granularity)
    if rounds == 1 or mask is None:
        return sparsities(sparsity, rounds, schedule)
    kind = granularity_of(granularity)
    alive = {name: kind.alive(name, kept) for name, kept in mask.items()}
    units = {name: len(one) for name, one in alive.items()}
    gone = {name: units[name] - int(one.sum()) for name, one in alive.items()}
    if scope == "layerwise" or isinstance(sparsity, Mapping):
        start: Start = {name: gone[name] / units[name] for name in units}
        targets = sparsity if isinstance(sparsity, Mapping) else dict.fromkeys(units, sparsity)
        same_names("sparsity", targets, units)
        for name, target in targets.items():
            _check_count(target, gone[name], units[name], f" of '{name}'")
        return sparsities(sparsity, rounds, schedule, start=start)
    all_gone, total = sum(gone.values()), sum(units.values())
    _check_count(sparsity, all_gone, total, "")
    return sparsities(sparsity, rounds, schedule, start=all_gone / total)


def _check_count(sparsity: Share, gone: int, units: int, of: str) -> None:
    """Counts and not shares: one that was rounded up to a whole entry is not more than what was asked for."""
    if removal_count(sparsity, units) < gone:
        raise UsageError(f"sparsity {sparsity} was asked for; the mask removes {gone:,} of {units:,}{of} already.")


def check_rounds(rounds: int, schedule: str, granularity: str) -> None:
    """Raise ``UsageError`` for a wrong word or number, and for several rounds of a pattern N:M.

    A pattern has one sparsity, so that there is nothing between all and it.
    """
    if schedule not in SCHEDULES:
        raise unknown("schedule of rounds", schedule, SCHEDULES)
    if not isinstance(rounds, int) or rounds < 1:
        raise UsageError(f"rounds={rounds}: a whole number, at least 1, is needed.")
    if rounds > 1 and isinstance(granularity_of(granularity), Pattern):
        raise UsageError(
            f"rounds={rounds} with granularity '{granularity}', which has no sparsity in between: rounds=1."
        )


def sparsities(sparsity: Sparsity, rounds: int, schedule: str, *, start: Start = 0.0) -> list[Sparsity]:
    """The cumulative sparsity after each round; the last is ``sparsity`` itself, as it was given.

    ``start``: the sparsity before the first round, one for all or one for each tensor; the schedule runs over what that
    leaves.  Where one of the two has a number for each tensor, so have the rounds before the last.

    Raises:
        UsageError: a wrong word or number of rounds, or less than is removed already.
    """
    check_rounds(rounds, schedule, "weight")
    if not isinstance(sparsity, Mapping) and not isinstance(start, Mapping):
        return [*_between(sparsity, rounds, schedule, start), sparsity]
    targets = sparsity if isinstance(sparsity, Mapping) else dict.fromkeys(cast(Mapping, start), sparsity)
    starts = start if isinstance(start, Mapping) else dict.fromkeys(targets, start)
    same_names("mask", starts, targets)
    each = {name: _between(target, rounds, schedule, starts[name]) for name, target in targets.items()}
    return [*({name: steps[k] for name, steps in each.items()} for k in range(rounds - 1)), sparsity]


def _between(sparsity: Share, rounds: int, schedule: str, start: float) -> list[float]:
    """Those before the last round."""
    left = 1 - start
    density = min(float(1 - as_fraction(sparsity)) / left, 1.0) if left > 0 else 1.0
    return [1 - left * SCHEDULES[schedule](density, k, rounds) for k in range(1, rounds)]


def in_rounds(
    score: Callable[[Mask | None], Scores],
    cut: Callable[[Scores, Sparsity, Mask | None], Mask],
    steps: list[Sparsity],
    mask: Mask | None,
) -> tuple[Mask, Scores, Mask | None]:
    """The final mask, the scores that made it, and the mask before its last cut.

    ``score(mask)`` scores the network as pruned by the mask; ``cut(scores, sparsity, mask)`` is ``select``.
    """
    before, scores = mask, score(mask)
    for number, sparsity in enumerate(steps):
        if number:
            before, scores = mask, score(mask)
        mask = cut(scores, sparsity, before)
    assert mask is not None, "there is at least one round"
    return mask, scores, before
