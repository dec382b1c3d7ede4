"""Judges of claims: from rows to a word, a sentence with numbers, and the interval that decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from lotterylab.analysis.statistics import differences, t_interval
from lotterylab.engine.results import Result
from lotterylab.studies.outline import Judgement, Line, Rows, rows_at
from lotterylab.studies.questions import FEWEST, Word, is_above, is_below, is_equal, shown
from lotterylab.studies.seeds import PerSeed, Read, in_common, mean, per_seed

BEST_STEP = "train.best_step"  # the early-stopping iteration
Judge = Callable[[Sequence[Result]], Judgement]


def more(
    a: Line, b: Line, read: Read, sparsity: float, *, than: float = 0.0, digits: int = 4, floor: float | None = None
) -> Judge:
    """``a`` minus ``b`` at a sparsity is above ``than``: the interval of the paired differences lies above it.

    ``floor``: where the mean of a side is below it, nothing can be said.
    """
    return _difference(a, b, read, sparsity, digits, lambda values: is_above(t_interval(values), than), floor)


def less(
    a: Line, b: Line, read: Read, sparsity: float, *, than: float = 0.0, digits: int = 4, floor: float | None = None
) -> Judge:
    """``a`` minus ``b`` at a sparsity is below ``than``; ``floor`` as in ``more``."""
    return _difference(a, b, read, sparsity, digits, lambda values: is_below(t_interval(values), than), floor)


def equal(a: Line, b: Line, read: Read, sparsity: float, *, margin: float, digits: int = 4) -> Judge:
    """``a`` and ``b`` are equal within the margin, by two one-sided tests."""
    return _difference(a, b, read, sparsity, digits, lambda values: is_equal(values, margin))


def above(line: Line, read: Read, sparsity: float, *, than: float, digits: int = 4) -> Judge:
    """The mean over seeds of one line at a sparsity is above ``than``."""

    def judge(results: Sequence[Result]) -> Judgement:
        values = at(line, results, read, sparsity)
        if not values:
            return Judgement(word="not run", measured="No seed has it.", n=0)
        interval = t_interval(values.values())
        word = is_above(interval, than) if interval.n >= FEWEST else "cannot be said"
        return Judgement(
            word=word,
            measured=f"{line.name} {shown(interval, digits)}.",
            n=interval.n,
            interval=interval,
            digits=digits,
        )

    return judge


def _difference(
    a: Line,
    b: Line,
    read: Read,
    sparsity: float,
    digits: int,
    word: Callable[[list[float]], Word],
    floor: float | None = None,
) -> Judge:
    def judge(results: Sequence[Result]) -> Judgement:
        ours, theirs = in_common(*(at(side, results, read, sparsity) for side in (a, b)))
        if not ours:
            return Judgement(word="not run", measured="No seed has both.", n=0)
        values = differences(ours, theirs)
        interval = t_interval(values)
        means = {a.name: mean(ours), b.name: mean(theirs)}
        text = f"{', '.join(f'{name} {value:.{digits}f}' for name, value in means.items())}: "
        text += f"difference {shown(interval, digits)}."
        rows = _behind([a, b], results, sparsity)
        doubt = _cut_short(rows) if read == BEST_STEP else _at_the_floor(means, floor)
        found = word(values) if interval.n >= FEWEST and not doubt else "cannot be said"
        text += doubt
        return Judgement(word=found, measured=text, n=interval.n, interval=interval, digits=digits, rows=rows)

    return judge


def gains_more(
    first: tuple[Line, Line], second: tuple[Line, Line], read: Read, sparsity: float, *, digits: int = 4
) -> Judge:
    """What ``first`` gains (its first line minus its second) is above what ``second`` gains; paired by seed."""

    def judge(results: Sequence[Result]) -> Judgement:
        sides = ((at(a, results, read, sparsity), at(b, results, read, sparsity)) for a, b in (first, second))
        gains = in_common(*(minus(*pair) for pair in sides))
        values = differences(*gains)
        if not values:
            return Judgement(word="not run", measured="No seed has all four.", n=0)
        interval = t_interval(values)
        means = (f"{mean(gain):+.{digits}f}" for gain in gains)
        text = f"{first[0].name} {next(means)}, {second[0].name} {next(means)}: difference {shown(interval, digits)}."
        word = is_above(interval, 0.0) if interval.n >= FEWEST else "cannot be said"
        rows = _behind([*first, *second], results, sparsity)
        return Judgement(word=word, measured=text, n=interval.n, interval=interval, digits=digits, rows=rows)

    return judge


def minus(a: PerSeed, b: PerSeed) -> PerSeed:
    """a - b for each seed that both have."""
    return {seed: value - b[seed] for seed, value in a.items() if seed in b}


def apart_from(base: Line, lines: Iterable[Line], results: Sequence[Result], read: Read, sparsity: float) -> list[str]:
    """Each other line minus ``base``, in words, with its interval; of lines of which nothing is known, nothing."""
    own = at(base, results, read, sparsity)
    found = []
    for line in lines:
        values = minus(at(line, results, read, sparsity), own) if line != base else {}
        if values:
            found.append(f"{line.name} {shown(t_interval(values.values()))} (n = {len(values)})")
    return found


def of(line: Line, **labels: str | float) -> Line:
    """The line of these labels alone: of one activation, of one panel."""
    return Line(name=", ".join([line.name, *map(str, labels.values())]), labels={**line.labels, **labels})


def at(line: Line, results: Sequence[Result], read: Read, sparsity: float) -> PerSeed:
    """One number for each seed of a line at a sparsity; of one without sparsities, its only one."""
    return per_seed(rows_at(line, results, sparsity), read)


def _behind(lines: Iterable[Line], results: Sequence[Result], sparsity: float) -> Rows:
    return tuple((line.name, tuple(rows_at(line, results, sparsity))) for line in lines)


def _cut_short(rows: Rows) -> str:
    """Of runs whose validation loss was still falling when they ended nobody knows when it would have been lowest."""
    runs = [(name, row.records["train"].metrics) for name, side in rows for row in side if "train" in row.records]
    ended = [name for name, m in runs if m["best_step"] == m.get("from_step", 0) + m["steps"]]
    if not ended:
        return ""
    return f" {len(ended)} of {len(runs)} runs ended while it was still falling ({', '.join(dict.fromkeys(ended))})."


def _at_the_floor(means: Mapping[str, float], floor: float | None) -> str:
    """Of a network that has not left chance nobody knows where it would have come."""
    below = [name for name, value in means.items() if floor is not None and value < floor]
    return f" Below {floor:g}: {', '.join(below)}." if below else ""
