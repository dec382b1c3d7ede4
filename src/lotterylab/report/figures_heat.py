"""Heat maps of the distances between all pairs of a sequence of masks: a mean over seeds in each panel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from lotterylab.masks.pairs import square
from lotterylab.reading.charts import HeatChart
from lotterylab.reading.rows import Rows
from lotterylab.report.anchors import run_links
from lotterylab.report.blocks import cell, folded, heading, number, table
from lotterylab.report.figure_parts import Drawn, spell_count
from lotterylab.report.grid import Grid, Heat, Panel
from lotterylab.report.markup import Child, Html
from lotterylab.report.sources import Sources

Matrix = list[list[float]]
FAR = "share of entries that differ"


class Cell(NamedTuple):
    """One panel: its titles, the rows behind it, and the mean over them."""

    column: str
    row: str
    rows: Rows
    mean: Matrix


def heat_chart(sources: Sources, wanted: HeatChart) -> Drawn:
    """Return the figure and the numbers behind it; None if no run of it is finished."""
    cells = list(_cells(sources.results.where(**wanted.within), wanted))
    if not cells:
        return None
    columns, rows = (
        list(dict.fromkeys(names)) for names in zip(*((one.column, one.row) for one in cells), strict=True)
    )
    found = {(one.column, one.row): one for one in cells}
    high = max(value for one in cells for row in one.mean for value in row) or 1.0
    panels = [[_panel(found.get((column, row)), column, row, wanted.axis, high) for column in columns] for row in rows]
    grid = Grid(
        name=wanted.name,
        title=wanted.title,
        sentence="",
        caption="Each square compares two masks: light where they are alike, dark where they differ. Mean over seeds, "
        f"{spell_count([one.rows.seeds for one in cells])}.",
        rows=tuple(map(tuple, panels)),
        panel_width=2.9,
        panel_height=2.6,
    )
    return grid, _behind(cells, wanted)


def _cells(results: Rows, wanted: HeatChart) -> Iterable[Cell]:
    many = len(wanted.lines) > 1
    for line in wanted.lines:
        for value, of_value in line.rows(results).by(wanted.panels).items():
            for title, metric in wanted.metrics:
                matrices = [(row, matrix) for row in of_value if (matrix := usable(row.metric(metric)))]
                longest = max((len(matrix) for _, matrix in matrices), default=0)  # others ended early
                whole = [(row, matrix) for row, matrix in matrices if len(matrix) == longest]
                if longest:
                    column = f"{value}, {line.name}" if many else str(value)
                    yield Cell(column, title, Rows(row for row, _ in whole), _mean([matrix for _, matrix in whole]))


def usable(found: Any) -> Matrix | None:
    """Return the matrix of a metric; None if it has none, or if it is not one, as in a ledger from elsewhere."""
    if not isinstance(found, dict):
        return None
    half, entries = found.get("differing"), found.get("entries")
    if not isinstance(entries, int) or entries < 1 or not isinstance(half, list) or not half:
        return None
    whole = all(
        isinstance(row, list) and len(row) == place and all(isinstance(count, int) for count in row)
        for place, row in enumerate(half)
    )
    return square(found) if whole else None


def _mean(matrices: Sequence[Matrix]) -> Matrix:
    size = range(len(matrices[0]))
    return [[sum(matrix[i][j] for matrix in matrices) / len(matrices) for j in size] for i in size]


def _panel(of: Cell | None, column: str, row: str, axis: str, high: float) -> Panel:
    title = f"{column}, {row}" if row else column
    heat = Heat(values=tuple(map(tuple, of.mean)), high=high, label=FAR) if of else None
    return Panel(title=title, x_label=axis, y_label=axis, series=(), heat=heat)


def _behind(cells: Sequence[Cell], wanted: HeatChart) -> Html:
    """Return a table with a row for each panel: how far the first and the last but one mask are from the last."""
    rows: list[list[Child]] = []
    for one in cells:
        last = one.mean[-1]
        before = last[-2] if len(last) > 1 else 0.0
        rows.append(
            [
                cell(one.column),
                cell(one.row),
                number(len(one.mean)),
                number(last[0]),
                number(before),
                number(len(one.rows.seeds)),
                run_links(one.rows),
            ]
        )
    head = [
        "panel",
        "masks",
        heading(f"{wanted.axis}s"),
        heading("first to last"),
        heading("last but one to last"),
        heading("n"),
        "runs",
    ]
    return folded("The numbers and their runs", table(head, rows, kind="sortable", name=f"numbers-{wanted.name}"))
