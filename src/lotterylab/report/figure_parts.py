"""Parts that figures of several arms share: a mean with its seeds, limits of axes, and n in words."""

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

Drawn: TypeAlias = "tuple[Grid, Child] | None"  # a figure, and the part below it; None if nothing is finished
WIDEST_GAP = 0.1  # between targets; targets further apart do not move their series further apart
READABLE_GAP = 0.06  # between the labels of an axis as wide as a panel
LOG_SCALE = 0.5  # so that the targets of a study fill an axis as long as the plain one
Reads: TypeAlias = Callable[[Result], dict[str, "float | None"]]  # a number for each layer
FAR_APART = 1e5  # ratio of the largest to the smallest value of a panel from which its scale is logarithmic
LONGEST_BAR = 0.6  # of the range of the points: the most that an interval may add to the frame


def mean_and_seeds(
    of: Iterable[tuple[float, Rows]],
    metric: str,
    look: Look,
    label: str,
    *,
    bars: bool = True,
    seeds: Collection[int] | None = None,
) -> tuple[Series, ...]:
    """Return two series over x: the mean with its 95 % t interval, and a small dot for each seed.

    ``of``: (x, rows of an arm); arms without the number are left out.  ``seeds``: only these, or all.
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
        low=tuple(each.mean if each.low is None else each.low for _, each, _ in known) if bars else (),
        high=tuple(each.mean if each.high is None else each.high for _, each, _ in known) if bars else (),
    )
    dots = [(x, value) for x, interval, values in known if interval.n > 1 for value in values.values()]
    if not dots:
        return (line,)
    return (Series(x=tuple(x for x, _ in dots), y=tuple(y for _, y in dots), look=seed_dot(look)), line)


def published_points(points: Sequence[tuple[float, float, float]], look: Look, label: str) -> Series:
    """Return hollow markers with their reading error, from (x, value, error)."""
    return Series(
        x=tuple(x for x, _, _ in points),
        y=tuple(y for _, y, _ in points),
        look=look,
        label=label,
        low=tuple(y - error for _, y, error in points),
        high=tuple(y + error for _, y, error in points),
    )


def places(targets: Sequence[float]) -> dict[float, float]:
    """Return the place of each target on the axis.

    It is the target itself or, if some targets are too close to be read apart, the logarithm of the kept share, on
    which 0.9, 0.95 and 0.98 are as far apart as 0.5 and 0.75.
    """
    if min((b - a for a, b in pairwise(targets)), default=WIDEST_GAP) >= READABLE_GAP:
        return {target: target for target in targets}
    return {target: -LOG_SCALE * math.log10(1 - target) for target in targets}


def fit(
    rows: Sequence[Sequence[Panel]], *, bounds: tuple[float, float], shared: bool
) -> tuple[tuple[tuple[Panel, ...], ...], str]:
    """Return the panels with limits that hold every point, and as much of the intervals as leaves the points readable.

    ``bounds``: the possible values of the quantity.  ``shared``: one limit for all panels, or one for each.  The text,
    for the caption, names bars beyond the frame and logarithmic scales.
    """
    panels = [panel for row in rows for panel in row]
    common = _limits(panels, bounds) if shared else None
    fitted = tuple(
        tuple(_logarithmic(panel) or replace(panel, y_limits=common or _limits([panel], bounds)) for panel in row)
        for row in rows
    )
    notes = []
    if any(_is_cut(panel, bounds) for row in fitted for panel in row):
        notes.append("A bar that reaches the frame goes on beyond it.")
    if any(panel.log_y for row in fitted for panel in row):
        notes.append("The scale is logarithmic if values differ by a factor above 100,000, as after a divergence.")
    return fitted, " ".join(notes)


def _logarithmic(panel: Panel) -> Panel | None:
    """Return the panel with a logarithmic scale, if its points are positive and far apart; else None."""
    points = [y for series in panel.series for y in series.y]
    if not points or min(points) <= 0 or max(points) < FAR_APART * min(points):
        return None
    series = tuple(
        replace(line, low=tuple(max(low, y / 10) for low, y in zip(line.low, line.y, strict=False)))
        for line in panel.series
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
    # nothing lies below the least possible value, so it is drawn near the edge and not in the middle
    return low - (pad if low > bounds[0] else min(pad, 0.06 * (high + pad - low))), high + pad


def _is_cut(panel: Panel, bounds: tuple[float, float]) -> bool:
    if panel.y_limits is None:
        return False
    low, high = panel.y_limits
    ends = [(a, b) for series in panel.series for a, b in zip(series.low, series.high, strict=True)]
    return any(a < low or b > high for a, b in ends)


def spell_count(arms: Sequence[Collection[int]]) -> str:
    """Return "n = 5 seeds (42 to 46)", or the range of n if it differs between the arms."""
    counts = sorted({len(seeds) for seeds in arms if seeds})
    if not counts:
        return "n = 0 seeds"
    seeds = sorted(set().union(*arms))
    spelled = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    n = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"n = {n} seed{'s' * (counts[-1] > 1)} ({spelled})"


def interval_note(count: str) -> str:
    """Return the meaning of dots and bars; no interval is named if no arm has two seeds."""
    if count.startswith(("n = 1 seed ", "n = 0")):
        return f"{count}: no interval."
    return f"Small dots: single seeds. Bars: 95 % t interval of the mean over seeds, {count}."


def layers_behind(
    results: Rows, wanted: LayerChart | HistogramChart, metric: str, read: str | Reads, title: str
) -> Html:
    """Return a table with a row for each layer of each line and activation: the mean of ``read``, and its runs."""
    within = Rows(row for row in results.where(**wanted.within) if isinstance(row.metric(metric), dict))
    rows: list[list[Child]] = []
    for line in wanted.lines:
        for activation, of_line in line.rows(within).by("activation").items():
            layers = list(of_line[0].metric(metric))
            for layer, values in of_line.by_layer(read).items():
                place, interval = layers.index(layer) + 1, t_interval(values)
                mean = cell(f"{interval.mean:.4g}", value=repr(interval.mean), kind="number")
                rows.append(
                    [activation, line.name, number(place), cell(layer), mean, number(interval.n), run_links(of_line)]
                )
    head = ["activation", "line", heading("layer"), "weight", heading(title), heading("n"), "runs"]
    return folded("The numbers and their runs", table(head, rows, kind="sortable", name=f"numbers-{wanted.name}"))
