"""Charts over layers where a network has no numbers: it diverged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lotterylab.reading.charts import LayerChart
from lotterylab.reading.lines import Line
from lotterylab.reading.rows import Rows
from lotterylab.statistics import t_interval
from some_results import row
from some_sources import grid_of

CHART = LayerChart(
    name="std",
    title="Standard deviation",
    metric="end_units.std",
    y_axis="standard deviation",
    lines=(Line(name="dense", labels={"method": "dense"}),),
    within={"protocol": "p"},
)


def of(activation: str, seed: int, first: float | None, second: float | None):
    return row("p", activation, "dense", seed, end_units={"std": {"a": first, "b": second}})


def test_a_network_that_diverged_is_left_out_and_the_others_stay():
    rows = [of("tanh", 0, 1.0, 2.0), of("tanh", 1, 3.0, None), of("relu", 0, None, None)]
    assert Rows(rows[:2]).by_layer(CHART.metric) == {"a": [1.0, 3.0], "b": [2.0]}
    grid = grid_of(CHART, rows)
    assert grid is not None and [panel.title for panel in grid.rows[0]] == ["tanh"]
    (series,) = grid.rows[0][0].series
    assert (series.x, series.y) == ((1.0, 2.0), (2.0, 2.0))
    assert grid_of(CHART, rows[2:]) is None


def test_the_bar_is_the_interval_and_only_a_logarithmic_axis_cuts_it_at_a_tenth_of_the_mean():
    rows = [of("tanh", seed, value, 1.0) for seed, value in enumerate((-0.1, 0.1, 0.3))]
    interval = t_interval([-0.1, 0.1, 0.3])
    for log in (False, True):
        grid = grid_of(replace(CHART, log=log), rows)
        assert grid is not None
        (series,) = grid.rows[0][0].series
        assert series.low[0] == pytest.approx(0.01 if log else interval.low)
        assert series.high[0] == pytest.approx(interval.high) and series.low[1] == 1.0
        assert ("a tenth of the mean" in grid.caption) == log
