"""Judges of claims: functions from rows to a verdict, a sentence with numbers, and the interval that decides."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from lotterylab.reading.caveats import caveat, unequal_training
from lotterylab.reading.claims import Judgement
from lotterylab.reading.deciding import FEWEST, Word, is_above, is_below, is_equal
from lotterylab.reading.differences import Hypothesis, hypothesis, raw_p
from lotterylab.reading.lines import Line, rows_at
from lotterylab.reading.rows import PerSeed, Read, Rows, Sides, in_common, mean, read_from
from lotterylab.reading.words import interval_text
from lotterylab.statistics import Interval, differences, t_interval

Judge = Callable[[Rows], Judgement]
Test = Callable[[list[float]], "tuple[Word, Hypothesis]"]  # the verdict on these values, and the tested hypothesis


def more(
    a: Line, b: Line, read: Read, sparsity: float, *, than: float = 0.0, digits: int = 4, floor: float | None = None
) -> Judge:
    """Return a judge of "``a`` minus ``b`` at a sparsity is above ``than``", by the interval of the paired differences.

    ``floor``: undecided if the mean of a side is below it.
    """
    return _difference(a, b, read, sparsity, digits, _apart(is_above, than), floor)


def less(
    a: Line, b: Line, read: Read, sparsity: float, *, than: float = 0.0, digits: int = 4, floor: float | None = None
) -> Judge:
    """Return a judge of "``a`` minus ``b`` at a sparsity is below ``than``"; ``floor`` as in ``more``."""
    return _difference(a, b, read, sparsity, digits, _apart(is_below, than), floor)


def equal(a: Line, b: Line, read: Read, sparsity: float, *, margin: float, digits: int = 4) -> Judge:
    """Return a judge of "``a`` and ``b`` are equal within the margin", by two one-sided tests."""
    return _difference(a, b, read, sparsity, digits, _alike(margin))


def over_levels(a: Line, b: Line, read: Read, levels: Sequence[float], *, than: float = 0.0, digits: int = 4) -> Judge:
    """Return a judge of "``a`` minus ``b`` is above ``than`` in the mean over these levels", by one test for the range.

    A seed is one number.  It counts if it has both lines at every level that was run.
    """

    def judge(results: Rows) -> Judgement:
        run_levels = [level for level in levels if a.rows(results).where(sparsity=level)]
        ours = a.rows(results).where(sparsity=tuple(run_levels))
        theirs = rows_at(b, results, run_levels[0]) if run_levels else Rows()
        of_a, of_b = in_common(ours.per_seed(read), theirs.per_seed(read))
        if not of_a:
            return Judgement(word="not run", measured="No seed has both.", n=0)
        values = differences(of_a, of_b)
        at_level = [t_interval(differences(ours.where(sparsity=s).per_seed(read), of_b)) for s in run_levels]
        above_it = sum(interval.above(than) for interval in at_level)
        text = f"Mean over {len(run_levels)} levels: difference {interval_text(t_interval(values), digits)}; "
        text += f"on its own it is above {than:g} at {above_it} of them."
        sides = ((a.name, ours), (b.name, theirs))
        return _judged(values, _apart(is_above, than), text, caveat(sides, read, values), sides, digits)

    return judge


def above(line: Line, read: Read, sparsity: float, *, than: float, digits: int = 4) -> Judge:
    """Return a judge of "the mean over seeds of one line at a sparsity is above ``than``"."""

    def judge(results: Rows) -> Judgement:
        values = list(at(line, results, read, sparsity).values())
        if not values:
            return Judgement(word="not run", measured="No seed has it.", n=0)
        text = f"{line.name} {interval_text(t_interval(values), digits)}."
        sides = _behind([line], results, sparsity)
        return _judged(values, _apart(is_above, than), text, caveat(sides, read, ()), sides, digits)

    return judge


def above_at_best(line: Line, read: Read, *, by: Read, than: float, digits: int = 4) -> Judge:
    """Return a judge of "the mean over seeds, each at its own best sparsity, is above ``than``".

    ``by``: the number whose highest value is best.  An accuracy on validation images leaves ``read``, one on test
    images, unused in the choice.
    """

    def judge(results: Rows) -> Judgement:
        seeds = (rows.having(by, read) for rows in line.rows(results).by("seed").values())
        best = Rows(max(rows, key=lambda row: read_from(row, by)) for rows in seeds if rows)
        values = list(best.per_seed(read).values())
        if not values:
            return Judgement(word="not run", measured="No seed has it.", n=0)
        kept = ", ".join(map(percent, best.levels))
        text = f"{line.name} {interval_text(t_interval(values), digits)}, at best with {kept} of the weights."
        sides = ((line.name, best),)
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


def over(ours: PerSeed, theirs: PerSeed, read: Read, *, sides: Sides, than: float = 0.0, digits: int = 4) -> Judgement:
    """Return the verdict on "``ours`` minus ``theirs`` is above ``than``", from one number for each seed.

    ``read``: what the numbers are.  ``sides``: the names of both, and the rows that their numbers are from.
    """
    mine, others = in_common(ours, theirs)
    if not mine:
        return Judgement(word="not run", measured="No seed has both.", n=0)
    values = differences(mine, others)
    means = (f"{name} {mean(side):.{digits}f}" for (name, _), side in zip(sides, (mine, others), strict=True))
    text = f"{', '.join(means)}: difference {interval_text(t_interval(values), digits)}."
    return _judged(values, _apart(is_above, than), text, caveat(sides, read, values), sides, digits)


def gains_more(
    first: tuple[Line, Line], second: tuple[Line, Line], read: Read, sparsity: float, *, digits: int = 4
) -> Judge:
    """Return a judge of "``first`` gains more than ``second``": a gain is a pair's first line minus its second."""

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
    """Return the test that the mean lies on one side of ``than``; the hypothesis, tested two-sided, is equality."""

    def test(values: list[float]) -> tuple[Word, Hypothesis]:
        return word(t_interval(values), than), hypothesis("mean", than, values)

    return test


def _alike(margin: float) -> Test:
    """Return the test that the mean lies within the margin; if it lies outside, the hypothesis is the margin's edge."""

    def test(values: list[float]) -> tuple[Word, Hypothesis]:
        word = is_equal(values, margin)
        edge = math.copysign(margin, sum(values))
        return word, hypothesis("mean", edge, values) if word == "refuted" else hypothesis("equal", margin, values)

    return test


def _judged(values: list[float], test: Test, text: str, doubt: str, sides: Sides, digits: int) -> Judgement:
    """Return the judgement of these values; undecided with fewer than three seeds, or if there is a doubt."""
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
    """Return the judgement if fewer than two seeds have ``what``: "not run", or "cannot be said" for one seed."""
    if n:
        return Judgement(word="cannot be said", measured=f"Only one seed has {what}: two are the least.", n=n)
    return Judgement(word="not run", measured=f"No seed has {what}.", n=0)


def nothing(results: Rows) -> str:
    """Return the answer of a study without the finished runs that its sentence needs."""
    if any(row.complete for row in results):
        return "Nothing can be said: no finished seed has the runs that the study's sentence is about."
    return "Nothing can be said yet: no seed is finished."


def level_reached(results: Rows, wanted: float) -> float:
    """Return the sparsity that a study speaks of, or the highest sparsity of a smaller run that does not reach it."""
    levels = {float(row.labels["sparsity"]) for row in results}
    return wanted if wanted in levels or not levels else max(levels)


def percent(sparsity: float) -> str:
    """Return the share of the weights that are kept, "6.25 %"."""
    return f"{100 * (1 - sparsity):.3g} %"


def minus(a: PerSeed, b: PerSeed) -> PerSeed:
    """Return a - b for each seed that both have."""
    return {seed: value - b[seed] for seed, value in a.items() if seed in b}


def apart_from(
    base: Line, lines: Iterable[Line], results: Rows, read: Read, sparsity: float, *, digits: int = 3
) -> list[str]:
    """Return each other line minus ``base`` in words, with its interval; lines without a common seed are left out.

    The number of seeds stands behind the last line if it is the same for all, and else behind each.
    """
    of_base = at(base, results, read, sparsity)
    apart = {line.name: minus(at(line, results, read, sparsity), of_base) for line in lines if line != base}
    intervals = {name: t_interval(values.values()) for name, values in apart.items() if values}
    alike, last = len({interval.n for interval in intervals.values()}) == 1, [*intervals][-1:]
    return [
        f"{name} {interval_text(interval, digits)}{'' if alike and [name] != last else f' (n = {interval.n})'}"
        for name, interval in intervals.items()
    ]


def at(line: Line, results: Rows, read: Read, sparsity: float) -> PerSeed:
    """Return one number for each seed of a line at a sparsity; a line without sparsities gives its only number."""
    return rows_at(line, results, sparsity).per_seed(read)


def _behind(lines: Iterable[Line], results: Rows, sparsity: float) -> Sides:
    return tuple((line.name, rows_at(line, results, sparsity)) for line in lines)


def _at_the_floor(means: Mapping[str, float], floor: float | None) -> str:
    """Return the sides whose mean is below the floor: an accuracy at chance says nothing about longer training."""
    below = [name for name, value in means.items() if floor is not None and value < floor]
    return f" Below {floor:g}: {', '.join(below)}." if below else ""
