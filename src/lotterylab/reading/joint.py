"""Judges of several lines at once: each gives one verdict and one p value."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from lotterylab.reading.caveats import caveat
from lotterylab.reading.claims import Judgement
from lotterylab.reading.deciding import FEWEST, LEVEL, Word
from lotterylab.reading.judging import Judge, unanswered
from lotterylab.reading.lines import Line, rows_at
from lotterylab.reading.rows import PerSeed, Read, Rows, Sides, in_common
from lotterylab.reading.words import interval_text
from lotterylab.statistics import differences, equivalence_p_value, holm, p_value, t_interval


def none_above(
    lines: Sequence[Line], base: Line, read: Read, sparsity: float, *, than: float, digits: int = 4
) -> Judge:
    """Return a judge of "no line is above ``base`` by more than ``than``", by the paired differences of each line.

    Refuted if one line is above by Holm's correction over the lines; confirmed if each line's 95 % interval lies below,
    which needs no correction, because the statement holds only if it holds of all.   [berger1982multiparameter]
    """

    def judge(results: Rows) -> Judgement:
        sides, of_base = _sides((base, *lines), results, read, sparsity)
        values = {name: differences(*in_common(of, of_base)) for name, of in sides.items() if name != base.name}
        values = {name: each for name, each in values.items() if each}
        if not values:
            return unanswered("both sides")
        intervals = {name: t_interval(each) for name, each in values.items()}
        highest = max(intervals, key=lambda name: intervals[name].mean)
        text = f"Highest: {highest} minus {base.name} {interval_text(intervals[highest], digits, sign=True)}"
        p = {name: _p(value - than for value in each) for name, each in values.items()}
        over = [name for name, each in holm(p).items() if each < LEVEL and intervals[name].mean > than]
        below = [name for name, interval in intervals.items() if interval.below(than)]
        word: Word = "refuted" if over else "confirmed" if len(below) == len(values) else "cannot be said"
        text += f"; the interval of {len(below)} of {len(values)} lies below {than:+g}."
        deciding = min(holm(p)[name] for name in over) if over else max(p.values())
        return _judgement(word, text, values, deciding, _rows((base, *lines), results, sparsity), read, than, highest)

    return judge


def alike(lines: Sequence[Line], read: Read, sparsity: float, *, margin: float, digits: int = 4) -> Judge:
    """Return a judge of "all lines are equal within the margin": two one-sided tests of each pair.

    Confirmed if each pair is equal, which needs no correction; refuted if the interval of a pair lies outside the
    margin by Holm's correction over the pairs.   [berger1982multiparameter]
    """

    def judge(results: Rows) -> Judgement:
        sides, _ = _sides(lines, results, read, sparsity)
        pairs = {f"{a} minus {b}": differences(*in_common(sides[a], sides[b])) for a, b in combinations(sides, 2)}
        pairs = {name: each for name, each in pairs.items() if each}
        if not pairs or len(sides) < len(lines):
            return unanswered("all of them")
        intervals = {name: t_interval(each) for name, each in pairs.items()}
        widest = max(intervals, key=lambda name: abs(intervals[name].mean))
        equal = {name: _one(equivalence_p_value(each, margin)) for name, each in pairs.items()}
        edges = {name: margin if intervals[name].mean > 0 else -margin for name in pairs}
        apart = holm({name: _p(value - edges[name] for value in each) for name, each in pairs.items()})
        outside = [name for name in pairs if apart[name] < LEVEL and abs(intervals[name].mean) > margin]
        word: Word = "refuted" if outside else "confirmed" if max(equal.values()) < LEVEL else "cannot be said"
        deciding = min(apart[name] for name in outside) if outside else max(equal.values())
        text = f"Furthest apart: {widest} {interval_text(intervals[widest], digits, sign=True)}."
        return _judgement(word, text, pairs, deciding, _rows(lines, results, sparsity), read, margin, widest)

    return judge


def _sides(lines: Sequence[Line], results: Rows, read: Read, sparsity: float) -> tuple[dict[str, PerSeed], PerSeed]:
    """Return the number of each line that has one, by seed, and that of the first line."""
    sides = {line.name: rows_at(line, results, sparsity).per_seed(read) for line in lines}
    return {name: values for name, values in sides.items() if values}, sides[lines[0].name]


def _rows(lines: Sequence[Line], results: Rows, sparsity: float) -> Sides:
    return tuple((line.name, rows_at(line, results, sparsity)) for line in lines)


def _p(values: object) -> float:
    return _one(p_value(values))  # type: ignore[arg-type]


def _one(p: float | None) -> float:
    return 1.0 if p is None else p


def _judgement(
    word: Word, text: str, values: dict[str, list[float]], p: float, sides: Sides, read: Read, than: float, shown: str
) -> Judgement:
    n = min(map(len, values.values()))
    doubt = caveat(sides, read, ())
    usable = n >= FEWEST and not doubt
    numbers = tuple(round(value, 12) for each in values.values() for value in each)
    return Judgement(
        word=word if usable else "cannot be said",
        measured=text + doubt,
        n=n,
        interval=t_interval(values[shown]),
        digits=4,
        rows=sides,
        hypothesis=(f"all of {', '.join(values)}", than, numbers),
        p=p if usable else 1.0,
    )
