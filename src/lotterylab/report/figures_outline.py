"""The charts of an outline as figures: lines over what is kept, or over another number, mean and seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

from lotterylab.reading.charts import Chart
from lotterylab.reading.lines import Line
from lotterylab.report import figure_style as style
from lotterylab.report.arms import Arm, Arms
from lotterylab.report.figure_parts import count_of, fit, interval_note, mean_and_seeds
from lotterylab.report.grid import Grid, Level, Look, Panel, Series

Placed: TypeAlias = list[tuple[float, Arm]]  # arms, and where they stand on the axis
SHARES = ("accuracy", "kappa")  # metrics that end at 1
KEPT_TICKS = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
MOST_ASIDE = 0.5  # of a logarithm: a gap between levels that is wider counts as this
FEW = 6  # places that each have a tick of their own


def chart(arms: Arms, wanted: Chart, look: Mapping[str, Look]) -> Grid | None:
    """The figure; None where nothing of it is finished.  ``look``: of each line."""
    panels, shown = [], []
    for name in panel_names(arms, wanted):
        series, own = [], []
        there = [(line, of) for line in wanted.lines if (of := placed(arms, wanted, line, name))]
        levels = _apart(x for _, of in there for x, _ in of)
        for number, (line, of) in enumerate(there):
            own += [arm for _, arm in of]
            if wanted.x == "kept":
                of = _beside(of, levels, number, len(there))
            series += mean_and_seeds(arms, of, wanted.y, look[line.name], line.name)
        if own:
            shown += own
            panels.append(
                Panel(
                    title=name,
                    x_label=wanted.x_axis,
                    y_label=wanted.y_axis if not panels else "",
                    series=tuple(series),
                    levels=_levels(arms, wanted, name),
                    log_x=wanted.x == "kept",
                    ticks=_ticks(levels) if wanted.x == "kept" else (),
                    x_limits=_falling(series) if wanted.x == "kept" else None,
                )
            )
    if not panels:
        return None
    rows, cut = fit([panels], bounds=_bounds(wanted, panels), shared=True)
    level = "Horizontal: the dense network, the band being its interval." if wanted.level else ""
    return Grid(
        name=wanted.name,
        title=wanted.title,
        sentence="",
        caption=" ".join(filter(None, (interval_note(count_of(arms, shown, wanted.y)), level, cut))),
        rows=rows,
        panel_width=5.6 if len(panels) == 1 else 3.6,
        panel_height=3.0,
    )


def _beside(of: Placed, levels: Sequence[float], number: int, count: int) -> Placed:
    """The number-th of ``count`` lines moved aside on the logarithmic axis, so that bars of one level do not hide each
    other: all of them within a third of the smallest gap between levels."""
    gap = min((math.log(a / b) for a, b in pairwise(levels)), default=MOST_ASIDE)
    shift = min(gap, MOST_ASIDE) / 3 * (number - (count - 1) / 2) / max(count - 1, 1)
    return [(x * math.exp(-shift), arm) for x, arm in of]


def _bounds(wanted: Chart, panels: Sequence[Panel]) -> tuple[float, float]:
    """What the number can be: below 0 only where some point is (a logarithm, an agreement worse than chance)."""
    below = any(y < 0 for panel in panels for series in panel.series for y in series.y)
    return -math.inf if below else 0.0, 1.0 if wanted.y.endswith(SHARES) else math.inf


def panel_names(arms: Arms, wanted: Chart) -> list[str]:
    """The values of the label that tells panels apart."""
    return list(dict.fromkeys(getattr(arm, wanted.panels) for arm in arms.where()))


def placed(arms: Arms, wanted: Chart, line: Line, panel: str) -> Placed:
    """The arms of a line in a panel and where they stand on the axis, from the left."""
    return sorted(
        (x, arm)
        for arm in _arms(arms, line, wanted.panels, panel)
        if arms.rows(arm).per_seed(wanted.y) and (x := _place(arms, arm, wanted.x)) is not None
    )


def _arms(arms: Arms, line: Line, label: str, value: str) -> list[Arm]:
    return [arm for arm in arms.where(**line.labels) if getattr(arm, label) == value]


def _place(arms: Arms, arm: Arm, x: str) -> float | None:
    """Where an arm stands on the axis: the mean over its seeds."""
    values = arms.rows(arm).per_seed("prune.reached" if x == "kept" else x).values()
    if not values:
        return None
    mean = sum(values) / len(values)
    return 1 - mean if x == "kept" else mean


def _levels(arms: Arms, wanted: Chart, name: str) -> tuple[Level, ...]:
    if wanted.level is None:
        return ()
    of = _arms(arms, wanted.level, wanted.panels, name)
    found = [interval for arm in of if (interval := arms.rows(arm).interval(wanted.y))]
    look = Look(colour=style.BLACK, line="-", width=1.2)
    return tuple(Level(y=one.mean, look=look, label=wanted.level.name, low=one.low, high=one.high) for one in found[:1])


def _apart(places: Iterable[float]) -> list[float]:
    """The different places, from much to little: one-shot and iterative pruning round their counts differently."""
    found = sorted(set(places), reverse=True)
    return [x for before, x in zip([math.inf, *found], found, strict=False) if x < before * 0.95]


def _ticks(levels: Sequence[float]) -> tuple[tuple[float, str], ...]:
    """Where the runs are, if these are few places; else round numbers."""
    if len(levels) <= FEW:
        return tuple((x, f"{x:.3g}") for x in levels)
    return tuple((tick, f"{tick:g}") for tick in KEPT_TICKS if tick >= levels[-1] * 0.7)


def _falling(series: Sequence[Series]) -> tuple[float, float]:
    """From much that is kept on the left to little on the right, as the papers draw it."""
    found = [x for one in series for x in one.x]
    return max(found) * 1.15, min(found) / 1.15
