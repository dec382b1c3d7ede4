"""Rungs: each step is a paired difference from the rung before, and no step is a change of seeds."""

from __future__ import annotations

import pytest

from lotterylab.reading.charts import RungChart
from lotterylab.reading.lines import Line
from lotterylab.reading.rows import Rows
from lotterylab.report.figures_rungs import resolved, steps
from some_results import row
from some_sources import grid_of

RUNGS = {0: ("as-published", "as published"), 1: ("ladder 1: a", "a"), 2: ("ladder 2: b", "b")}
ARM = ("relu", "magnitude", 0.5)


def some_rows(protocol: str, values: dict[int, float | None]) -> Rows:
    return Rows(
        row(protocol, "relu", "magnitude", seed, sparsity=0.5, train={"test_accuracy": value})
        for seed, value in values.items()
    )


def step(rows: Rows, number: int = 1):
    return steps(rows, RUNGS, "train.test_accuracy")[ARM][number]


def test_a_step_is_paired_over_the_seeds_that_both_rungs_have():
    numbers = some_rows("as-published", {42: 0.1, 43: 0.2, 44: 0.9}) + some_rows("ladder 1: a", {42: 0.4, 43: 0.52})
    first = step(numbers)
    assert first is not None and first.interval.n == 2
    assert first.interval.mean == pytest.approx((0.3 + 0.32) / 2) and resolved(first)
    assert 2 not in steps(numbers, RUNGS, "train.test_accuracy")[ARM]


def test_one_seed_and_equal_numbers_resolve_nothing():
    one_seed = some_rows("as-published", {42: 0.1}) + some_rows("ladder 1: a", {42: 0.4})
    found = step(one_seed)
    assert found is not None and found.interval.low is None and not resolved(found)
    assert step(some_rows("as-published", {42: 0.1, 43: 0.2}) + some_rows("ladder 1: a", {42: 0.1, 43: 0.2})) is None


def test_an_interval_about_zero_is_unresolved():
    found = step(some_rows("as-published", {42: 0.1, 43: 0.2}) + some_rows("ladder 1: a", {42: 0.2, 43: 0.12}))
    assert found is not None and found.interval.low is not None and not resolved(found)


def test_a_rung_with_fewer_seeds_is_no_step_of_the_mean():
    rows = some_rows("as-published", {42: 0.3, 43: 0.3, 44: 0.9}) + some_rows("ladder 1: a", {42: 0.3, 43: 0.3})
    wanted = RungChart(
        name="rungs",
        title="Rungs",
        lines=(Line(name="magnitude", labels={"method": "magnitude"}),),
        y="train.test_accuracy",
        y_axis="test accuracy",
        rungs=tuple(RUNGS.values()),
    )
    grid = grid_of(wanted, rows)
    assert grid is not None
    line = next(series for one in grid.rows for panel in one for series in panel.series if series.label)
    assert line.y == (0.3, 0.3)
    assert "n = 2 seeds (42 to 43)" in grid.caption
    assert grid_of(wanted, rows[:3]) is None
