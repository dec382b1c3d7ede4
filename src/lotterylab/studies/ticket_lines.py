"""The lines, charts and comparisons that ticket studies have in common."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from lotterylab.reading.charts import Chart
from lotterylab.reading.differences import Comparison
from lotterylab.reading.lines import Line, of

ACCURACY, L2, ANGLE = "train.test_accuracy", "distances.masked_l2", "order.masked_angle"
INSTABILITY = "barrier.instability"
MARGIN = 0.01  # of accuracy on CIFAR-10@5000: what counts as equal

DENSE = Line(name="dense", labels={"method": "dense", "control": ""})
TICKET = Line(name="ticket", labels={"method": "iterative", "control": ""})
REINIT = Line(name="re-initialised", labels={"method": "iterative", "control": "reinitialised"})
RANDOM = Line(name="random mask", labels={"method": "iterative", "control": "random mask"})
ORDER = Line(name="ticket, two orders", labels={"method": "iterative", "control": "other order"})
DENSE_ORDER = Line(name="dense, two orders", labels={"method": "dense", "control": "other order"})
RANDOM_ORDER = Line(
    name="random mask, two orders", labels={"method": "iterative", "control": "random mask, other order"}
)


def accuracy_chart(panels: str, lines: tuple[Line, ...] = (TICKET, REINIT, RANDOM)) -> Chart:
    """Test accuracy over what is kept, one panel for each value of a label."""
    return Chart(
        name="accuracy",
        title="Test accuracy of tickets and controls",
        lines=lines,
        y=ACCURACY,
        y_axis="test accuracy, fraction",
        panels=panels,
        levels=(DENSE,),
    )


def pruning_chart(panels: str, lines: tuple[Line, ...] = (TICKET, REINIT, RANDOM)) -> Chart:
    """Stability to pruning over what is kept.   [frankle2019stabilizing]"""
    return Chart(
        name="pruning-stability",
        title="Stability to pruning: distance from the dense network over the kept weights",
        lines=lines,
        y=L2,
        y_axis="L2 distance",
        panels=panels,
    )


def order_chart(panels: str) -> Chart:
    """Stability to the data order over what is kept.   [frankle2019stabilizing]"""
    return Chart(
        name="order-stability",
        title="Stability to the data order: angle between two trainings of one network",
        lines=(ORDER, RANDOM_ORDER),
        levels=(DENSE_ORDER,),
        y=ANGLE,
        y_axis="angle, degrees",
        panels=panels,
    )


def instability_chart(panels: str) -> Chart:
    """Instability over what is kept.   [frankle2020linear]"""
    return Chart(
        name="instability",
        title="Instability: how far the error rises between two trainings in two data orders",
        lines=(ORDER, RANDOM_ORDER),
        levels=(DENSE_ORDER,),
        y=INSTABILITY,
        y_axis="instability, fraction of images",
        panels=panels,
    )


def cost_chart(panels: str, lines: tuple[Line, ...], y: str = ACCURACY) -> Chart:
    """Test accuracy over what it took to find the ticket and train it."""
    return Chart(
        name="cost",
        title="Test accuracy against what it cost to find the ticket and to train it",
        lines=lines,
        y=y,
        y_axis="test accuracy, fraction",
        x="cost.epochs",
        x_axis="passes over the training images, of all runs together",
        panels=panels,
        levels=(DENSE,),
    )


def paths_chart(panels: str, lines: tuple[Line, ...]) -> Chart:
    """The kept weights that no path uses.   [vysogorets2023connectivity]"""
    return Chart(
        name="paths",
        title="Weights that are kept and lie on no path from input to output",
        lines=lines,
        y="paths.idle",
        y_axis="of all weights, fraction",
        panels=panels,
    )


def accuracy_versus(*others: Line, level: float) -> tuple[Comparison, ...]:
    """The ticket's accuracy against each of the others, planned at one level."""
    return tuple(
        Comparison(
            key=f"accuracy, {other.name}",
            a=TICKET,
            b=other,
            read=ACCURACY,
            what="accuracy",
            margin=MARGIN,
            planned=(level,),
        )
        for other in others
    )


def between(line: Line, label: str, values: Sequence[str], level: float) -> tuple[Comparison, ...]:
    """The accuracy of one line at two values of a label, each pair of them, planned at one level."""
    return tuple(
        Comparison(
            key=f"accuracy, {one} and {other}",
            a=of(line, **{label: one}),
            b=of(line, **{label: other}),
            read=ACCURACY,
            what="accuracy",
            margin=MARGIN,
            planned=(level,),
        )
        for one, other in combinations(values, 2)
    )
