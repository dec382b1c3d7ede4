"""Questions that a study answers, and verdicts: what was expected, what was measured, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from lotterylab.statistics import Interval, equivalent, t_interval

LEVEL = 0.05  # at which a difference is said, for its whole family
FEWEST = 3  # seeds that a verdict rests on; two of a coarse quantity may agree by chance, with no spread at all
Word: TypeAlias = Literal["confirmed", "refuted", "cannot be said", "not run"]
Outcome: TypeAlias = Literal["more", "less", "equal", "open"]  # of a difference a - b


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answer to a question.

    Attributes:
        key: which question; that of the prediction, with a letter where one prediction has several parts.
        claim: what the text says.
        protocol_does: what the protocol behind its numbers does.
        follows: our explanation: what is confirmed or refuted here.
        expected: the prediction, word for word.
        measured: one or two sentences, with numbers.
        verdict: on ``follows``.
        n: seeds that it rests on.
        interval: the number that decides, where one does.
        as_predicted: whether the prediction came true; None where that cannot be said.
    """

    key: str
    claim: str
    protocol_does: str
    follows: str
    expected: str
    measured: str
    verdict: Word
    n: int
    interval: Interval | None = None
    as_predicted: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Question:
    """A verdict before its measurement."""

    key: str
    claim: str
    protocol_does: str
    follows: str
    expected: str

    def answer(
        self,
        verdict: Word,
        measured: str,
        *,
        n: int,
        interval: Interval | None = None,
        as_predicted: bool | None = None,
    ) -> Verdict:
        """The verdict that a measurement leads to."""
        return Verdict(
            key=self.key,
            claim=self.claim,
            protocol_does=self.protocol_does,
            follows=self.follows,
            expected=self.expected,
            measured=measured,
            verdict=verdict,
            n=n,
            interval=interval,
            as_predicted=as_predicted,
        )

    def unanswered(self, what: str, n: int = 0) -> Verdict:
        """Fewer than two seeds have ``what`` is needed: nothing was run, or nothing can be said."""
        if n:
            return self.answer("cannot be said", f"Only one seed has {what}: two are the least.", n=n)
        return self.answer("not run", f"No seed has {what}.", n=0)


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


def outcome(interval: Interval, p_holm: float | None, equal: Word, caveat: str) -> Outcome:
    """What can be said of a difference at the level of 5 % for its whole family; equality is tested on its own.

    Of fewer than three seeds nothing is said, and nothing where there is a caveat.
    """
    if interval.n < FEWEST or caveat:
        return "open"
    if p_holm is not None and p_holm < LEVEL:
        return "more" if interval.mean > 0 else "less"
    return "equal" if equal == "confirmed" else "open"


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


def shown(interval: Interval, digits: int = 3) -> str:
    """A mean with its interval, for a sentence: ``0.431 [0.420, 0.442]``."""

    def spell(value: float) -> str:
        return f"{round(value, digits) + 0.0:.{digits}f}"  # no -0.000

    if interval.low is None or interval.high is None:
        return f"{spell(interval.mean)} (one seed)"
    return f"{spell(interval.mean)} [{spell(interval.low)}, {spell(interval.high)}]"
