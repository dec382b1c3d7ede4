"""Judges of claims: from rows to a word, a sentence with numbers, and the interval that decides."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from lotterylab.reading.caveats import caveat, unequal_training
from lotterylab.reading.claims import Judgement
from lotterylab.reading.deciding import FEWEST, Word, is_above, is_below, is_equal
from lotterylab.reading.differences import Hypothesis, hypothesis, raw_p
from lotterylab.reading.lines import Line, rows_at
from lotterylab.reading.rows import PerSeed, Read, Rows, Sides, in_common, mean
from lotterylab.reading.words import interval_text
from lotterylab.statistics import Interval, differences, t_interval

Judge = Callable[[Rows], Judgement]
Test = Callable[[list[float]], "tuple[Word, Hypothesis]"]  # a word on these values, and what is tested


def more(
    a: Line, b: Line, read: Read, sparsity: float, *, than: float = 0.0, digits: int = 4, floor: float | None = None
) -> Judge:
    """``a`` minus ``b`` at a sparsity is above ``than``: the interval of the paired differences lies above it.

    ``floor``: where the mean of a side is below it, nothing can be said.
    """
    return _difference(a, b, read, sparsity, digits, _apart(is_above, than), floor)


def less(
    a: Line, b: Line, read: Read, sparsity: float, *, than: float = 0.0, digits: int = 4, floor: float | None = None
) -> Judge:
    """``a`` minus ``b`` at a sparsity is below ``than``; ``floor`` as in ``more``."""
    return _difference(a, b, read, sparsity, digits, _apart(is_below, than), floor)


def equal(a: Line, b: Line, read: Read, sparsity: float, *, margin: float, digits: int = 4) -> Judge:
    """``a`` and ``b`` are equal within the margin, by two one-sided tests."""
    return _difference(a, b, read, sparsity, digits, _alike(margin))


def over_levels(a: Line, b: Line, read: Read, levels: Sequence[float], *, than: float = 0.0, digits: int = 4) -> Judge:
    """``a`` minus ``b`` is above ``than`` in the mean over these levels: one number a seed, one test for the range.

    A seed counts if it has both lines at every level that was run.
    """

    def judge(results: Rows) -> Judgement:
        there = [level for level in levels if a.rows(results).where(sparsity=level)]
        ours = a.rows(results).where(sparsity=tuple(there))
        theirs = rows_at(b, results, there[0]) if there else Rows()
        own, other = in_common(ours.per_seed(read), theirs.per_seed(read))
        if not own:
            return Judgement(word="not run", measured="No seed has both.", n=0)
        values = differences(own, other)
        each = {level: t_interval(differences(ours.where(sparsity=level).per_seed(read), other)) for level in there}
        sure = sum(one.above(than) for one in each.values())
        text = f"Mean over {len(there)} levels: difference {interval_text(t_interval(values), digits)}; "
        text += f"on its own it is above {than:g} at {sure} of them."
        sides = ((a.name, ours), (b.name, theirs))
        return _judged(values, _apart(is_above, than), text, caveat(sides, read, values), sides, digits)

    return judge


def above(line: Line, read: Read, sparsity: float, *, than: float, digits: int = 4) -> Judge:
    """The mean over seeds of one line at a sparsity is above ``than``."""

    def judge(results: Rows) -> Judgement:
        values = list(at(line, results, read, sparsity).values())
        if not values:
            return Judgement(word="not run", measured="No seed has it.", n=0)
        text = f"{line.name} {interval_text(t_interval(values), digits)}."
        sides = _behind([line], results, sparsity)
        return _judged(values, _apart(is_above, than), text, caveat(sides, read, ()), sides, digits)

    return judge


def _difference(
    a: Line, b: Line, read: Read, sparsity: float, digits: int, test: Test, floor: float | None = None
) -> Judge:
    def judge(results: Rows) -> Judgement:
        ours, theirs = in_common(*(at(side, results, read, sparsity) for side in (a, b)))
        if not ours:
            return Judgement(word="not run", measured="No seed has both.", n=0)
        values = differences(ours, theirs)
        means = {a.name: mean(ours), b.name: mean(theirs)}
        text = f"{', '.join(f'{name} {value:.{digits}f}' for name, value in means.items())}: "
        text += f"difference {interval_text(t_interval(values), digits)}."
        sides = _behind([a, b], results, sparsity)
        text += unequal_training(sides)
        doubt = _at_the_floor(means, floor) or caveat(sides, read, values)
        return _judged(values, test, text, doubt, sides, digits)

    return judge


def gains_more(
    first: tuple[Line, Line], second: tuple[Line, Line], read: Read, sparsity: float, *, digits: int = 4
) -> Judge:
    """What ``first`` gains (its first line minus its second) is above what ``second`` gains; paired by seed."""

    def judge(results: Rows) -> Judgement:
        sides = ((at(a, results, read, sparsity), at(b, results, read, sparsity)) for a, b in (first, second))
        gains = in_common(*(minus(*pair) for pair in sides))
        values = differences(*gains)
        if not values:
            return Judgement(word="not run", measured="No seed has all four.", n=0)
        means = (f"{mean(gain):+.{digits}f}" for gain in gains)
        text = f"{first[0].name} {next(means)}, {second[0].name} {next(means)}: "
        text += f"difference {interval_text(t_interval(values), digits)}."
        pairs = [_behind(pair, results, sparsity) for pair in (first, second)]
        doubt = caveat(pairs[0] + pairs[1], read, values, pairs=pairs)
        return _judged(values, _apart(is_above, 0.0), text, doubt, pairs[0] + pairs[1], digits)

    return judge


def _apart(word: Callable[[Interval, float], Word], than: float) -> Test:
    """Whether the mean lies on one side of a number; tested two-sided: it is that number."""

    def test(values: list[float]) -> tuple[Word, Hypothesis]:
        return word(t_interval(values), than), hypothesis("mean", than, values)

    return test


def _alike(margin: float) -> Test:
    """Whether the mean lies within the margin; tested: it lies outside, or, if that was found, at its edge."""

    def test(values: list[float]) -> tuple[Word, Hypothesis]:
        word = is_equal(values, margin)
        edge = math.copysign(margin, sum(values))
        return word, hypothesis("mean", edge, values) if word == "refuted" else hypothesis("equal", margin, values)

    return test


def _judged(values: list[float], test: Test, text: str, doubt: str, sides: Sides, digits: int) -> Judgement:
    """The judgement of these values; undecided with fewer than three seeds, or if there is a doubt."""
    interval = t_interval(values)
    word, tested = test(values)
    usable = interval.n >= FEWEST and not doubt
    return Judgement(
        word=word if usable else "cannot be said",
        measured=text + doubt,
        n=interval.n,
        interval=interval,
        digits=digits,
        rows=sides,
        hypothesis=tested,
        p=raw_p(tested) if usable else 1.0,
    )


def unanswered(what: str, n: int = 0) -> Judgement:
    """Fewer than two seeds have what is needed: nothing was run, or nothing can be said."""
    if n:
        return Judgement(word="cannot be said", measured=f"Only one seed has {what}: two are the least.", n=n)
    return Judgement(word="not run", measured=f"No seed has {what}.", n=0)


def nothing(results: Rows) -> str:
    """What a study says whose numbers do not reach as far as its sentence."""
    if any(row.complete for row in results):
        return "Nothing can be said: no finished seed has the runs that the study's sentence is about."
    return "Nothing can be said yet: no seed is finished."


def level_reached(results: Rows, wanted: float) -> float:
    """The sparsity that a study speaks of; of a smaller one that does not go so far, its highest."""
    levels = {float(row.labels["sparsity"]) for row in results}
    return wanted if wanted in levels or not levels else max(levels)


def percent(sparsity: float) -> str:
    """ "6.25 %": the share of the weights that are kept."""
    return f"{100 * (1 - sparsity):.3g} %"


def minus(a: PerSeed, b: PerSeed) -> PerSeed:
    """a - b for each seed that both have."""
    return {seed: value - b[seed] for seed, value in a.items() if seed in b}


def apart_from(base: Line, lines: Iterable[Line], results: Rows, read: Read, sparsity: float) -> list[str]:
    """Each other line minus ``base``, in words, with its interval; of lines of which nothing is known, nothing."""
    own = at(base, results, read, sparsity)
    found = []
    for line in lines:
        values = minus(at(line, results, read, sparsity), own) if line != base else {}
        if values:
            found.append(f"{line.name} {interval_text(t_interval(values.values()))} (n = {len(values)})")
    return found


def at(line: Line, results: Rows, read: Read, sparsity: float) -> PerSeed:
    """One number for each seed of a line at a sparsity; of one without sparsities, its only one."""
    return rows_at(line, results, sparsity).per_seed(read)


def _behind(lines: Iterable[Line], results: Rows, sparsity: float) -> Sides:
    return tuple((line.name, rows_at(line, results, sparsity)) for line in lines)


def _at_the_floor(means: Mapping[str, float], floor: float | None) -> str:
    """Of a network that has not left chance nobody knows where it would have come."""
    below = [name for name, value in means.items() if floor is not None and value < floor]
    return f" Below {floor:g}: {', '.join(below)}." if below else ""
