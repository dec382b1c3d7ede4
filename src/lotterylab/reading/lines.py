"""Lines: some rows of a study under one name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from lotterylab.reading.rows import Rows

Labels: TypeAlias = Mapping[str, str | float]


@dataclass(frozen=True, kw_only=True)
class Line:
    """Some rows of the study under one name: those with these labels."""

    name: str
    labels: Labels

    def rows(self, results: Rows) -> Rows:
        """The rows."""
        return results.where(**self.labels)


def rows_at(line: Line, results: Rows, sparsity: float) -> Rows:
    """The rows of a line at a sparsity; of one without sparsities, all of them."""
    rows = line.rows(results)
    return rows.where(sparsity=sparsity) or rows.where(sparsity=0.0)


def of(line: Line, **labels: str | float) -> Line:
    """The line of these labels alone: of one activation, of one panel."""
    return Line(name=", ".join([line.name, *map(str, labels.values())]), labels={**line.labels, **labels})
