"""The page of a user's own loop: a sentence, a figure, a table, its curves and its alarms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from lotterylab.auditing.alarms import Alarm
from lotterylab.formats.blobs import write_atomically
from lotterylab.formats.text import shown_path
from lotterylab.plan.plan import Plan
from lotterylab.reading.differences import Difference
from lotterylab.reading.loops import answer, differences_of, metric_of, outline_of
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import interval_text, rows_text
from lotterylab.report import figure_style as style
from lotterylab.report.blocks import cell, figure, heading, inline, note, pairs, section, table, with_drawings
from lotterylab.report.figure_parts import fit, spell_count
from lotterylab.report.figures import FigureFolder
from lotterylab.report.figures_lines import line_chart
from lotterylab.report.grid import EMPTY, Grid, Look, Panel, Series
from lotterylab.report.markup import Html, join, tag
from lotterylab.report.sections.alarms import alarm_section
from lotterylab.report.shell import page_html
from lotterylab.report.sources import Sources
from lotterylab.report.tidy import Logged, logged, numbers, wide, write
from lotterylab.statistics import Interval

MOST_LEVELS, MOST_CURVES = 4, 6  # columns and rows of the panels of curves
MEANING = (
    "Means with 95 % t intervals over n seeds. Ticket minus this: paired by seed; in the line of a ticket itself, the "
    "ticket minus the dense network."
)


def loop_page(plan: Plan, rows: Rows, alarms: Sequence[Alarm], folder: Path, store: Path) -> Path:
    """Write index.html, results.csv, curves.csv (if the loop logged any) and figures/, and return the page's path.

    Args:
        plan: the plan of ``tickets``.
        rows: its rows as they are in the store.
        alarms: the alarms of the rows.
        folder: the folder of the page; it is made if it is missing.
        store: the store, which the page names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    points = logged(rows)
    grids = {"Results": figure_of(rows), "Curves": _curves(rows) if points else None}
    columns, lines = wide(numbers(rows))
    write(folder / "results.csv", lines, columns)
    (folder / "curves.csv").unlink(missing_ok=True)
    if points:
        write(folder / "curves.csv", points, Logged._fields)
    with FigureFolder(folder) as figures:
        for grid in filter(None, grids.values()):
            figures.add(grid)
    shown = {title: figure(grid) for title, grid in grids.items() if grid is not None}
    files = [tag("a", name, href=name) for name in ("results.csv", *(["curves.csv"] if points else []))]
    head = tag(
        "header",
        tag("h1", plan.title),
        tag("p", answer(rows), class_="answer"),
        tag("p", plan.question, class_="question"),
        tag("p", f"{rows_text(rows)}.", class_="state"),
        pairs((("Store", tag("code", shown_path(store))), ("Numbers", join(files, ", ")))),
    )
    sections = [
        section("results", "Results", shown.get("Results"), _table(rows, differences_of(rows))),
        *([section("curves", "Curves", shown["Curves"])] if "Curves" in shown else []),
        alarm_section(alarms),
        section("origin", "Origin", pairs(_origin(rows))),
    ]
    drawings = {grid.name: inline(grid, figures.svgs(grid)) for grid in filter(None, grids.values())}
    page = folder / "index.html"
    text = page_html(plan.title, head, [with_drawings(each, drawings) for each in sections])
    write_atomically(page, text.encode())
    return page


class Arm(NamedTuple):
    """An ``Arm`` is a line of the table: its number over the seeds, and what the ticket is above it."""

    method: str
    control: str
    sparsity: float
    interval: Interval | None
    above: Interval | None


def arms_of(rows: Rows, differences: Sequence[Difference]) -> Iterator[Arm]:
    """Yield each arm of a loop; a ticket itself is compared with the dense network."""
    metric = metric_of(rows)
    against = {
        (pair.comparison.a.labels["method"], pair.comparison.b.labels["control"], pair.sparsity): pair
        for pair in differences
    }
    for (method, control, sparsity), arm in rows.by("method", "control", "sparsity").items():
        interval, pair = arm.interval(metric) if metric else None, against.get((method, control, sparsity))
        yield Arm(str(method), str(control), sparsity, interval, pair.interval if pair else None)


def texts(arm: Arm) -> tuple[str, str, str, str, str, str]:
    """Return the cells of an arm's line, as in ``head_of``."""
    return (
        arm.method,
        arm.control,
        f"{arm.sparsity:g}" if arm.sparsity else "",
        str(arm.interval.n if arm.interval else 0),
        interval_text(arm.interval) if arm.interval else "not run",
        interval_text(arm.above, sign=True) if arm.above else "",
    )


def head_of(rows: Rows) -> tuple[str, ...]:
    """Return the names of the table's columns."""
    number = metric_of(rows).partition(".")[2].replace("_", " ") or "number"
    return ("method", "control", "sparsity", "n", number, "ticket minus this")


def figure_of(rows: Rows) -> Grid | None:
    """Return the figure of the number over the kept weights; None while nothing is pruned and finished."""
    outline = outline_of(rows)
    sources = Sources(results=rows, outline=outline, classes=1)
    drawn = line_chart(sources, outline.charts[0]) if outline.charts else None  # type: ignore[arg-type]
    return drawn and drawn[0]


def _table(rows: Rows, differences: Sequence[Difference]) -> Html:
    method, control, *numbers = head_of(rows)
    body = []
    for arm in arms_of(rows, differences):
        cells = texts(arm)
        sparsity = cell(cells[2], value=arm.sparsity, kind="number")
        body.append([*cells[:2], sparsity, *(cell(text, kind="number") for text in cells[3:])])
    head = [method, control, *map(heading, numbers)]
    return join((table(head, body, kind="sortable", name="arms"), note(MEANING)))


def _curves(rows: Rows) -> Grid:
    """Return the curves that the loop logged: a row of panels for each, a column for each sparsity."""
    sources = Sources(results=rows, outline=outline_of(rows), classes=1)
    names = list(dict.fromkeys(name for row in rows for name in row.metric("train.logged") or ()))[:MOST_CURVES]
    levels = [0.0, *_some(rows.levels)]
    panels = [[_panel(sources, rows.where(sparsity=level), name, level) for level in levels] for name in names]
    columns = [column for column in range(len(levels)) if any(row[column].series for row in panels)]
    shown = [[row[column] if row[column].series else EMPTY for column in columns] for row in panels]
    fitted, cut = fit(shown, bounds=(-float("inf"), float("inf")), shared=False)
    count = spell_count([rows.seeds])
    caption = f"Thick: mean over seeds, where all logged the same steps; thin: each seed, {count}. {cut}"
    return Grid(name="curves", title="Curves that the loop logged", sentence="", caption=caption.strip(), rows=fitted)


def _some(levels: Sequence[float]) -> list[float]:
    """Return a few of the sparsities, the lowest and the highest among them."""
    if len(levels) < MOST_LEVELS:
        return list(levels)
    last = len(levels) - 1
    return [levels[round(last * number / (MOST_LEVELS - 2))] for number in range(MOST_LEVELS - 1)]


def _panel(sources: Sources, rows: Rows, name: str, level: float) -> Panel:
    arms = [(arm, sources.name(arm[0].labels)) for arm in rows.by("method", "control").values()]
    series = [line for arm, label in arms for line in _lines(arm, name, sources.looks[label], label)]
    title = f"sparsity {level:g}" if level else "dense"
    return Panel(title=title, x_label="step", y_label=name.replace("_", " "), series=tuple(series))


def _lines(arm: Rows, name: str, look: Look, label: str) -> Iterator[Series]:
    """Yield the curve of each seed, and their mean if all have the same steps."""
    found = [curve for row in arm if (curve := (row.metric("train.logged") or {}).get(name))]
    curves = [
        [(step, value) for step, value in zip(curve["steps"], curve["values"], strict=True) if value is not None]
        for curve in found
    ]
    curves = [curve for curve in curves if curve]
    steps = {tuple(step for step, _ in curve) for curve in curves}
    look = replace(look, marker="", line=look.line or "-", width=1.8)
    for number, curve in enumerate(curves if len(curves) > 1 else []):
        name_once = label if len(steps) > 1 and not number else ""
        yield Series(x=_floats(curve, 0), y=_floats(curve, 1), look=style.faint(look), label=name_once)
    if len(steps) == 1:
        means = tuple(fmean(values) for values in zip(*(_floats(curve, 1) for curve in curves), strict=True))
        yield Series(x=tuple(map(float, steps.pop())), y=means, look=look, label=label)


def _floats(curve: Sequence[tuple[float, float]], part: int) -> tuple[float, ...]:
    return tuple(float(point[part]) for point in curve)


def _origin(rows: Rows) -> Iterator[tuple[str, str]]:
    """Yield what the finished runs were made with."""
    records = [row.records["train"] for row in rows.trained]
    for name in ("lotterylab", "torch", "python", "processor", "device", "started"):
        values = sorted({str(record.facts[name]) for record in records if name in record.facts})
        if values:
            yield name, values[0] if len(values) == 1 else f"{values[0]} to {values[-1]}"
    yield "seconds of training", f"{sum(record.seconds for record in records):,.0f}"
