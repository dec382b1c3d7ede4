"""Paired differences: the comparisons, their results, and the family of tests that a page corrects together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from lotterylab.engine.results import Result
from lotterylab.reading.caveats import caveat
from lotterylab.reading.deciding import FEWEST, Outcome, decided
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
    """A ``Comparison`` is ``a`` minus ``b``, paired by seed, at each sparsity (once for rows without a sparsity).

    A side without sparsities is compared at each sparsity of the other.

    The rows of a pair agree in protocol and activation, except in a label that both lines fix, and in method and
    control if neither line fixes that label.

    Args:
        key: a unique name.
        read: the number that is compared; ``what``: its name.
        margin: the largest difference that counts as equal.
        more_is: whether the side with the larger value is the better one.
        planned: the sparsities at which the comparison was planned before the run; None: all of them.
        parts: what a sparsity counts, for the sentence of an answer.
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
    parts: str = "weights"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A ``Difference`` is the result of a comparison at one sparsity.

    Args:
        panel: the labels in which both sides agree.
        values: a minus b, one for each seed that both sides have.
        p_holm, p_equal: the p values of "no difference" and of "not equal within the margin", adjusted for their
            family.
        rows: the name of each side, and the rows that its numbers are from.
        caveat: the reason why the difference is undecided whatever its interval; both p are then 1.
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
        """Return whether it is one of the study's planned comparisons."""
        return self.comparison.planned is None or self.sparsity in self.comparison.planned

    @property
    def outcome(self) -> Outcome:
        """Return the decision at 5 % for the whole family; "open" with fewer than three seeds or with a caveat."""
        return decided(self.interval, self.p_holm, self.p_equal, self.caveat)

    @property
    def better(self) -> Line | None:
        """Return the side that is better, if that is decided."""
        if self.outcome not in ("more", "less"):
            return None
        more_is_better = self.comparison.more_is == "better"
        return self.comparison.a if (self.outcome == "more") == more_is_better else self.comparison.b

    @property
    def says(self) -> str:
        """Return the outcome in words."""
        if self.better is not None:
            return f"{self.better.name} is better"
        return f"equal within {self.comparison.margin:g}" if self.outcome == "equal" else "cannot be said"

    @property
    def power(self) -> str:
        """Return a sentence on the number of seeds that would resolve the margin."""
        return power_note(self.interval, self.comparison.margin)

    @property
    def hypotheses(self) -> dict[str, Hypothesis]:
        """Return the two hypotheses that are tested, by the field of their adjusted p."""
        return {
            "p_holm": hypothesis("mean", 0.0, self.values),
            "p_equal": hypothesis("equal", self.comparison.margin, self.values),
        }


def hypothesis(kind: str, than: float, values: Iterable[float]) -> Hypothesis:
    """Return the name of a test: the same test has the same name whichever side is written first."""
    rounded = [round(value, 12) for value in values]
    mirrored = (not than or kind == "equal") and sum(rounded) < 0
    return kind, than, tuple(sorted(-value for value in rounded) if mirrored else sorted(rounded))


def raw_p(tested: Hypothesis) -> float | None:
    """Return the unadjusted p value of a test; None for one seed."""
    kind, than, values = tested
    if kind == "equal":
        return equivalence_p_value(values, than)
    return p_value(value - than for value in values)


def family(tests: Mapping[Hypothesis, float]) -> dict[Hypothesis, float]:
    """Return the p values, adjusted for the number of different tests.   [holm1979simple]

    "No difference" and "not equal" cannot both be true of the same values, so they count as one of the hypotheses that
    may be true at once.   [shaffer1986modified]
    """
    pairs = sum(kind == "equal" and ("mean", 0.0, values) in tests for kind, _, values in tests)
    return holm(tests, at_once=len(tests) - pairs)


def found_by(comparisons: Sequence[Comparison], results: Rows) -> list[Difference]:
    """Return each comparison at each sparsity at which at least one seed has both sides, with no p adjusted yet.

    Pairs of the same run, such as the first round of iterative pruning and the one-shot ticket, are left out.
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
    """Return the tests of these differences with their p.

    An undecidable difference has p = 1, so that a caveat does not make the family smaller.
    """
    tests = {}
    for difference in differences:
        usable = difference.interval.n >= FEWEST and not difference.caveat
        for tested in difference.hypotheses.values():
            p = raw_p(tested) if usable else 1.0
            tests[tested] = 1.0 if p is None else p
    return tests


def adjusted(differences: Sequence[Difference], planned: Mapping[Hypothesis, float] | None = None) -> list[Difference]:
    """Return the differences with their p adjusted: planned ones in the page's family, the others in their own.

    ``planned``: the adjusted p of the page's family; by default the family of the planned differences alone.
    """
    if planned is None:
        planned = family(tests_of(difference for difference in differences if difference.planned))
    unplanned = [difference for difference in differences if not difference.planned]
    others = {
        name: family(tests_of(difference for difference in unplanned if difference.comparison.family == name))
        for name in dict.fromkeys(difference.comparison.family for difference in unplanned)
    }

    def with_p(difference: Difference) -> Difference:
        p_holm = planned if difference.planned else others[difference.comparison.family]
        return replace(difference, **{field: p_holm[tested] for field, tested in difference.hypotheses.items()})

    return [with_p(difference) for difference in differences]


def _pairs(comparison: Comparison, results: Rows) -> Iterator[tuple[str, float, list[float], Sides]]:
    a_says, b_says = comparison.a.labels.keys(), comparison.b.labels.keys()
    shared = [name for name in ("protocol", "activation") if name not in a_says & b_says]
    shared += [name for name in ("method", "control") if name not in a_says | b_says]
    a, b = (line.rows(results).by("sparsity", *shared, "seed") for line in (comparison.a, comparison.b))
    sides: dict[tuple, tuple[list[Result], list[Result]]] = {}
    for key, rows in _at_each_level(a, b).items():
        sparsity, *place, seed = key
        others = b.get(key) or b.get((0.0, *place, seed), Rows())
        if not others or [_run(row) for row in rows] == [_run(row) for row in others]:
            continue
        mine, theirs = sides.setdefault((sparsity, *place), ([], []))
        mine += rows
        theirs += others
    for (sparsity, *place), pair in sides.items():
        rows, others = map(Rows, pair)
        values = differences(rows.per_seed(comparison.read), others.per_seed(comparison.read))
        if values:
            both = (comparison.a.name, rows), (comparison.b.name, others)
            yield ", ".join(str(value) for value in place if value), sparsity, values, both


def _at_each_level(a: Mapping[tuple, Rows], b: Mapping[tuple, Rows]) -> Mapping[tuple, Rows]:
    """Return the rows of ``a``, at each sparsity of ``b`` if neither has the other's."""
    if any(key[0] for key in a) or not all(key[0] for key in b):
        return a
    return {key: a[0.0, *key[1:]] for key in b if (0.0, *key[1:]) in a}


def _run(row: Result) -> str:
    return row.records["train"].digest if "train" in row.records else ""
