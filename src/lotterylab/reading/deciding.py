"""From intervals to one vocabulary of verdicts: confirmed, refuted, cannot be said, not run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from lotterylab.statistics import Interval, equivalent, t_interval

LEVEL = 0.05  # of a decision, for its whole family
FEWEST = 3  # seeds that a verdict rests on; two of a coarse quantity may agree by chance, with no spread at all
Word: TypeAlias = Literal["confirmed", "refuted", "cannot be said", "not run"]
Outcome: TypeAlias = Literal["more", "less", "equal", "open"]  # of a difference a - b


def is_above(interval: Interval, threshold: float) -> Word:
    """Whether the mean is above the threshold, if the interval does not hold it."""
    if interval.above(threshold):
        return "confirmed"
    return "refuted" if interval.below(threshold) else "cannot be said"


def is_below(interval: Interval, threshold: float) -> Word:
    """Whether the mean is below the threshold, if the interval does not hold it."""
    return negated(is_above(interval, threshold))


def is_within(interval: Interval, margin: float) -> Word:
    """Whether the mean is within ``margin`` of 0: the interval inside, or wholly outside."""
    if interval.above(-margin) and interval.below(margin):
        return "confirmed"
    return "refuted" if interval.above(margin) or interval.below(-margin) else "cannot be said"


def is_equal(values: Iterable[float], margin: float) -> Word:
    """Equivalent by two one-sided tests; refuted where the 95 % interval lies wholly outside the margin."""
    values = list(values)
    if equivalent(values, margin):
        return "confirmed"
    return "refuted" if is_within(t_interval(values), margin) == "refuted" else "cannot be said"


def negated(word: Word) -> Word:
    """The verdict on the opposite."""
    opposite: dict[Word, Word] = {"confirmed": "refuted", "refuted": "confirmed"}
    return opposite.get(word, word)


def all_of(words: Iterable[Word]) -> Word:
    """Of several statements that must all hold: refuted by one, confirmed by all."""
    words = list(words)
    if "refuted" in words:
        return "refuted"
    return "confirmed" if words and set(words) == {"confirmed"} else "cannot be said"


def both(*parts: bool | None) -> bool | None:
    """Whether all parts of a prediction came true: one that did not is enough for False, one unknown for None."""
    if False in parts:
        return False
    return None if None in parts else True


def holds(word: Word) -> bool | None:
    """The verdict as a part of a prediction: None where it cannot be said."""
    return {"confirmed": True, "refuted": False}.get(word)
