"""Charts over a logarithmic axis: ticks, points of one place, one panel for all rows, and a law through them."""

from __future__ import annotations

import math
from typing import Any

import numpy
import pytest

from lotterylab.reading.charts import Chart
from lotterylab.reading.lines import Line
from lotterylab.reading.rows import Rows
from lotterylab.report.figure_axes import axis_of, power_law
from some_results import row
from some_sources import grid_of

ARMS = ("dense", "a", "b")
LINES = tuple(Line(name=arm, labels={"method": arm, "control": ""}) for arm in ARMS)
CHART: dict[str, Any] = {
    "name": "cost",
    "title": "Cost",
    "lines": LINES,
    "y": "train.test_loss",
    "y_axis": "loss",
    "x": "cost.macs",
    "x_axis": "MACs",
    "log_x": True,
}
MACS = {"dense": (2e9, 4e9), "a": (2e9, 4e9), "b": (5e8, 1e9)}


def some_rows() -> Rows:
    return Rows(
        row(
            f"{budget} epochs",
            *("relu", arm, seed),
            train={"test_loss": 2.0 - 0.1 * place - 0.2 * level + seed / 100},
            cost={"macs": MACS[arm][level]},
        )
        for place, arm in enumerate(ARMS)
        for level, budget in enumerate((30, 60))
        for seed in (0, 1, 2)
    )


def panel_of(**changes: Any) -> Any:
    grid = grid_of(Chart(**{**CHART, **changes}), some_rows())
    assert grid is not None
    return grid, grid.rows[0]


def test_without_panels_all_rows_share_one_and_each_line_goes_through_all_budgets():
    _, (panel,) = panel_of(panels="")
    means = {series.label: series for series in panel.series if series.label}
    assert panel.log_x and panel.title == "" and set(means) == set(ARMS)
    assert all(len(series.x) == 2 for series in means.values())
    assert means["b"].x == pytest.approx(MACS["b"]), "nothing else is there"


def test_points_of_one_place_stand_beside_each_other_in_the_lines_order():
    _, (panel,) = panel_of(panels="")
    means = {series.label: series.x for series in panel.series if series.label}
    for place, macs in enumerate(MACS["a"]):
        left, right = means["dense"][place], means["a"][place]
        assert left < macs < right and math.sqrt(left * right) == pytest.approx(macs)
    low, high = panel.x_limits
    assert low < min(map(min, means.values())) and high > max(map(max, means.values()))
    assert [text for _, text in panel.ticks] == ["5·10⁸", "10⁹", "2·10⁹", "5·10⁹"]
    assert all(low < place < high for place, _ in panel.ticks)


def test_ticks_of_shares_are_plain_numbers():
    axis = axis_of(Chart(**CHART), [[0.1, 0.3], [0.1, 1.0]], ())
    assert [text for _, text in axis.ticks] == ["0.1", "0.2", "0.5", "1"]


def test_many_lines_of_one_sparsity_stand_within_the_axis():
    lines = [[0.9, 0.95, 0.98]] * 10
    axis = axis_of(Chart(**{**CHART, "x": "sparsity", "log_x": False}), lines, (0.9, 0.95, 0.98))
    assert axis.limits is not None
    places = [axis.beside(0.9, number, 10) for number in range(10)] + [axis.beside(0.98, 9, 10)]
    assert places[:10] == sorted(places[:10]) and axis.limits[0] < places[0] and places[-1] < axis.limits[1]


def test_the_law_is_the_least_squares_of_the_logarithms():
    draw = numpy.random.default_rng(0)
    x = draw.uniform(0.1, 1, 9)
    y = 0.8 * x**-0.15 * numpy.exp(draw.normal(0, 0.02, 9))
    law = power_law(list(zip(x, y, strict=True)))
    assert law is not None
    exponent, logarithm = numpy.polyfit(numpy.log(x), numpy.log(y), 1)
    assert law.exponent == pytest.approx(exponent) and math.log(law.factor) == pytest.approx(logarithm)
    assert law.explained == pytest.approx(numpy.corrcoef(numpy.log(x), numpy.log(y))[0, 1] ** 2)
    for too_few in ([(1.0, 1.0), (2.0, 1.0)], [(1.0, 1.0), (2.0, 0.0), (3.0, 1.0)], [(1.0, 1.0)] * 3):
        assert power_law(too_few) is None


def test_the_law_is_drawn_in_each_panel_through_its_means_and_the_caption_has_its_exponent():
    grid, panels = panel_of(law="a law", x=lambda row: {"dense": 1.0, "a": 0.5, "b": 0.1}[row.labels["method"]])
    for panel, loss in zip(panels, (2.01, 1.81), strict=True):
        (law,) = (series for series in panel.series if series.label == "a law")
        points = {"dense": (1.0, loss), "a": (0.5, loss - 0.1), "b": (0.1, loss - 0.2)}.values()
        exponent, logarithm = numpy.polyfit(*(numpy.log(values) for values in zip(*points, strict=True)), 1)
        assert law.x[0] == pytest.approx(0.1) and law.x[-1] == pytest.approx(1.0)
        assert law.y == pytest.approx([math.exp(logarithm) * x**exponent for x in law.x])
    assert "A law, fitted to the means: 30 epochs: exponent 0.04" in grid.caption
