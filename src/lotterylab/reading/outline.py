"""How a study is read: its figures, what is held against what, what was claimed, and what it says in the end.

An outline is a value beside the plan.  It is written before anything runs; what it says changes with the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from lotterylab.engine.results import Result
from lotterylab.reading.caveats import caveat
from lotterylab.reading.doubts import Doubt
from lotterylab.reading.questions import FEWEST, Outcome, Word, is_equal, outcome
from lotterylab.reading.rows import Read, Rows, Sides
from lotterylab.statistics import Interval, differences, holm, p_value, power_note, t_interval

Labels: TypeAlias = Mapping[str, str | float]


@dataclass(frozen=True, kw_only=True)
class Line:
    """Some rows of the study under one name: those with these labels."""

    name: str
    labels: Labels

    def rows(self, results: Rows) -> Rows:
        """The rows."""
        return results.where(**self.labels)


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A figure: lines over an axis, one panel for each value of a label.

    ``y``, ``x``: metrics, "part.name"; "kept" is the share of the weights that the mask keeps, on a logarithmic axis.
    ``panels``: the label that tells panels apart.  ``level``: a line that has one value, drawn over the whole panel.
    """

    name: str
    title: str
    lines: tuple[Line, ...]
    y: str
    y_axis: str
    x: str = "kept"
    x_axis: str = "weights that are kept, fraction"
    panels: str = "protocol"
    level: Line | None = None


@dataclass(frozen=True, kw_only=True)
class LayerChart:
    """A figure over the layers of a network: one panel for each activation.

    ``metric``: one that holds a number for each layer by its name.  ``within``: labels of the rows that are shown.
    """

    name: str
    title: str
    metric: str
    y_axis: str
    lines: tuple[Line, ...]
    within: Labels
    log: bool = False


@dataclass(frozen=True, kw_only=True)
class HistogramChart:
    """Histograms of hidden units: one panel for each activation and line, one curve for each layer.

    ``metrics``: the part of a row that has "histogram", "low" and "high" by layer.  ``within``: labels of the rows.
    """

    name: str
    title: str
    metrics: str
    x_axis: str
    lines: tuple[Line, ...]
    within: Labels


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A number of a table: the mean of ``read`` over the seeds of a line at a sparsity, to ``digits`` decimals."""

    line: Line
    read: Read
    sparsity: float = 0.0
    digits: int = 3


@dataclass(frozen=True, kw_only=True)
class NumberTable:
    """A table as a paper prints it: each row a name and one entry for each column, or words instead.

    ``columns``: their heads, that of the names first.  ``how``: how it is read.
    """

    name: str
    title: str
    how: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Entry | str, ...]], ...]


@dataclass(frozen=True, kw_only=True)
class Versus:
    """A comparison: ``a`` minus ``b``, paired by seed, at each sparsity (or once, of rows without one).

    ``margin``: what counts as equal.  ``more_is``: the side on which a larger value is the better one.
    ``planned``: the sparsities at which it was planned, before the run; None: all.  A label that both lines have is
    what is compared; the others have to agree.
    """

    key: str
    a: Line
    b: Line
    read: Read
    what: str
    margin: float
    more_is: Literal["better", "worse"] = "better"
    digits: int = 4
    planned: tuple[float, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What a comparison found at one sparsity.  ``p_holm``: adjusted for its family, that of all planned comparisons
    of the study or that of all others.  ``rows``: the name of each side, and the rows that its numbers are from.
    ``caveat``: why nothing can be said, whatever the interval; then it is in no family."""

    versus: Versus
    panel: str
    sparsity: float
    interval: Interval
    equal: Word
    p_holm: float | None = None
    rows: Sides = ()
    caveat: str = ""

    @property
    def planned(self) -> bool:
        """Whether it is one of the study's planned comparisons."""
        return self.versus.planned is None or self.sparsity in self.versus.planned

    @property
    def outcome(self) -> Outcome:
        """Whether a is more than b."""
        return outcome(self.interval, self.p_holm, self.equal, self.caveat)

    @property
    def better(self) -> Line | None:
        """The side that is better, where one is said to be."""
        if self.outcome not in ("more", "less"):
            return None
        return self.versus.a if (self.outcome == "more") == (self.versus.more_is == "better") else self.versus.b

    @property
    def says(self) -> str:
        """The outcome in words."""
        if self.better is not None:
            return f"{self.better.name} is better"
        return f"equal within {self.versus.margin:g}" if self.outcome == "equal" else "unresolved"

    @property
    def power(self) -> str:
        """How many seeds would resolve the margin."""
        return power_note(self.interval, self.versus.margin)


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """``word`` on a claim; ``measured``: a sentence with numbers; ``interval``: the number that decides, to ``digits``
    decimals; ``rows``: the name of each side, and the rows that its numbers are from.  ``p``: of the word on its own;
    ``p_holm``: adjusted for the claims that are judged together."""

    word: Word
    measured: str
    n: int
    interval: Interval | None = None
    digits: int = 4
    rows: Sides = ()
    p: float | None = None
    p_holm: float | None = None


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Something that was said before: by a paper (``source`` is its key) or by us, before the run (``source`` empty).

    ``judge`` reads the rows.
    """

    key: str
    text: str
    judge: Callable[[Rows], Judgement]
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Outline:
    """How a study is read.

    ``conclude``: the sentence at the end, made from the numbers.  ``would_change``: what would change it.  ``doubts``:
    why it may be wrong.  ``predicted``: when our own claims were written.
    """

    charts: tuple[Chart, ...]
    versus: tuple[Versus, ...]
    claims: tuple[Claim, ...]
    conclude: Callable[[Rows, Sequence[Difference]], str]
    would_change: str
    doubts: tuple[Doubt, ...] = field(default=())
    predicted: str = "Written into the study before anything ran."
    layer_charts: tuple[LayerChart, ...] = ()
    histograms: tuple[HistogramChart, ...] = ()
    tables: tuple[NumberTable, ...] = ()


def differences_of(outline: Outline, results: Rows) -> list[Difference]:
    """Every comparison at every sparsity of which at least one seed has both sides.

    A run that is both sides, as the first round of iterative pruning and the one-shot ticket are, is no comparison.
    Planned comparisons are one family; what is looked at besides is another, so that it costs them nothing.
    """
    found: list[Difference] = []
    families: dict[bool, dict[int, float]] = {True: {}, False: {}}
    for versus in outline.versus:
        for panel, sparsity, values, rows in _pairs(versus, results):
            one = Difference(
                versus=versus,
                panel=panel,
                sparsity=sparsity,
                interval=t_interval(values),
                equal=is_equal(values, versus.margin),
                rows=rows,
                caveat=caveat(rows, versus.read, values).strip(),
            )
            p = p_value(values)
            if p is not None and len(values) >= FEWEST and not one.caveat:
                families[one.planned][len(found)] = p
            found.append(one)
    adjusted = {number: p for family in families.values() for number, p in holm(family).items()}
    return [replace(one, p_holm=adjusted.get(number)) for number, one in enumerate(found)]


Judged: TypeAlias = Sequence[tuple[Claim, Judgement]]


def judged(claims: Sequence[Claim], results: Rows) -> Judged:
    """Each claim with its judgement; their p values are adjusted for the number of those that could be judged."""
    found = [(claim, claim.judge(results)) for claim in claims]
    adjusted = holm({number: one.p for number, (_, one) in enumerate(found) if one.p is not None})
    return [(claim, replace(one, p_holm=adjusted.get(number))) for number, (claim, one) in enumerate(found)]


def _pairs(versus: Versus, results: Rows) -> Iterator[tuple[str, float, list[float], Sides]]:
    compared = versus.a.labels.keys() & versus.b.labels.keys()
    shared = [name for name in ("protocol", "activation") if name not in compared]
    a, b = (line.rows(results).by("sparsity", *shared, "seed") for line in (versus.a, versus.b))
    sides: dict[tuple, tuple[list[Result], list[Result]]] = {}
    for (sparsity, *place, seed), rows in a.items():
        others = b.get((sparsity, *place, seed)) or b.get((0.0, *place, seed), Rows())
        if not others or [_run(row) for row in rows] == [_run(row) for row in others]:
            continue
        mine, theirs = sides.setdefault((sparsity, *place), ([], []))
        mine += rows
        theirs += others
    for (sparsity, *place), found in sides.items():
        rows, others = map(Rows, found)
        values = differences(rows.per_seed(versus.read), others.per_seed(versus.read))
        if values:
            both = (versus.a.name, rows), (versus.b.name, others)
            yield ", ".join(map(str, place)), sparsity, values, both


def _run(row: Result) -> str:
    return row.records["train"].digest if "train" in row.records else ""


def rows_at(line: Line, results: Rows, sparsity: float) -> Rows:
    """The rows of a line at a sparsity; of one without sparsities, all of them."""
    rows = line.rows(results)
    return rows.where(sparsity=sparsity) or rows.where(sparsity=0.0)
