"""Paired differences: what is compared, what came out, and the family of tests that a page corrects together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from lotterylab.engine.results import Result
from lotterylab.reading.caveats import caveat
from lotterylab.reading.deciding import FEWEST, LEVEL, Outcome
from lotterylab.reading.lines import Line
from lotterylab.reading.rows import Read, Rows, Sides
from lotterylab.statistics import (
    Interval,
    differences,
    equivalence_p_value,
    holm,
    p_value,
    power_note,
    t_interval,
)

Hypothesis: TypeAlias = (
    "tuple[str, float, tuple[float, ...]]"  # its kind, threshold or margin, and the values of the seeds
)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """``a`` minus ``b``, paired by seed, at each sparsity (or once, of rows without one).

    A label that both lines have is what is compared; the rows of a pair agree in protocol and activation otherwise, and
    in method and control if neither line says which.

    Args:
        key: a name of its own.
        read: the number that is compared; ``what``: its name.
        margin: what counts as equal.
        more_is: whether the side with the larger value is the better one.
        planned: the sparsities at which the comparison was planned before the run; None: all of them.
        family: comparisons that were not planned are corrected together with those of the same family.
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
    family: str = ""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What a comparison found at one sparsity.

    Args:
        panel: the labels in which both sides agree.
        values: a minus b, one for each seed that both have.
        p_holm, p_equal: of "no difference" and of "not equal within the margin", adjusted for their family.
        rows: the name of each side, and the rows that its numbers are from.
        caveat: why nothing can be said, whatever the interval; both p are then 1.
    """

    comparison: Comparison
    panel: str
    sparsity: float
    values: tuple[float, ...]
    interval: Interval
    p_holm: float | None = None
    p_equal: float | None = None
    rows: Sides = ()
    caveat: str = ""

    @property
    def planned(self) -> bool:
        """Whether it is one of the study's planned comparisons."""
        return self.comparison.planned is None or self.sparsity in self.comparison.planned

    @property
    def outcome(self) -> Outcome:
        """Whether a is more than b, at 5 % for the whole family; undecided with fewer than three seeds."""
        if self.interval.n < FEWEST or self.caveat:
            return "open"
        if self.p_holm is not None and self.p_holm < LEVEL:
            return "more" if self.interval.mean > 0 else "less"
        return "equal" if self.p_equal is not None and self.p_equal < LEVEL else "open"

    @property
    def better(self) -> Line | None:
        """The side that is better, if that is decided."""
        if self.outcome not in ("more", "less"):
            return None
        more_is_better = self.comparison.more_is == "better"
        return self.comparison.a if (self.outcome == "more") == more_is_better else self.comparison.b

    @property
    def says(self) -> str:
        """The outcome in words."""
        if self.better is not None:
            return f"{self.better.name} is better"
        return f"equal within {self.comparison.margin:g}" if self.outcome == "equal" else "cannot be said"

    @property
    def power(self) -> str:
        """How many seeds would resolve the margin."""
        return power_note(self.interval, self.comparison.margin)

    @property
    def hypotheses(self) -> dict[str, Hypothesis]:
        """The two hypotheses that are tested, by the field of their adjusted p."""
        return {
            "p_holm": hypothesis("mean", 0.0, self.values),
            "p_equal": hypothesis("equal", self.comparison.margin, self.values),
        }


def hypothesis(kind: str, than: float, values: Iterable[float]) -> Hypothesis:
    """A test by what it is: the same test has the same name whichever side is written first."""
    found = [round(value, 12) for value in values]
    mirrored = not than or kind == "equal"
    return kind, than, tuple(sorted(-value for value in found) if mirrored and sum(found) < 0 else sorted(found))


def raw_p(one: Hypothesis) -> float | None:
    """The unadjusted p value of a test; None for one seed."""
    kind, than, values = one
    if kind == "equal":
        return equivalence_p_value(values, than)
    return p_value(value - than for value in values)


def family(tests: Mapping[Hypothesis, float]) -> dict[Hypothesis, float]:
    """The p values adjusted for the number of different tests.   [holm1979simple]

    "No difference" and "not equal" of the same values cannot both be true, so that only one of the two counts for how
    many hypotheses may be true at once.   [shaffer1986modified]
    """
    pairs = sum(kind == "equal" and ("mean", 0.0, values) in tests for kind, _, values in tests)
    return holm(tests, at_once=len(tests) - pairs)


def found_by(comparisons: Sequence[Comparison], results: Rows) -> list[Difference]:
    """Every comparison at every sparsity of which at least one seed has both sides, not adjusted yet.

    A run that is both sides, as the first round of iterative pruning and the one-shot ticket are, is no comparison.
    """
    return [
        Difference(
            comparison=comparison,
            panel=panel,
            sparsity=sparsity,
            values=tuple(values),
            interval=t_interval(values),
            rows=rows,
            caveat=caveat(rows, comparison.read, values).strip(),
        )
        for comparison in comparisons
        for panel, sparsity, values, rows in _pairs(comparison, results)
    ]


def tests_of(differences: Iterable[Difference]) -> dict[Hypothesis, float]:
    """The tests of these differences with their p; 1 where nothing can be said, so that no caveat makes a family
    smaller."""
    found = {}
    for one in differences:
        usable = one.interval.n >= FEWEST and not one.caveat
        for name in one.hypotheses.values():
            p = raw_p(name) if usable else 1.0
            found[name] = 1.0 if p is None else p
    return found


def adjusted(differences: Sequence[Difference], planned: Mapping[Hypothesis, float] | None = None) -> list[Difference]:
    """The differences with their p adjusted: planned ones in the family of the page, the others each in their own.

    ``planned``: the adjusted p of the page's family; by default that of the planned differences alone.
    """
    if planned is None:
        planned = family(tests_of(one for one in differences if one.planned))
    others: dict[str, dict[Hypothesis, float]] = {}
    for name in dict.fromkeys(one.comparison.family for one in differences if not one.planned):
        others[name] = family(tests_of(one for one in differences if not one.planned and one.comparison.family == name))

    def with_p(one: Difference) -> Difference:
        own = planned if one.planned else others[one.comparison.family]
        return replace(one, **{field: own[name] for field, name in one.hypotheses.items()})

    return [with_p(one) for one in differences]


def _pairs(comparison: Comparison, results: Rows) -> Iterator[tuple[str, float, list[float], Sides]]:
    a_says, b_says = comparison.a.labels.keys(), comparison.b.labels.keys()
    shared = [name for name in ("protocol", "activation") if name not in a_says & b_says]
    shared += [name for name in ("method", "control") if name not in a_says | b_says]
    a, b = (line.rows(results).by("sparsity", *shared, "seed") for line in (comparison.a, comparison.b))
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
        values = differences(rows.per_seed(comparison.read), others.per_seed(comparison.read))
        if values:
            both = (comparison.a.name, rows), (comparison.b.name, others)
            yield ", ".join(str(value) for value in place if value), sparsity, values, both


def _run(row: Result) -> str:
    return row.records["train"].digest if "train" in row.records else ""
