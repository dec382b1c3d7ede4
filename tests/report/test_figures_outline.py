"""Charts of an outline: every point lies inside its panel."""

from __future__ import annotations

import pytest

from lotterylab.reading.outline import Chart, Line
from lotterylab.report.arms import Arms
from lotterylab.report.figures_outline import chart, looks
from lotterylab.report.tidy import Number

TICKET = Line(name="ticket", labels={"method": "iterative"})


def numbers(metric: str, values: dict[float, tuple[float, ...]]) -> list[Number]:
    return [
        Number("net", "relu", "iterative", "", sparsity, seed, *name.split("."), value)
        for sparsity, several in values.items()
        for seed, of_seed in enumerate(several)
        for name, value in ((metric, of_seed), ("prune.reached", sparsity))
    ]


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
    grid = chart(Arms(numbers(metric, values)), wanted, looks([wanted]))
    assert grid is not None
    ((panel,),) = grid.rows
    assert panel.y_limits is not None
    bottom, top = panel.y_limits
    assert bottom < low and top > high
    if low >= 0:
        assert bottom > -0.1
