"""Lines, charts and comparisons that ticket studies share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from lotterylab.reading.charts import Chart
from lotterylab.reading.differences import Comparison
from lotterylab.reading.judging import at, minus
from lotterylab.reading.lines import Line, of
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import interval_text
from lotterylab.statistics import t_interval

ACCURACY, L2, ANGLE = "train.test_accuracy", "distances.masked_l2", "order.masked_angle"
INSTABILITY = "barrier.instability"
MARGIN = 0.01  # accuracies on CIFAR-10@5000 are equal within it

DENSE = Line(name="dense", labels={"method": "dense", "control": ""})
TICKET = Line(name="ticket", labels={"method": "iterative", "control": ""})
REINIT = Line(name="re-initialised", labels={"method": "iterative", "control": "reinitialised"})
RANDOM = Line(name="random mask", labels={"method": "iterative", "control": "random mask"})
SAME_COST = Line(name="dense, at the ticket's cost", labels={"method": "iterative", "control": "dense same cost"})
ORDER = Line(name="ticket, two orders", labels={"method": "iterative", "control": "other order"})
DENSE_ORDER = Line(name="dense, two orders", labels={"method": "dense", "control": "other order"})
RANDOM_ORDER = Line(
    name="random mask, two orders", labels={"method": "iterative", "control": "random mask, other order"}
)


def accuracy_chart(panels: str, lines: tuple[Line, ...] = (TICKET, REINIT, RANDOM)) -> Chart:
    """Return the chart of test accuracy over the kept weights, with one panel for each value of a label."""
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
    """Return the chart of stability to pruning over the kept weights.   [frankle2019stabilizing]"""
    return Chart(
        name="pruning-stability",
        title="Stability to pruning: distance from the dense network over the kept weights",
        lines=lines,
        y=L2,
        y_axis="L2 distance",
        panels=panels,
    )


def order_chart(panels: str) -> Chart:
    """Return the chart of stability to the data order over the kept weights.   [frankle2019stabilizing]"""
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
    """Return the chart of instability over the kept weights.   [frankle2020linear]"""
    return Chart(
        name="instability",
        title="Instability: rise of the error between two trainings in two data orders",
        lines=(ORDER, RANDOM_ORDER),
        levels=(DENSE_ORDER,),
        y=INSTABILITY,
        y_axis="instability, fraction of images",
        panels=panels,
    )


def cost_chart(panels: str, lines: tuple[Line, ...], y: str = ACCURACY) -> Chart:
    """Return the chart of test accuracy over the cost of finding and training the ticket."""
    return Chart(
        name="cost",
        title="Test accuracy against the cost of finding and training the ticket",
        lines=lines,
        y=y,
        y_axis="test accuracy, fraction",
        x="cost.epochs",
        x_axis="passes over the training images, of all runs together",
        panels=panels,
        levels=(DENSE,),
    )


def paths_chart(panels: str, lines: tuple[Line, ...]) -> Chart:
    """Return the chart of the kept weights that no path uses.   [vysogorets2023connectivity]"""
    return Chart(
        name="paths",
        title="Kept weights on no path from input to output",
        lines=lines,
        y="paths.idle",
        y_axis="fraction of all weights",
        panels=panels,
    )


def accuracy_of(
    key: str,
    a: Line,
    b: Line,
    level: float,
    *,
    margin: float = MARGIN,
    family: str = "",
    planned: bool = True,
    parts: str = "weights",
) -> Comparison:
    """Return the comparison of two lines' accuracy.

    Args:
        key: what it is called after "accuracy, ".
        a: the line that may be higher.
        b: the line that is subtracted.
        level: the share of parts that is kept where the comparison is planned.
        margin: accuracies are equal within it.
        family: of the comparisons that are corrected together.
        planned: whether the comparison at ``level`` was planned.
        parts: what the level counts.
    """
    return Comparison(
        key=f"accuracy, {key}",
        a=a,
        b=b,
        read=ACCURACY,
        what="accuracy",
        margin=margin,
        family=family,
        planned=(level,) if planned else (),
        parts=parts,
    )


def accuracy_of_pair(a: Line, b: Line, level: float, **further: Any) -> Comparison:
    """Return the comparison of two lines' accuracy by their names; ``further``: as for ``accuracy_of``."""
    return accuracy_of(f"{a.name} against {b.name}", a, b, level, **further)


def accuracy_of_pairs(*pairs: tuple[Line, Line], level: float, **further: Any) -> tuple[Comparison, ...]:
    """Return the comparison of each pair's accuracy, planned at one level; ``further``: as for ``accuracy_of``."""
    return tuple(accuracy_of_pair(a, b, level, **further) for a, b in pairs)


def accuracy_versus(*others: Line, level: float, **further: Any) -> tuple[Comparison, ...]:
    """Return the comparisons of the ticket's accuracy with each of the others; ``further``: as for ``accuracy_of``."""
    return tuple(accuracy_of(other.name, TICKET, other, level, **further) for other in others)


def between(line: Line, label: str, values: Sequence[str], level: float) -> tuple[Comparison, ...]:
    """Return the comparisons of one line's accuracy between each pair of values of a label, planned at one level."""
    return tuple(
        accuracy_of(f"{first} and {second}", of(line, **{label: first}), of(line, **{label: second}), level)
        for first, second in combinations(values, 2)
    )


def against_same_cost(ticket: Line, dense: Line, results: Rows, level: float) -> str:
    """Return the end of a sentence on a ticket, its lead over the dense network of its cost; "" if none was trained."""
    leads = minus(at(ticket, results, ACCURACY, level), at(dense, results, ACCURACY, level))
    if not leads:
        return ""
    lead = interval_text(t_interval(leads.values()), sign=True)
    return f", and {lead} against the dense network of the same cost (n = {len(leads)})"
