"""Heat maps of mask distances: the mean over seeds, runs that ended early, and metrics that are no matrix."""

from __future__ import annotations

import numpy
import pytest

from lotterylab.reading.charts import HeatChart
from lotterylab.reading.lines import Line
from lotterylab.report.figure_draw import draw
from lotterylab.report.figures_heat import usable
from some_results import row
from some_sources import grid_of

MINE = Line(name="search", labels={"method": "search"})
CHART = HeatChart(
    name="heat",
    title="Masks",
    lines=(MINE,),
    metrics=(("half", "train.half"), ("most", "train.most")),
    axis="epoch",
)


def of(activation: str, seed: int, half: list[list[int]], most: object = None):
    train = {"half": {"differing": half, "entries": 10}}
    return row("p", activation, "search", seed, train={**train, "most": most} if most else train)


def test_a_panel_is_the_mean_over_the_seeds_that_did_not_end_early():
    rows = [of("relu", 0, [[], [4], [2, 0]]), of("relu", 1, [[], [2], [6, 4]]), of("relu", 2, [[], [9]])]
    grid = grid_of(CHART, rows)
    assert grid is not None and [[panel.title for panel in cells] for cells in grid.rows] == [["relu, half"]]
    heat = grid.rows[0][0].heat
    assert heat is not None and heat.high == 0.4
    assert numpy.allclose(heat.values, [[0.0, 0.3, 0.4], [0.3, 0.0, 0.2], [0.4, 0.2, 0.0]])
    assert "n = 2 seeds (0 to 1)" in grid.caption


def test_panels_stand_by_metric_and_activation_with_one_scale_and_are_drawn():
    most = {"differing": [[], [5], [5, 0]], "entries": 10}
    rows = [of(name, 0, [[], [4], [2, 0]], most) for name in ("relu", "tanh")]
    grid = grid_of(CHART, rows)
    assert grid is not None and [len(cells) for cells in grid.rows] == [2, 2]
    assert {panel.heat.high for cells in grid.rows for panel in cells if panel.heat} == {0.5}
    svg, png, narrow = draw(grid)
    assert min(svg.count(b"<image"), narrow.count(b"<image")) >= 4 and png.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "found",
    [
        None,
        {"differing": [], "entries": 10},
        {"differing": [[], [1]], "entries": 0},
        {"differing": [[], [1, 2]], "entries": 10},
        {"differing": [[], ["far"]], "entries": 10},
        {"differing": "near", "entries": 10},
    ],
)
def test_a_metric_that_is_no_matrix_is_left_out(found):
    assert usable(found) is None
