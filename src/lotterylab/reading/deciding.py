"""Verdicts from intervals, in one vocabulary: confirmed, refuted, cannot be said, not run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from lotterylab.statistics import Interval, equivalent, t_interval

LEVEL = 0.05  # the level of a decision, for its whole family
FEWEST = 3  # seeds behind a verdict; two values of a coarse quantity may agree by chance, with no spread at all
Word: TypeAlias = Literal["confirmed", "refuted", "cannot be said", "not run"]
Outcome: TypeAlias = Literal["more", "less", "equal", "open"]  # of a difference a - b


def decided(interval: Interval, p_holm: float | None, p_equal: float | None, caveat: str) -> Outcome:
    """Return the decision at 5 % about a difference a - b; "open" with fewer than three seeds or with a caveat.

    ``p_holm``, ``p_equal``: the adjusted p values of "no difference" and of "not equal within the margin".
    """
    if interval.n < FEWEST or caveat:
        return "open"
    if p_holm is not None and p_holm < LEVEL:
        return "more" if interval.mean > 0 else "less"
    return "equal" if p_equal is not None and p_equal < LEVEL else "open"


def is_above(interval: Interval, threshold: float) -> Word:
    """Return "confirmed" if the interval lies above the threshold and "refuted" if it lies below."""
    if interval.above(threshold):
        return "confirmed"
    return "refuted" if interval.below(threshold) else "cannot be said"


def is_below(interval: Interval, threshold: float) -> Word:
    """Return "confirmed" if the interval lies below the threshold and "refuted" if it lies above."""
    return negated(is_above(interval, threshold))


def is_within(interval: Interval, margin: float) -> Word:
    """Return "confirmed" if the interval lies within ``margin`` of 0 and "refuted" if it lies wholly outside."""
    if interval.above(-margin) and interval.below(margin):
        return "confirmed"
    return "refuted" if interval.above(margin) or interval.below(-margin) else "cannot be said"


def is_equal(values: Iterable[float], margin: float) -> Word:
    """Return "confirmed" if two one-sided tests show equivalence and "refuted" if the 95 % interval lies outside."""
    values = list(values)
    if equivalent(values, margin):
        return "confirmed"
    return "refuted" if is_within(t_interval(values), margin) == "refuted" else "cannot be said"


def negated(word: Word) -> Word:
    """Return the verdict on the opposite statement."""
    opposite: dict[Word, Word] = {"confirmed": "refuted", "refuted": "confirmed"}
    return opposite.get(word, word)


def all_of(words: Iterable[Word]) -> Word:
    """Return the verdict on all statements together: "refuted" if one is refuted, "confirmed" if all are confirmed."""
    words = list(words)
    if "refuted" in words:
        return "refuted"
    return "confirmed" if words and set(words) == {"confirmed"} else "cannot be said"


def both(*parts: bool | None) -> bool | None:
    """Return whether all parts of a prediction came true: False if one did not, else None if one is unknown."""
    if False in parts:
        return False
    return None if None in parts else True


def holds(word: Word) -> bool | None:
    """Return the verdict as a part of a prediction: True, False, or None if it cannot be said."""
    return {"confirmed": True, "refuted": False}.get(word)
