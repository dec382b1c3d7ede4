"""Lines: rows of a study that are read under one name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from lotterylab.reading.rows import Rows

Labels: TypeAlias = Mapping[str, str | float]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A ``Line`` is a name for the rows of a study that have these labels."""

    name: str
    labels: Labels

    def rows(self, results: Rows) -> Rows:
        """Return the rows of ``results`` with these labels."""
        return results.where(**self.labels)


def rows_at(line: Line, results: Rows, sparsity: float) -> Rows:
    """Return the rows of a line at a sparsity; a line without sparsities gives all its rows."""
    rows = line.rows(results)
    return rows.where(sparsity=sparsity) or rows.where(sparsity=0.0)


def of(line: Line, **labels: str | float) -> Line:
    """Return the line within these labels, such as one activation."""
    return Line(name=", ".join([line.name, *map(str, labels.values())]), labels={**line.labels, **labels})
