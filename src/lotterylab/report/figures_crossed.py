"""Heat maps of a number over two crossed causes, such as initialisation and data order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from lotterylab.reading.charts import CrossedChart
from lotterylab.reading.rows import PerSeed, Rows
from lotterylab.reading.spreads import table_of
from lotterylab.reading.words import plain
from lotterylab.report.anchors import run_links
from lotterylab.report.blocks import folded, heading, number, table
from lotterylab.report.figure_parts import Drawn
from lotterylab.report.grid import Grid, Heat, Panel
from lotterylab.report.markup import Child, Html
from lotterylab.report.sources import Sources


class Crossing(NamedTuple):
    """One panel: its title, the rows behind it, and row -> column -> number for the rows with every column."""

    title: str
    rows: Rows
    numbers: Mapping[str, PerSeed]

    @property
    def columns(self) -> list[int]:
        """Return the columns, lowest first."""
        return sorted(next(iter(self.numbers.values())))


def crossed_chart(sources: Sources, wanted: CrossedChart) -> Drawn:
    """Return the figure and the numbers behind it; None if fewer than two rows of it are finished."""
    found = list(_crossings(sources.results.where(**wanted.within), wanted))
    if not found:
        return None
    grid = Grid(
        name=wanted.name,
        title=wanted.title,
        sentence=_means(found[0], wanted),
        caption=f"One square a run, {wanted.columns}s across. Light is low, dark is high; scales differ.",
        rows=tuple((_panel(crossing, wanted),) for crossing in found),
        panel_width=3.6,
        panel_height=2.8,
    )
    return grid, _behind(found, wanted)


def _crossings(results: Rows, wanted: CrossedChart) -> Iterator[Crossing]:
    for title, rows in results.by("protocol").items():
        numbers = {str(name): values for name, values in table_of(rows, wanted.y).items()}
        columns = {column for values in numbers.values() for column in values}
        whole = {name: values for name, values in numbers.items() if values.keys() == columns}
        if len(whole) > 1:
            yield Crossing(str(title), rows, whole)


def _panel(crossing: Crossing, wanted: CrossedChart) -> Panel:
    values = tuple(tuple(row[column] for column in crossing.columns) for row in crossing.numbers.values())
    low, high = min(map(min, values)), max(map(max, values))
    return Panel(
        title=crossing.title,
        x_label=wanted.columns,
        y_label="",
        series=(),
        ticks=tuple((place + 1.0, str(column)) for place, column in enumerate(crossing.columns)),
        y_ticks=tuple((place + 1.0, name) for place, name in enumerate(crossing.numbers)),
        heat=Heat(values=values, low=low, high=high if high > low else low + 1.0, label=wanted.y_axis),
    )


def _means(crossing: Crossing, wanted: CrossedChart) -> str:
    """Return the range of the means by row and by column, which show whose lottery it is."""
    by_row = [sum(row.values()) / len(row) for row in crossing.numbers.values()]
    by_column = [
        sum(row[column] for row in crossing.numbers.values()) / len(crossing.numbers) for column in crossing.columns
    ]
    rows, columns = (f"{plain(min(means))} and {plain(max(means))}" for means in (by_row, by_column))
    return f"Means by row lie between {rows}, means by {wanted.columns} between {columns} ({crossing.title})."


def _behind(found: list[Crossing], wanted: CrossedChart) -> Html:
    """Return a table of each row of each panel: mean, lowest and highest number, and its runs."""
    rows: list[list[Child]] = [
        [
            crossing.title,
            name,
            *(
                number(value)
                for value in (sum(values.values()) / len(values), min(values.values()), max(values.values()))
            ),
            run_links(crossing.rows.where(method=name)),
        ]
        for crossing in found
        for name, values in crossing.numbers.items()
    ]
    head = ["panel", "row", heading("mean"), heading("lowest"), heading("highest"), "runs"]
    return folded("The numbers and their runs", table(head, rows, kind="sortable", name=f"numbers-{wanted.name}"))
