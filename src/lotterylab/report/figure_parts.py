"""What figures of several arms share: a mean with its seeds, limits that hold everything, and how n is said."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeAlias

from lotterylab.engine.results import Result
from lotterylab.reading.charts import HistogramChart, LayerChart
from lotterylab.reading.rows import Rows
from lotterylab.report.anchors import run_links
from lotterylab.report.blocks import cell, folded, heading, number, table
from lotterylab.report.figure_style import seed_dot
from lotterylab.report.grid import Grid, Look, Panel, Series
from lotterylab.report.markup import Child, Html
from lotterylab.statistics import t_interval

Drawn: TypeAlias = "tuple[Grid, Child] | None"  # a figure, and what stands below it; None if nothing is finished
WIDEST_GAP = 0.1  # between targets: series of targets further apart stand no further from each other
READABLE_GAP = 0.06  # between the labels of an axis as wide as a panel
LOG_SCALE = 0.5  # so that the targets of a study fill an axis as long as the plain one
Reads: TypeAlias = Callable[[Result], dict[str, "float | None"]]  # a number for each layer
FAR_APART = 1e5  # the largest over the smallest value of a panel, from which its scale is logarithmic
LONGEST_BAR = 0.6  # of the range of the points: what an interval of two seeds may add to the frame


def mean_and_seeds(
    of: Iterable[tuple[float, Rows]],
    metric: str,
    look: Look,
    label: str,
    *,
    bars: bool = True,
    seeds: Collection[int] | None = None,
) -> tuple[Series, ...]:
    """Two series over x: the mean with its 95 % t interval, and a small dot for each seed.

    ``of``: (x, rows of an arm); arms of which nothing is known are left out.  ``seeds``: only these, or all.
    """
    values = ((x, arm.per_seed(metric)) for x, arm in of)
    chosen = ((x, {seed: y for seed, y in each.items() if seeds is None or seed in seeds}) for x, each in values)
    known = [(x, t_interval(each.values()), each) for x, each in chosen if each]
    if not known:
        return ()
    line = Series(
        x=tuple(x for x, _, _ in known),
        y=tuple(interval.mean for _, interval, _ in known),
        look=look,
        label=label,
        low=tuple(one.mean if one.low is None else one.low for _, one, _ in known) if bars else (),
        high=tuple(one.mean if one.high is None else one.high for _, one, _ in known) if bars else (),
    )
    dots = [(x, value) for x, interval, values in known if interval.n > 1 for value in values.values()]
    if not dots:
        return (line,)
    return (Series(x=tuple(x for x, _ in dots), y=tuple(y for _, y in dots), look=seed_dot(look)), line)


def published_points(points: Sequence[tuple[float, float, float]], look: Look, label: str) -> Series:
    """Hollow markers with the error of reading them off, from (x, value, error)."""
    return Series(
        x=tuple(x for x, _, _ in points),
        y=tuple(y for _, y, _ in points),
        look=look,
        label=label,
        low=tuple(y - error for _, y, error in points),
        high=tuple(y + error for _, y, error in points),
    )


def places(targets: Sequence[float]) -> dict[float, float]:
    """Where each target stands on the axis: at itself, or, where some are too close to be read apart, by the logarithm
    of what is kept, on which 0.9, 0.95 and 0.98 are as far apart as 0.5 and 0.75."""
    if min((b - a for a, b in pairwise(targets)), default=WIDEST_GAP) >= READABLE_GAP:
        return {target: target for target in targets}
    return {target: -LOG_SCALE * math.log10(1 - target) for target in targets}


def fit(
    rows: Sequence[Sequence[Panel]], *, bounds: tuple[float, float], shared: bool
) -> tuple[tuple[tuple[Panel, ...], ...], str]:
    """The panels with limits that hold every point, and as much of the intervals as leaves the points readable.

    ``bounds``: what the quantity can be.  ``shared``: one limit for all panels, or one for each.  The text is for the
    caption: empty, or that some bar goes on beyond the frame.
    """
    panels = [panel for row in rows for panel in row]
    common = _limits(panels, bounds) if shared else None
    fitted = tuple(
        tuple(_logarithmic(panel) or replace(panel, y_limits=common or _limits([panel], bounds)) for panel in row)
        for row in rows
    )
    said = []
    if any(_is_cut(panel, bounds) for row in fitted for panel in row):
        said.append("A bar that reaches the frame goes on beyond it.")
    if any(panel.log_y for row in fitted for panel in row):
        said.append(
            "A logarithmic scale where values lie more than a hundred thousandfold apart, as of a run that diverged."
        )
    return fitted, " ".join(said)


def _logarithmic(panel: Panel) -> Panel | None:
    """The panel with a logarithmic scale, if its points are positive and so far apart that it needs one."""
    points = [y for series in panel.series for y in series.y]
    if not points or min(points) <= 0 or max(points) < FAR_APART * min(points):
        return None
    series = tuple(
        replace(one, low=tuple(max(low, y / 10) for low, y in zip(one.low, one.y, strict=False)))
        for one in panel.series
    )
    return replace(panel, series=series, log_y=True, y_limits=(min(points) / 3, max(points) * 3))


def _limits(panels: Sequence[Panel], bounds: tuple[float, float]) -> tuple[float, float]:
    points = [y for panel in panels for series in panel.series for y in series.y]
    points += [level.y for panel in panels for level in panel.levels]
    if not points:
        return max(0.0, bounds[0]), min(1.0, bounds[1])
    low, high = min(points), max(points)
    span = max(high - low, 0.04 * max(1.0, abs(high)))
    bars = [y for panel in panels for series in panel.series for y in (*series.low, *series.high)]
    low = min(low, max(min(bars, default=low), low - LONGEST_BAR * span))
    high = max(high, min(max(bars, default=high), high + LONGEST_BAR * span))
    low, high = max(low, bounds[0]), min(high, bounds[1])
    pad = 0.06 * max(high - low, span)
    # nothing lies below the least value that there can be, so of nearly equal ones it is near the edge, not the middle
    return low - (pad if low > bounds[0] else min(pad, 0.06 * (high + pad - low))), high + pad


def _is_cut(panel: Panel, bounds: tuple[float, float]) -> bool:
    if panel.y_limits is None:
        return False
    low, high = panel.y_limits
    ends = [(a, b) for series in panel.series for a, b in zip(series.low, series.high, strict=True)]
    return any(a < low or b > high for a, b in ends)


def spell_count(found: Sequence[Collection[int]]) -> str:
    """ "n = 5 seeds (42 to 46)", or the range of n where the arms differ in it."""
    counts = sorted({len(seeds) for seeds in found if seeds})
    if not counts:
        return "n = 0 seeds"
    seeds = sorted(set().union(*found))
    spelled = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    n = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"n = {n} seed{'s' * (counts[-1] > 1)} ({spelled})"


def interval_note(count: str) -> str:
    """What dots and bars mean; nothing about an interval where no arm has two seeds."""
    if count.startswith(("n = 1 seed ", "n = 0")):
        return f"{count}: no interval."
    return f"Small dots: single seeds. Bars: 95 % t interval of the mean over seeds, {count}."


def layers_behind(
    results: Rows, wanted: LayerChart | HistogramChart, metric: str, read: str | Reads, title: str
) -> Html:
    """Return a row for each layer of each line and activation: what ``read`` finds in the rows that have the metric."""
    within = Rows(row for row in results.where(**wanted.within) if isinstance(row.metric(metric), dict))
    rows: list[list[Child]] = []
    for line in wanted.lines:
        for activation, own in line.rows(within).by("activation").items():
            layers = list(own[0].metric(metric))
            for layer, values in own.by_layer(read).items():
                place, interval = layers.index(layer) + 1, t_interval(values)
                mean = cell(f"{interval.mean:.4g}", value=repr(interval.mean), kind="number")
                rows.append(
                    [activation, line.name, number(place), cell(layer), mean, number(interval.n), run_links(own)]
                )
    head = ["activation", "line", heading("layer"), "weight", heading(title), heading("n"), "runs"]
    return folded("The numbers and their runs", table(head, rows, kind="sortable", name=f"numbers-{wanted.name}"))
