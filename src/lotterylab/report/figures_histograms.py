"""Histograms of hidden units: a panel for each activation and line, a curve for each layer."""

from __future__ import annotations

from typing import Any

from lotterylab.engine.results import Result
from lotterylab.reading.charts import HistogramChart
from lotterylab.reading.rows import Rows
from lotterylab.report import figure_style as style
from lotterylab.report.figure_parts import Drawn, layers_behind
from lotterylab.report.grid import Grid, Panel, Series
from lotterylab.report.sources import Sources


def histogram_chart(sources: Sources, wanted: HistogramChart) -> Drawn:
    """Return the figure and the share of the outermost bins; None if no run of it is finished.

    For an activation with two ends, all seeds have the same bins and are drawn together.  For any other, each seed has
    its own bins, and the first seed is drawn.
    """
    rows = []
    for activation, of_row in sources.results.where(**wanted.within).by("activation").items():
        panels = tuple(
            panel
            for line in wanted.lines
            if (panel := _panel(f"{activation}, {line.name}", line.rows(of_row), wanted)) is not None
        )
        if len(panels) == len(wanted.lines):
            rows.append(panels)
    if not rows:
        return None
    grid = Grid(
        name=wanted.name,
        title=wanted.title,
        sentence="",
        caption="Each curve is the share of the units' values in each bin; layers count from the input. Seeds are "
        "drawn together if their bins are the same, as for tanh, softsign and sigmoid; otherwise the first seed is "
        "drawn.",
        rows=tuple(rows),
        panel_width=4.2,
    )
    metric = f"{wanted.metrics}.histogram"

    def outermost(row: Result) -> dict[str, float | None]:
        return {layer: (bins[0] + bins[-1]) / sum(bins) if bins else None for layer, bins in row.metric(metric).items()}

    return grid, layers_behind(sources.results, wanted, metric, outermost, "in the outermost bins")


def _panel(title: str, rows: Rows, wanted: HistogramChart) -> Panel | None:
    known = Rows(row for row in rows if _known(row, wanted))
    if not known:
        return None
    return Panel(
        title=title,
        x_label=wanted.x_axis,
        y_label="share of values",
        series=tuple(
            _curve(known, wanted, layer, number) for number, layer in enumerate(_read(known[0], wanted, "histogram"))
        ),
    )


def _curve(known: Rows, wanted: HistogramChart, layer: str, number: int) -> Series:
    first = known[0]
    ends = [(_read(row, wanted, "low")[layer], _read(row, wanted, "high")[layer]) for row in known]
    alike = known if len(set(ends)) == 1 else [first]
    counts = [sum(bins) for bins in zip(*(_read(row, wanted, "histogram")[layer] for row in alike), strict=True)]
    low, high = ends[0]
    width = (high - low) / len(counts)
    return Series(
        x=tuple(low + (place + 0.5) * width for place in range(len(counts))),
        y=tuple(count / sum(counts) for count in counts),
        look=style.plain(style.line(number)),
        label=f"layer {number + 1}",
    )


def _known(row: Result, wanted: HistogramChart) -> bool:
    """Return whether the row is finished, and its network had not diverged."""
    by_layer = _read(row, wanted, "histogram")
    return isinstance(by_layer, dict) and all(bins and sum(bins) for bins in by_layer.values())


def _read(row: Result, wanted: HistogramChart, name: str) -> Any:
    return row.metric(f"{wanted.metrics}.{name}")
