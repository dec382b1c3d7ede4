"""Tickets minus their controls in the corrected protocol: one panel an activation, one line a method and target."""

from __future__ import annotations

from collections.abc import Sequence

from lotterylab.reading.differences import Difference
from lotterylab.reading.words import interval_text
from lotterylab.report.figure_style import looks
from lotterylab.report.grid import Grid, Look, Panel, Series

FRAME = 1.5  # of the range of the means: how far intervals widen the frame


def contrasts(found: Sequence[Difference]) -> Grid:
    """Paired differences of test accuracy with their intervals, lying beside 0."""
    activations = list(dict.fromkeys(one.panel for one in found))
    places = list(dict.fromkeys((one.comparison.a.name, one.sparsity) for one in found))[::-1]
    limits = _limits(found)
    ends = [end for one in found for end in (one.interval.low, one.interval.high) if end is not None]
    cut = any(not limits[0] <= end <= limits[1] for end in ends)
    panels = tuple(
        Panel(
            title=activation,
            x_label="difference of test accuracy, fraction",
            y_label="",
            series=_series([one for one in found if one.panel == activation], places),
            y_ticks=tuple(
                (float(number), f"{method}, {sparsity:g}" if column == 0 else "")
                for number, (method, sparsity) in enumerate(places)
            ),
            x_limits=limits,
            y_limits=(-0.6, len(places) - 0.4),
            marks=(0.0,),
        )
        for column, activation in enumerate(activations)
    )
    counts = sorted({one.interval.n for one in found})
    n = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return Grid(
        name="corrected-contrasts",
        title="Tickets minus their controls, test accuracy",
        sentence=_summary(found),
        caption=f"Mean of the paired differences and its 95 % t interval over seeds, n = {n}. Right of the line: the "
        f"ticket is better.{' A bar that reaches the frame goes on beyond it.' if cut else ''}",
        rows=(panels,),
        panel_height=0.6 + 0.34 * len(places),
    )


def _series(found: Sequence[Difference], places: Sequence[tuple[str, float]]) -> tuple[Series, ...]:
    series = []
    look_of = looks(one.comparison.b.name for one in found)
    for number, (against, look) in enumerate(look_of.items()):
        own = [one for one in found if one.comparison.b.name == against]
        aside = 0.19 * ((len(look_of) - 1) / 2 - number)
        series.append(
            Series(
                x=tuple(one.interval.mean for one in own),
                y=tuple(places.index((one.comparison.a.name, one.sparsity)) + aside for one in own),
                look=Look(colour=look.colour, marker=look.marker, line="", size=4.5),
                label=f"minus {against}",
                low=tuple(one.interval.mean if one.interval.low is None else one.interval.low for one in own),
                high=tuple(one.interval.mean if one.interval.high is None else one.interval.high for one in own),
                across=True,
            )
        )
    return tuple(series)


def _limits(found: Sequence[Difference]) -> tuple[float, float]:
    means = [0.0, *(one.interval.mean for one in found)]
    span = max(0.05, max(means) - min(means))
    ends = [end for one in found for end in (one.interval.low, one.interval.high) if end is not None]
    low = max(min([*means, *ends]), min(means) - FRAME * span / 2)
    high = min(max([*means, *ends]), max(means) + FRAME * span / 2)
    return low - 0.04 * span, high + 0.04 * span


def _summary(found: Sequence[Difference]) -> str:
    resolved = [one for one in found if one.interval.above(0) or one.interval.below(0)]
    text = f"{len(resolved)} of {len(found)} differences are resolved: their interval leaves 0 out."
    if not resolved:
        return text
    largest = max(resolved, key=lambda one: abs(one.interval.mean))
    return (
        f"{text} The largest: {largest.panel}, {largest.comparison.a.name}, {largest.sparsity:g} minus "
        f"{largest.comparison.b.name}: {interval_text(largest.interval, sign=True)}."
    )
