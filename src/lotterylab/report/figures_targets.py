"""Figures over the target sparsity: accuracy, reached sparsity, stability, distances.  One panel an activation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lotterylab.report import figure_style as style
from lotterylab.report.arms import Arm, Arms
from lotterylab.report.figure_parts import around, count_of, dodge, fit, interval_note, mean_and_seeds, ticks
from lotterylab.report.grid import Grid, Level, Look, Panel, Series
from lotterylab.report.overlay import Published

SPARSITY_AXIS = "target sparsity, fraction removed"


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """What is drawn.  ``bounds``: what it can be.  ``shared``: whether all panels have one scale.

    ``figure``: the published figure that shows it, if one does.
    """

    name: str
    metric: str
    title: str
    axis: str
    bounds: tuple[float, float]
    shared: bool
    figure: str = ""


ACCURACY = Quantity(
    name="accuracy",
    metric="train.test_accuracy",
    title="Test accuracy against target sparsity",
    axis="test accuracy, fraction",
    bounds=(0.0, 1.0),
    shared=True,
    figure="accuracy-vs-sparsity",
)
REACHED = Quantity(
    name="reached",
    metric="prune.reached",
    title="Sparsity of the mask against target sparsity",
    axis="mask sparsity, fraction",
    bounds=(0.0, 1.0),
    shared=True,
    figure="mask-sparsity",
)
STABILITY = Quantity(
    name="stability",
    metric="distances.mean_relative_distance",
    title="Stability to pruning D against target sparsity",
    axis="D, mean ratio of norms",
    bounds=(0.0, math.inf),
    shared=False,
    figure="stability-vs-sparsity",
)
MASKED_L2 = Quantity(
    name="masked-l2",
    metric="distances.masked_l2",
    title="L2 distance of the masked weights from the dense network",
    axis="masked L2 distance",
    bounds=(0.0, math.inf),
    shared=False,
)
ANGLE = Quantity(
    name="masked-angle",
    metric="distances.masked_angle",
    title="Angle between the masked weights and the dense network's",
    axis="angle, degrees",
    bounds=(0.0, 180.0),
    shared=True,
)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What one panel shows: methods side by side, or one method and its controls."""

    activation: str
    lines: tuple[tuple[str, str], ...]  # (method, control)
    title: str

    def looks(self) -> list[tuple[str, str, Look, str]]:
        """(method, control, look, name in the legend)."""
        return [
            (method, control, style.CONTROLS[control] if control else style.method(method), control or style.called(method))
            for method, control in self.lines
        ]


def cells(arms: Arms, protocol: str) -> list[list[Cell]]:
    """One row of panels; one row for each method where the protocol has controls."""
    activations = arms.labels("activation", protocol=protocol)
    pruned = [arm for arm in arms.where(protocol=protocol) if arm.method != "dense"]
    methods = list(dict.fromkeys(arm.method for arm in pruned))
    controls = list(dict.fromkeys(arm.control for arm in pruned))
    if controls in ([""], []):
        lines = tuple((method, "") for method in methods)
        return [[Cell(activation=name, lines=lines, title=name) for name in activations]]
    return [
        [
            Cell(
                activation=name,
                lines=tuple((method, control) for control in controls),
                title=f"{name}, {style.called(method)}",
            )
            for name in activations
        ]
        for method in methods
    ]


Extra = Callable[[Cell], tuple[tuple[Series, ...], tuple[Level, ...]]]


def over_targets(
    arms: Arms, protocol: str, quantity: Quantity, *, published: Sequence[Published] = (), extra: Extra | None = None, note: str = ""
) -> Grid:
    """The quantity against the target; ``extra`` adds series and levels to a panel, ``note`` explains them."""
    targets = arms.targets(protocol=protocol)
    layout = cells(arms, protocol)
    rows = []
    for row_number, row in enumerate(layout):
        panels = []
        for column, cell in enumerate(row):
            more, levels = extra(cell) if extra else ((), ())
            own = _lines(arms, protocol, cell, quantity, targets, published)
            panels.append(
                Panel(
                    title=cell.title,
                    x_label=SPARSITY_AXIS if row_number == len(layout) - 1 else "",
                    y_label=quantity.axis if column == 0 else "",
                    series=(*more, *own),
                    levels=levels,
                    ticks=ticks(targets),
                    x_limits=around(targets),
                )
            )
        rows.append(panels)
    fitted, cut = fit(rows, bounds=quantity.bounds, shared=quantity.shared)
    pruned = [arm for arm in arms.where(protocol=protocol) if arm.sparsity]
    scale = "" if quantity.shared else " Each panel has its own scale."
    over = " Hollow: published, with the error of reading it off." if any(one.figure == quantity.figure for one in published) else ""
    count = count_of(arms, pruned, quantity.metric)
    return Grid(
        name=f"{protocol}-{quantity.name}",
        title=f"{quantity.title}, {protocol}",
        sentence=extremes(arms, pruned, quantity),
        caption=f"{interval_note(count)}{over}{' ' + note if note else ''} Series of one target are set side by side.{scale}{cut}",
        rows=fitted,
    )
