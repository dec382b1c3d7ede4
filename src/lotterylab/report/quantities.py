"""What is drawn over the target sparsity, and which arms share a panel."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lotterylab.reading.words import called
from lotterylab.report import figure_style as style
from lotterylab.report.arms import Arms
from lotterylab.report.grid import Look


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """What is drawn.  ``bounds``: what it can be.  ``shared``: whether all panels have one scale.

    ``controls``: whether it can differ between a ticket and its controls.  ``figure``: the published figure of it.
    """

    name: str
    metric: str
    title: str
    axis: str
    bounds: tuple[float, float]
    shared: bool
    controls: bool = True
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
    controls=False,
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
        methods = style.looks(method for method, _ in self.lines)
        return [
            (
                method,
                control,
                style.CONTROLS[control] if control else methods[method],
                control or called(method),
            )
            for method, control in self.lines
        ]


def cells(arms: Arms, protocol: str, *, with_controls: bool) -> list[list[Cell]]:
    """One row of panels; one row for each method where the protocol has controls and they are asked for."""
    activations = arms.labels("activation", protocol=protocol)
    pruned = [arm for arm in arms.where(protocol=protocol) if arm.method != "dense"]
    methods = list(dict.fromkeys(arm.method for arm in pruned))
    controls = list(dict.fromkeys(arm.control for arm in pruned))
    if not with_controls or controls == [""]:
        lines = tuple((method, "") for method in methods)
        return [[Cell(activation=name, lines=lines, title=name) for name in activations]]
    return [
        [
            Cell(
                activation=name,
                lines=tuple((method, control) for control in controls),
                title=f"{name}, {called(method)}",
            )
            for name in activations
        ]
        for method in methods
    ]
