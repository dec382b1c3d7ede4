"""Charts of an outline: every point lies inside its panel."""

from __future__ import annotations

import pytest

from lotterylab.reading.charts import Chart
from lotterylab.reading.lines import Line
from lotterylab.reading.rows import Rows
from some_results import row
from some_sources import grid_of

TICKET = Line(name="ticket", labels={"method": "iterative"})


def some_rows(metric: str, values: dict[float, tuple[float, ...]]) -> Rows:
    part, _, name = metric.partition(".")
    return Rows(
        row("net", "relu", "iterative", seed, sparsity=sparsity, prune={"reached": sparsity}, **{part: {name: value}})
        for sparsity, several in values.items()
        for seed, value in enumerate(several)
    )


@pytest.mark.parametrize(
    ("metric", "values", "low", "high"),
    [
        ("flow.log10_ratio", {0.5: (4.0, 4.1), 0.9: (-1.8, -1.9)}, -1.9, 4.1),
        ("alike.kappa", {0.5: (-0.05, 0.1), 0.9: (0.9, 1.0)}, -0.05, 1.0),
        ("train.test_accuracy", {0.5: (0.9, 0.1), 0.9: (0.1, 0.1)}, 0.1, 0.9),
    ],
)
def test_no_point_lies_outside_its_panel_and_a_share_does_not_go_far_below_0(metric, values, low, high):
    wanted = Chart(name="one", title="One", lines=(TICKET,), y=metric, y_axis="it")
    grid = grid_of(wanted, some_rows(metric, values))
    assert grid is not None
    ((panel,),) = grid.rows
    assert panel.y_limits is not None
    bottom, top = panel.y_limits
    assert bottom < low and top > high
    if low >= 0:
        assert bottom > -0.1
