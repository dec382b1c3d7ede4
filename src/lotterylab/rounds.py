"""Pruning in rounds: score, cut, score what is left, cut again, until the sparsity asked for is reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from lotterylab.counts import Share, as_fraction
from lotterylab.errors import UsageError, unknown
from lotterylab.types import Mask, Scores

Schedule: TypeAlias = Callable[[float, int, int], float]


def exponential(density: float, round: int, rounds: int) -> float:
    """The density d after round k of n: d^(k/n), the same share of what is left each time.   [tanaka2020pruning]"""
    return density ** (round / rounds)


def linear(density: float, round: int, rounds: int) -> float:
    """1 - (1 - d) k/n: the same number each time."""
    return 1 - (1 - density) * round / rounds


SCHEDULES: dict[str, Schedule] = {"exponential": exponential, "linear": linear}


def sparsities(sparsity: Share, rounds: int, schedule: str, *, start: float = 0.0) -> list[Share]:
    """The cumulative sparsity after each round; the last is ``sparsity`` itself, as it was given.

    ``start``: the sparsity before the first round; the schedule runs over what that leaves.

    Raises:
        UsageError: a wrong word or number of rounds, or less than what is removed already.
    """
    if schedule not in SCHEDULES:
        raise unknown("schedule of rounds", schedule, SCHEDULES)
    if rounds < 1:
        raise UsageError(f"rounds={rounds}: at least 1 is needed.")
    left = 1 - start
    density = float(1 - as_fraction(sparsity)) / left if left > 0 else 1.0
    if rounds > 1 and density > 1:
        raise UsageError(f"sparsity {sparsity} was asked for; the mask removes {start:.6g} already.")
    return [*(1 - left * SCHEDULES[schedule](density, k, rounds) for k in range(1, rounds)), sparsity]


def in_rounds(
    score: Callable[[Mask | None], Scores],
    cut: Callable[[Scores, Share, Mask | None], Mask],
    steps: list[Share],
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
