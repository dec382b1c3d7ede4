"""Charts of paired differences with their intervals, and of single seeds, group by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lotterylab.reading.charts import DifferenceChart, DotChart
from lotterylab.reading.differences import Difference
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import interval_text
from lotterylab.report.figure_parts import Drawn, spell_count
from lotterylab.report.grid import Grid, Panel, Series
from lotterylab.report.sources import Sources

FRAME = 1.5  # of the range of the means: the most that intervals widen the frame
FAR = 2  # times twice the accuracy of chance: where all values lie above it, the axis does not begin at 0
SMALLEST_RANGE = 0.3  # of the accuracy axis, so that noise about chance does not fill the panel


def difference_chart(sources: Sources, wanted: DifferenceChart) -> Drawn:
    """Return one panel for each set of labels that both sides share; None if no comparison of the family has run."""
    differences = [difference for difference in sources.differences if difference.comparison.family == wanted.family]
    if not differences:
        return None
    places = list(dict.fromkeys(_place(difference) for difference in differences))[::-1]
    limits = _limits(differences)
    ends = _ends(differences)
    cut = any(not limits[0] <= end <= limits[1] for end in ends)
    names = [f"{name}, {sparsity:g}" if sparsity else name for name, sparsity in places]
    panels = tuple(
        Panel(
            title=panel,
            x_label=wanted.x_axis,
            y_label="",
            series=_series(sources, [difference for difference in differences if difference.panel == panel], places),
            y_ticks=tuple((float(number), name) for number, name in enumerate(names)),
            x_limits=limits,
            y_limits=(-0.6, len(places) - 0.4),
            marks=(0.0,),
        )
        for panel in dict.fromkeys(difference.panel for difference in differences)
    )
    counts = sorted({difference.interval.n for difference in differences})
    n = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    caption = f"Mean of the paired differences and its 95 % t interval over seeds, n = {n}. Right of the line: the "
    caption += f"first is larger.{' A bar that reaches the frame goes on beyond it.' if cut else ''}"
    rows, height = (panels,), 0.6 + 0.34 * len(places)
    return Grid(
        name=wanted.name,
        title=wanted.title,
        sentence=_summary(differences),
        caption=caption,
        rows=rows,
        panel_height=height,
    ), None


def _series(
    sources: Sources, differences: Sequence[Difference], places: Sequence[tuple[str, float]]
) -> tuple[Series, ...]:
    series = []
    sides = list(dict.fromkeys(difference.comparison.b.name for difference in differences))
    for against in sides:
        shown = [difference for difference in differences if difference.comparison.b.name == against]
        intervals = [difference.interval for difference in shown]
        series.append(
            Series(
                x=tuple(interval.mean for interval in intervals),
                y=tuple(places.index(_place(difference)) + _aside(difference, differences) for difference in shown),
                look=replace(sources.looks[against], line="", size=4.5),
                label=f"minus {against}",
                low=tuple(interval.mean if interval.low is None else interval.low for interval in intervals),
                high=tuple(interval.mean if interval.high is None else interval.high for interval in intervals),
                across=True,
            )
        )
    return tuple(series)


def _aside(difference: Difference, among: Sequence[Difference]) -> float:
    """Return how far from the middle of its row a difference stands, beside the others of the row."""
    here = list(dict.fromkeys(one.comparison.b.name for one in among if _place(one) == _place(difference)))
    step = min(0.19, 0.76 / len(here))
    return step * ((len(here) - 1) / 2 - here.index(difference.comparison.b.name))


def _place(difference: Difference) -> tuple[str, float]:
    """Return the first arm and the sparsity, which share one row of a panel."""
    return difference.comparison.a.name, difference.sparsity


def _ends(differences: Sequence[Difference]) -> list[float]:
    """Return the known ends of all intervals."""
    intervals = [difference.interval for difference in differences]
    return [end for interval in intervals for end in (interval.low, interval.high) if end is not None]


def _limits(differences: Sequence[Difference]) -> tuple[float, float]:
    means = [0.0, *(difference.interval.mean for difference in differences)]
    span = max(means) - min(means) or 1.0
    ends = _ends(differences)
    low = max(min([*means, *ends]), min(means) - FRAME * span / 2)
    high = min(max([*means, *ends]), max(means) + FRAME * span / 2)
    return low - 0.04 * span, high + 0.04 * span


def _summary(differences: Sequence[Difference]) -> str:
    resolved = [
        difference for difference in differences if difference.interval.above(0) or difference.interval.below(0)
    ]
    text = f"{len(resolved)} of {len(differences)} differences are resolved: their interval leaves 0 out."
    if not resolved:
        return text
    largest = max(resolved, key=lambda difference: abs(difference.interval.mean))
    place = ", ".join(filter(None, (largest.panel, largest.comparison.a.name)))
    return (
        f"{text} The largest: {place}, {largest.sparsity:g} minus {largest.comparison.b.name}: "
        f"{interval_text(largest.interval, sign=True)}."
    )


def _inside(marks: Sequence[float], limits: tuple[float, float]) -> tuple[float, ...]:
    return tuple(mark for mark in marks if limits[0] <= mark <= limits[1])


def dot_chart(sources: Sources, wanted: DotChart) -> Drawn:
    """Return one marker for each seed, in groups below each other; None if no run of it is finished."""
    groups = list(dict.fromkeys(name for name, _ in wanted.groups))[::-1]
    names = list(dict.fromkeys(line.name for _, line in wanted.groups))
    results = sources.results.where(**wanted.within).trained
    by_sparsity = wanted.panels == "sparsity"
    shared = len(wanted.groups) > len(groups)  # lines of one group stand beside each other, otherwise seeds do
    panels, counted = [], []
    for column in results.levels if by_sparsity else results.labels(wanted.panels):
        there = sources.results.where(**{wanted.panels: column})
        dense = sources.results.where(sparsity=0.0) if by_sparsity else Rows()  # stands in each panel
        series = []
        for number, name in enumerate(names):
            points = []
            for group, line in wanted.groups:
                values = (line.rows(there) or line.rows(dense)).per_seed(wanted.y) if line.name == name else {}
                counted.append(values.keys())
                for place, value in enumerate(values.values()):
                    aside = 0.3 * (0.5 - number) if shared else 0.6 * ((place + 0.5) / len(values) - 0.5)
                    points.append((value, groups.index(group) + aside))
            if points:
                label = name if shared else ""  # the axis names a group
                x, y = zip(*points, strict=True)
                series.append(Series(x=x, y=y, look=replace(sources.looks[name], line="", alpha=0.7), label=label))
        panels.append(
            Panel(
                title=f"target {column:g}" if by_sparsity else str(column),
                x_label=wanted.y_axis,
                y_label="",
                series=tuple(series),
                y_ticks=tuple((float(place), group) for place, group in enumerate(groups)),
                y_limits=(-0.6, len(groups) - 0.4),
                marks=(1 / sources.classes,),
            )
        )
    values = [x for panel in panels for series in panel.series for x in series.x]
    if not values:
        return None
    heights = "" if shared else ", at a height of its own"
    left, guess = sum(value > 2 / sources.classes for value in values), 2 / sources.classes
    limits, axis = (0.0, 1.05 * max([SMALLEST_RANGE, *values])), "Dashed: chance."
    if min(values) > FAR * guess:  # a long empty axis would leave no room for what differs
        edge = 0.08 * (max(values) - min(values)) or 0.01
        limits, axis = (min(values) - edge, max(values) + edge), "The axis does not begin at 0."
    return Grid(
        name=wanted.name,
        title=wanted.title,
        sentence=f"{left} of {len(values)} runs reached twice the accuracy of chance ({guess:g}).",
        caption=f"One marker a seed, {spell_count(counted)}{heights}; no interval is drawn. {axis}",
        rows=(tuple(replace(panel, x_limits=limits, marks=_inside(panel.marks, limits)) for panel in panels),),
    ), None
