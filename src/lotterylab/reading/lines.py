"""Lines: rows of a study that are read under one name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from lotterylab.reading.rows import Read, Rows, in_common, mean

Labels: TypeAlias = Mapping[str, str | float]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A ``Line`` is a name for the rows of a study that have these labels."""

    name: str
    labels: Labels

    def rows(self, results: Rows) -> Rows:
        """Return the rows of ``results`` with these labels."""
        return results.where(**self.labels)


@dataclass(frozen=True, kw_only=True)
class Ranked(Line):
    """A ``Ranked`` is the line that comes first, second, ... by the mean of a number over seeds, highest first.

    Only seeds count that have every line with a number.  The earlier of two lines with equal means comes first.  The
    two-sided test of the first against the second needs no correction for the choice of both: for normal means of one
    variance it verifies that the first rank is the first line's.   [hung2019rank]

    Args:
        among: the lines.
        read: the number.
        rank: from 1.
    """

    among: tuple[Line, ...]
    read: Read
    rank: int = 1

    def chosen(self, results: Rows) -> Line | None:
        """Return the line of this rank in these results; None if fewer lines are known."""
        known = [(line, values) for line in self.among if (values := line.rows(results).per_seed(self.read))]
        shared = in_common(*(values for _, values in known))
        means = [(mean(values), line) for (line, _), values in zip(known, shared, strict=True) if values]
        ranked = sorted(means, key=lambda pair: -pair[0])
        return ranked[self.rank - 1][1] if len(ranked) >= self.rank else None

    def rows(self, results: Rows) -> Rows:
        """Return the rows of the chosen line."""
        line = self.chosen(results)
        return Rows() if line is None else line.rows(results)


def rows_at(line: Line, results: Rows, sparsity: float) -> Rows:
    """Return the rows of a line at a sparsity; a line without sparsities gives all its rows."""
    rows = line.rows(results)
    return rows.where(sparsity=sparsity) or rows.where(sparsity=0.0)


def of(line: Line, **labels: str | float) -> Line:
    """Return the line within these labels, such as one activation."""
    return Line(name=", ".join([line.name, *map(str, labels.values())]), labels={**line.labels, **labels})
