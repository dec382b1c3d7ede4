"""Heat maps of crossed causes: squares, scales, and tables that are not complete."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lotterylab.engine.results import Result
from lotterylab.reading.charts import CrossedChart
from lotterylab.report.figure_draw import draw
from some_results import row
from some_sources import grid_of

CHART = CrossedChart(name="crossed", title="Crossed", y="train.test_accuracy", y_axis="accuracy", columns="data order")


def table(protocol: str, value: Callable[[int, int], float], rows: int = 2, columns: int = 3) -> list[Result]:
    return [
        row(protocol, "relu", f"initialisation {i}", j, train={"test_accuracy": value(i, j)})
        for i in range(rows)
        for j in range(columns)
    ]


def test_each_run_is_a_square_of_its_row_and_column_and_each_panel_has_its_own_scale():
    found = [*table("low", lambda i, j: 0.5 + i / 10 + j / 100), *table("high", lambda i, j: 0.1 + i / 2)]
    grid = grid_of(CHART, found)
    assert grid is not None and [len(cells) for cells in grid.rows] == [1, 1]
    low, high = (cells[0] for cells in grid.rows)
    assert low.heat is not None and high.heat is not None
    assert low.heat.values == (pytest.approx((0.5, 0.51, 0.52)), pytest.approx((0.6, 0.61, 0.62)))
    assert (low.heat.low, low.heat.high) == pytest.approx((0.5, 0.62)) and (high.heat.low, high.heat.high) == (0.1, 0.6)
    assert low.ticks == ((1.0, "0"), (2.0, "1"), (3.0, "2"))
    assert low.y_ticks == ((1.0, "initialisation 0"), (2.0, "initialisation 1"))
    assert grid.sentence == (
        "Means by row lie between 0.510 and 0.610, means by data order between 0.550 and 0.570 (low)."
    )
    svg, png, *_ = draw(grid)
    assert svg.count(b"<image") >= 2 and png.startswith(b"\x89PNG")


def test_rows_that_lack_a_column_are_left_out_and_a_single_row_is_no_table():
    whole = table("low", lambda i, j: 0.5 + i / 10, rows=3)
    grid = grid_of(CHART, whole[:-1])
    assert grid is not None
    heat = grid.rows[0][0].heat
    assert heat is not None and len(heat.values) == 2
    assert grid_of(CHART, whole[:4]) is None and grid_of(CHART, []) is None


def test_equal_numbers_have_a_scale():
    grid = grid_of(CHART, table("low", lambda i, j: 0.5))
    assert grid is not None
    heat = grid.rows[0][0].heat
    assert heat is not None and heat.high > heat.low
