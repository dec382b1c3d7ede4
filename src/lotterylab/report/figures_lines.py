"""Charts of lines: a number over the kept weights, the requested sparsity, or another number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from lotterylab.plan.plan import ARM
from lotterylab.reading.charts import Chart
from lotterylab.reading.lines import Line
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import called, capital, interval_text, plain
from lotterylab.report import figure_style as style
from lotterylab.report.anchors import run_links
from lotterylab.report.blocks import cell, folded, heading, number, table
from lotterylab.report.figure_axes import Axis, PowerLaw, axis_of, place_of, power_law
from lotterylab.report.figure_parts import (
    Drawn,
    fit,
    interval_note,
    mean_and_seeds,
    published_points,
    spell_count,
)
from lotterylab.report.grid import Grid, Level, Panel, Series
from lotterylab.report.markup import Child, Html
from lotterylab.report.sources import Sources

SHARES = ("accuracy", "kappa", "reached")  # metrics that end at 1


@dataclass(frozen=True)
class Point:
    """A ``Point`` is an arm: its place on the axis, the line and the panel that it belongs to, and its rows."""

    x: float
    line: Line
    panel: str
    rows: Rows


def line_chart(sources: Sources, wanted: Chart) -> Drawn:
    """Return the figure and the numbers behind it; None if no run of it is finished."""
    results = sources.results.where(**wanted.within)
    lines = wanted.lines or tuple(_every_line(sources, wanted, results))
    rows, points, laws = [], [], []
    for row in _values(wanted.rows, lines, results):
        of_row = results.where(**row)
        panels = []
        for column in results.labels(wanted.panels) if wanted.panels else [""]:
            beside = results.where(**{wanted.panels: column}) if wanted.panels else results
            shown = of_row.where(**{wanted.panels: column}) if wanted.panels else of_row
            title = ", ".join(filter(None, (str(column), *(called(str(value)) for value in row.values()))))
            drawn = [(line, arms) for line in lines if (arms := _points(wanted, line, title, shown))]
            if drawn or wanted.rows:
                law = _law(wanted, drawn)
                laws += [f"{title}: {law}"] if law else []
                panels.append(_panel(sources, wanted, drawn, title, shown, beside, law))
            points += [point for _, arms in drawn for point in arms]
        if any(panel.series for panel in panels):
            rows.append(panels)
    if not points:
        return None
    fitted, cut = fit(rows, bounds=_bounds(wanted, points), shared=wanted.shared)
    hollow = any(
        series.look.hollow and series.look.line == "" for row in rows for panel in row for series in panel.series
    )
    notes = (
        interval_note(spell_count([point.rows.per_seed(wanted.y).keys() for point in points])),
        "Horizontal lines are dense networks, bands their intervals." if wanted.levels else "",
        "Hollow markers are published values, with their reading error." if hollow else "",
        "Dotted lines are " + wanted.floor_name + "." if wanted.floor else "",
        "Points of one place are drawn beside each other." if wanted.log_x else "",
        "" if wanted.shared else "Each panel has its own scale.",
        f"{capital(wanted.law)}, fitted to the means: {'; '.join(laws)}." if laws else "",
        cut,
    )
    grid = Grid(
        name=wanted.name,
        title=wanted.title,
        sentence=_extremes(wanted, points),
        caption=" ".join(filter(None, notes)),
        rows=fitted,
        panel_width=5.6 if len(rows[0]) == 1 else 3.6,
        panel_height=3.0 if len(rows) == 1 else 2.4,
    )
    return grid, _numbers(wanted, results, points)


def _every_line(sources: Sources, wanted: Chart, results: Rows) -> Iterator[Line]:
    """Yield each method that prunes, and its controls; methods with own panels share one line for each control."""
    pruned = [line for line in sources.arms if line.rows(results).levels]
    yield from (line for line in pruned if not line.labels["control"])
    others = [line for line in pruned if line.labels["control"]] if wanted.controls else []
    if wanted.rows == "method":
        words = dict.fromkeys(line.labels["control"] for line in others)
        others = [Line(name=str(word), labels={"control": word}) for word in words]
    yield from others


def _values(label: str, lines: Iterable[Line], results: Rows) -> list[dict[str, str | float]]:
    """Return the labels of each row of panels, from the lines that are drawn."""
    if not label:
        return [{}]
    drawn = Rows(row for line in lines for row in line.rows(results) if row.labels["sparsity"])
    return [{label: value} for value in results.labels(label) if value in drawn.labels(label)]


def _points(wanted: Chart, line: Line, panel: str, rows: Rows) -> list[Point]:
    """Return the arms of a line with a known number, from the left."""
    arms = (arm for arm in line.rows(rows).by(*ARM).values() if arm.per_seed(wanted.y))
    points = [Point(x, line, panel, arm) for arm in arms if (x := place_of(arm, wanted.x)) is not None]
    return sorted(points, key=lambda point: point.x)


def _law(wanted: Chart, drawn: Sequence[tuple[Line, list[Point]]]) -> PowerLaw | None:
    """Return the power law through the means of a panel, if the chart asks for one."""
    if not wanted.law:
        return None
    points = [
        (point.x, interval.mean) for _, arms in drawn for point in arms if (interval := point.rows.interval(wanted.y))
    ]
    return power_law(points)


def _panel(
    sources: Sources,
    wanted: Chart,
    drawn: Sequence[tuple[Line, list[Point]]],
    title: str,
    shown: Rows,
    beside: Rows,
    law: PowerLaw | None,
) -> Panel:
    """Return a panel of the rows ``shown``; ``beside``: these and the other rows of panels, for the levels."""
    axis = axis_of(wanted, [[point.x for point in arms] for _, arms in drawn], shown.levels)
    series: list[Series] = []
    for place, (line, points) in enumerate(drawn):
        look, at = sources.looks[line.name], [axis.beside(point.x, place, len(drawn)) for point in points]
        series += mean_and_seeds(zip(at, (point.rows for point in points), strict=True), wanted.y, look, line.name)
        series += _published(sources, wanted, line, shown, lambda x, place=place: axis.beside(x, place, len(drawn)))
    if law is not None:
        x = axis.ends if axis.ends else (1.0, 1.0)
        along = tuple(x[0] * (x[1] / x[0]) ** (step / 40) for step in range(41))
        series.append(Series(x=along, y=tuple(map(law, along)), look=style.REFERENCE, label=wanted.law))
    if wanted.floor:
        series += _floors(sources, wanted, drawn, axis)
    if wanted.asked and axis.targets:
        x, y = tuple(axis.targets.values()), tuple(axis.targets)
        series.append(Series(x=x, y=y, look=style.REFERENCE, label="requested"))
    return Panel(
        title=title,
        x_label=wanted.x_axis + (" (log of the kept share)" if axis.stretched else ""),
        y_label=wanted.y_axis,
        series=tuple(series),
        levels=tuple(_levels(sources, wanted, beside)),
        log_x=wanted.x == "kept" or wanted.log_x,
        ticks=axis.ticks,
        x_limits=axis.limits,
    )


def _published(sources: Sources, wanted: Chart, line: Line, shown: Rows, at) -> Iterator[Series]:
    """Yield the published values of a line in a panel, if the outline asks for them."""
    rows = line.rows(shown)
    points = []
    for published in (beside.published for beside in sources.published):
        labels = {name: value for name, value in published.labels.items() if name != "sparsity"}
        if wanted.published == published.quantity and published.target and rows.where(**labels):
            points.append(
                (
                    at(published.target if wanted.x == "sparsity" else 1 - published.target),
                    published.value,
                    published.error,
                )
            )
    if points:
        yield published_points(points, style.published(sources.looks[line.name]), f"{line.name}, published")


def _floors(sources: Sources, wanted: Chart, drawn: Sequence[tuple[Line, list[Point]]], axis: Axis) -> Iterator[Series]:
    for line, points in drawn:
        if not line.labels.get("control"):
            look = replace(sources.looks[line.name], marker="_", line=":", size=8.0, width=1.0)
            of = [(axis.beside(point.x, 0, 1), point.rows) for point in points]
            yield from mean_and_seeds(of, wanted.floor, look, f"{wanted.floor_name}, {line.name}", bars=False)[-1:]


def _levels(sources: Sources, wanted: Chart, rows: Rows) -> Iterator[Level]:
    if wanted.chance:
        yield Level(y=1 / sources.classes, look=style.CHANCE, label="chance")
    for line in wanted.levels:
        arms = line.rows(rows).by(*ARM).values()
        level = next((interval for arm in arms if (interval := arm.interval(wanted.y))), None)
        if level:
            look = replace(sources.looks[line.name], marker="", width=1.2)
            yield Level(y=level.mean, look=look, label=line.name, low=level.low, high=level.high)


def _bounds(wanted: Chart, points: Sequence[Point]) -> tuple[float, float]:
    """Return the possible range: below 0 only if a point is (a logarithm, an agreement worse than chance)."""
    below = any(value < 0 for point in points for value in point.rows.per_seed(wanted.y).values())
    return -math.inf if below else 0.0, 1.0 if wanted.y.endswith(SHARES) else math.inf


def _extremes(wanted: Chart, points: Sequence[Point]) -> str:
    """Return a sentence with the smallest and the largest mean."""
    means = [(interval.mean, point) for point in points if (interval := point.rows.interval(wanted.y))]
    low, high = (of(means, key=lambda pair: pair[0]) for of in (min, max))
    if low[0] == high[0]:
        return f"All means are {plain(low[0])}."
    lowest, highest = (
        f"{plain(mean)} ({', '.join(filter(None, (point.panel, point.line.name)))}, {point.x:.3g})"
        for mean, point in (low, high)
    )
    return f"The means over seeds lie between {lowest} and {highest}."


def _numbers(wanted: Chart, results: Rows, points: Sequence[Point]) -> Html:
    """Return a folded table: panel, line, place on the axis, mean and interval, seeds as links."""
    rows: list[list[Child]] = []
    for point in (*points, *_level_points(wanted, results)):
        interval = point.rows.interval(wanted.y)
        assert interval is not None
        digits = 4 if abs(interval.mean) < 10 else 1
        rows.append(
            [
                point.panel,
                point.line.name,
                number(point.x, 3),
                cell(interval_text(interval, digits), value=repr(interval.mean), kind="number"),
                number(interval.n),
                run_links(point.rows.having(wanted.y)),
            ]
        )
    x_name = {"kept": "kept", "sparsity": "target"}.get(str(wanted.x), wanted.x_axis)
    head = ["where", "line", heading(x_name), heading(wanted.y_axis), heading("n"), "runs"]
    return folded("The numbers and their runs", table(head, rows, kind="sortable", name=f"numbers-{wanted.name}"))


def _level_points(wanted: Chart, results: Rows) -> Iterator[Point]:
    panels = results.by(wanted.panels) if wanted.panels else {"": results}
    for column, rows in panels.items():
        for line in wanted.levels:
            for arm in line.rows(rows).by(*ARM).values():
                if arm.per_seed(wanted.y):
                    place = {"kept": 1.0, "sparsity": 0.0}.get(str(wanted.x))
                    yield Point(place_of(arm, wanted.x) or 0.0 if place is None else place, line, str(column), arm)
