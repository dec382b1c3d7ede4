"""Judges of failures and of spreads over seeds: how often a network fails, how much it varies, and what with."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeAlias

from lotterylab.reading.caveats import caveat, diverged_runs
from lotterylab.reading.claims import Judgement
from lotterylab.reading.deciding import FEWEST, Word, is_above, is_below
from lotterylab.reading.differences import Hypothesis
from lotterylab.reading.judging import Judge, at, unanswered
from lotterylab.reading.lines import Line, rows_at
from lotterylab.reading.rows import PerSeed, Read, Rows, in_common
from lotterylab.reading.words import interval_text
from lotterylab.statistics import (
    Crossed,
    Interval,
    McNemar,
    crossed,
    mcnemar,
    pitman_morgan,
    sd_ratio,
    share_interval,
    share_p_value,
)

Truths: TypeAlias = Callable[[Rows], dict[int, bool]]  # whether something is true, for each seed that has it


def fewer(a: Line, b: Line, failed: Read) -> Judge:
    """Return a judge of "fewer seeds of ``a`` than of ``b`` have failed", by McNemar's exact test.

    The interval is that of the share of ``a`` among the seeds of which one side alone has failed: below 1/2 it
    confirms, above 1/2 it refutes.  A run that diverged has failed, so it is no caveat here.   [mcnemar1947note]

    Args:
        a, b: the sides.
        failed: 1 for a run that failed, 0 for any other.
    """

    def judge(results: Rows) -> Judgement:
        ours, theirs = in_common(*(at(side, results, failed, 0.0) for side in (a, b)))
        if not ours:
            return Judgement(word="not run", measured="No seed has both.", n=0)
        test = mcnemar(_truths(ours), _truths(theirs))
        counts = [f"{sum(values.values()):.0f} of {test.n} ({side.name})" for side, values in ((a, ours), (b, theirs))]
        text = f"Failed: {' against '.join(counts)}; one side alone: {test.only_a} against {test.only_b}."
        apart = test.only_a + test.only_b
        interval = share_interval(test.only_a, apart) if apart else None
        word: Word = "cannot be said"
        if test.n >= FEWEST and interval is not None:
            word = is_below(interval, 0.5)
        return Judgement(
            word=word,
            measured=text,
            n=test.n,
            interval=interval,
            digits=2,
            rows=((a.name, rows_at(a, results, 0.0)), (b.name, rows_at(b, results, 0.0))),
            hypothesis=(f"failures of {a.name} and {b.name}", 0.5, (*ours.values(), *theirs.values())),
            p=test.p if test.n >= FEWEST else 1.0,
        )

    return judge


def difference_of_shares(test: McNemar) -> Interval:
    """Return the share of seeds for which a is true minus that of b, with an exact interval.

    It is conditional on the number of seeds on which both differ, as McNemar's test is, and excludes 0 just where the
    test has p < 0.05.

    Examples:
        >>> from lotterylab.statistics import mcnemar
        >>> print(difference_of_shares(mcnemar(dict.fromkeys(range(20), False), {i: i < 8 for i in range(20)})))
        −0.4 [−0.4, −0.1045], n = 20
    """
    apart = test.only_a + test.only_b
    if not apart:
        return Interval(mean=0.0, low=0.0, high=0.0, n=test.n, sd=None, level=0.95)
    share = share_interval(test.only_a, apart)
    low, high = (None if end is None else (2 * end - 1) * apart / test.n for end in (share.low, share.high))
    return Interval(mean=(test.only_a - test.only_b) / test.n, low=low, high=high, n=test.n, sd=None, level=share.level)


def spreads_less(a: Line, b: Line, read: Read) -> Judge:
    """Return a judge of "``a`` spreads less over seeds than ``b``", by the ratio of their standard deviations.

    The test is that of Pitman and Morgan, for arms that share their seeds.   [pitman1939note; morgan1939test]
    """

    def judge(results: Rows) -> Judgement:
        ours, theirs = in_common(*(at(side, results, read, 0.0) for side in (a, b)))
        if len(ours) < FEWEST:
            return _too_few("both", len(ours))
        sides = ((a.name, rows_at(a, results, 0.0)), (b.name, rows_at(b, results, 0.0)))
        test = pitman_morgan(ours, theirs)
        text = f"Standard deviation over seeds: {test.sd_a:.4f} ({a.name}) against {test.sd_b:.4f} ({b.name})"
        tested = (f"spreads of {a.name} and {b.name}", 1.0, (*ours.values(), *theirs.values()))
        if not test.sd_a or not test.sd_b:
            return _undecided(f"{text}: one of them does not vary.", test.n, tested)
        interval, doubt = sd_ratio(ours, theirs), caveat(sides, read, ())
        return Judgement(
            word="cannot be said" if doubt else is_below(interval, 1.0),
            measured=f"{text}; ratio {interval_text(interval, 2)}.{doubt}",
            n=test.n,
            interval=interval,
            digits=2,
            rows=sides,
            hypothesis=tested,
            p=1.0 if doubt else test.p,
        )

    return judge


def never(line: Line, count: Read, what: str) -> Judge:
    """Return a judge of "no seed of ``line`` has any ``what``": one is enough to refute it.

    The interval is that of the share of seeds that have any.   [clopper1934use]
    """

    def judge(results: Rows) -> Judgement:
        counts = at(line, results, count, 0.0)
        if not counts:
            return unanswered(line.name)
        some = sum(number > 0 for number in counts.values())
        interval = share_interval(some, len(counts))
        word: Word = "confirmed" if len(counts) >= FEWEST else "cannot be said"
        text = f"{line.name}: {sum(counts.values()):.0f} {what} in all, in {some} of {len(counts)} seeds; "
        return Judgement(
            word="refuted" if some else word,
            measured=f"{text}share of seeds {interval_text(interval, 2)}.",
            n=len(counts),
            interval=interval,
            digits=2,
            rows=((line.name, rows_at(line, results, 0.0)),),
        )

    return judge


def in_more_than(share: float, true: Truths, lines: Sequence[Line], read: Read, sparsity: float) -> Judge:
    """Return a judge of "it is true for more than ``share`` of all seeds", by the exact interval of their share.

    The p value is that of the binomial test, which the interval inverts.   [clopper1934use]

    Args:
        share: the share, between 0 and 1.
        true: from the rows to whether it is true for each seed that has what it needs.
        lines: what it reads, for the caveats and the links.
        read: the number that it reads.
        sparsity: where it reads it.
    """

    def judge(results: Rows) -> Judgement:
        truths = true(results)
        if not truths:
            return unanswered("all of these runs")
        count, n = sum(truths.values()), len(truths)
        interval = share_interval(count, n)
        sides = tuple((line.name, rows_at(line, results, sparsity)) for line in lines)
        doubt = caveat(sides, read, ())
        usable = n >= FEWEST and not doubt
        return Judgement(
            word=is_above(interval, share) if usable else "cannot be said",
            measured=f"True for {count} of {n} seeds: {interval_text(interval, 2)}.{doubt}",
            n=n,
            interval=interval,
            digits=2,
            rows=sides,
            hypothesis=(
                f"share of {', '.join(line.name for line in lines)}",
                share,
                tuple(map(float, truths.values())),
            ),
            p=share_p_value(count, n, share) if usable else 1.0,
        )

    return judge


def ahead(
    results: Rows, first: Line, others: Sequence[tuple[Line, float]], read: Read, sparsity: float
) -> dict[int, bool]:
    """Return for each seed whether ``first`` minus each other line is above the number beside that line.

    Differences are rounded to 9 decimals, so that a difference of just so many test images is not above it.
    """
    sides = in_common(*(at(line, results, read, sparsity) for line in (first, *(line for line, _ in others))))
    ours, rest = sides[0], sides[1:]
    return {
        seed: all(round(value - other[seed], 9) > than for other, (_, than) in zip(rest, others, strict=True))
        for seed, value in ours.items()
    }


def rows_vary_more(line: Line, read: Read, *, rows: str, columns: str) -> Judge:
    """Return a judge of "the variance that belongs to the rows is larger than that of the columns" of a crossed table.

    Args:
        line: the runs of the table, one for each row and column.
        read: the number of a run.
        rows: the name of the rows, whose label is "method"; ``columns``: the name of the columns, the label "seed".
    """

    def judge(results: Rows) -> Judgement:
        runs = line.rows(results)
        table, found = table_of(runs, read), crossed_of(runs, read)
        if len(table) < FEWEST:
            return _too_few("the table", len(table))
        tested = (f"variances of {line.name}", 1.0, tuple(value for row in table.values() for value in row.values()))
        if found is None:
            return _undecided("The table is not complete, or does not vary.", len(table), tested)
        doubt = diverged_runs(((line.name, runs),))
        text = f"{shares_text(found, rows, columns)}; ratio of mean squares {interval_text(found.ratio, 2)}.{doubt}"
        return Judgement(
            word="cannot be said" if doubt else is_above(found.ratio, 1.0),
            measured=text,
            n=found.n,
            interval=found.ratio,
            digits=2,
            rows=tuple((str(name), row) for name, row in runs.by("method").items()),
            hypothesis=tested,
            p=1.0 if doubt else found.p,
        )

    return judge


def table_of(runs: Rows, read: Read) -> dict[Hashable, PerSeed]:
    """Return the numbers of a crossed table: label "method" -> label "seed" -> number."""
    table = {method: rows.per_seed(read) for method, rows in runs.by("method").items()}
    return {method: values for method, values in table.items() if values}


def crossed_of(runs: Rows, read: Read) -> Crossed | None:
    """Return the variance components of a crossed table; None if it is not complete, or does not vary."""
    try:
        return crossed(table_of(runs, read))
    except ValueError:
        return None


def shares_text(found: Crossed, rows: str, columns: str) -> str:
    """Return the shares of the variance in words, "initialisation 41 %, data order 3 %, the rest 56 %"."""
    of_rows, of_columns, rest = (f"{100 * share:.0f} %" for share in found.shares)
    return f"Share of the variance: {rows} {of_rows}, {columns} {of_columns}, the rest {rest}"


def _truths(values: PerSeed) -> dict[int, bool]:
    return {seed: value > 0 for seed, value in values.items()}


def _too_few(what: str, n: int) -> Judgement:
    if n < FEWEST - 1:
        return unanswered(what, n)
    return Judgement(word="cannot be said", measured=f"Only {n} seeds have {what}: {FEWEST} are the least.", n=n)


def _undecided(text: str, n: int, tested: Hypothesis) -> Judgement:
    """Return the judgement without a test; it stays in the family of the page, whose size the data do not decide."""
    return Judgement(word="cannot be said", measured=text, n=n, hypothesis=tested, p=1.0)
