"""Tables and histograms of an outline: what they show is the mean over the seeds that have it."""

from __future__ import annotations

import pytest

from lotterylab.engine.results import Result
from lotterylab.reading.charts import Entry, HistogramChart, NumberTable
from lotterylab.reading.lines import Line
from lotterylab.reading.rows import Rows
from lotterylab.report.sections.tables import in_markdown
from some_results import row
from some_sources import grid_of

LINE = Line(name="own", labels={"method": "iterative"})
CHART = HistogramChart(
    name="end", title="At the end", metrics="units", x_axis="activation", lines=(LINE,), within={"protocol": "net"}
)


def counted(activation: str, seed: int, bins: list[int], low: float, high: float) -> Result:
    units = {"histogram": {"a.weight": bins}, "low": {"a.weight": low}, "high": {"a.weight": high}}
    return row("net", activation, "iterative", seed, units=units)


def test_bins_of_all_seeds_are_added_where_they_are_the_same():
    results = [counted("tanh", 0, [1, 0, 0, 3], -1.0, 1.0), counted("tanh", 1, [0, 2, 2, 0], -1.0, 1.0)]
    grid = grid_of(CHART, results)
    assert grid is not None
    ((panel,),) = grid.rows
    (curve,) = panel.series
    assert panel.title == "tanh, own" and curve.label == "layer 1"
    assert curve.x == (-0.75, -0.25, 0.25, 0.75) and curve.y == (1 / 8, 2 / 8, 2 / 8, 3 / 8)


def test_bins_that_differ_are_not_added_and_a_network_that_diverged_is_left_out():
    results = [
        row("net", "relu", "iterative", 0, units={name: {"a.weight": None} for name in ("histogram", "low", "high")}),
        counted("relu", 1, [3, 1], 0.0, 4.0),
        counted("relu", 2, [1, 3], 0.0, 9.0),
    ]
    grid = grid_of(CHART, results)
    assert grid is not None and grid.rows[0][0].series[0].y == (0.75, 0.25)
    assert grid_of(CHART, results[:1]) is None


def test_a_table_has_means_with_intervals_words_and_what_was_not_run():
    results = [
        row("net", "relu", "iterative", seed, sparsity=0.9, train={"test_accuracy": accuracy})
        for seed, accuracy in enumerate((0.4, 0.5, 0.6))
    ]
    here, elsewhere = (
        Entry(line=LINE, read="train.test_accuracy", sparsity=sparsity, digits=2) for sparsity in (0.9, 0.5)
    )
    wanted = NumberTable(
        name="one",
        title="One",
        how="Fractions.",
        columns=("start", "a", "b", "paper"),
        rows=(("0", (here, elsewhere, "0.7")),),
    )
    *_, head, rule, line = in_markdown(wanted, Rows(results))
    assert head == "| start | a | b | paper |" and rule == "|---|---|---|---|"
    assert line == "| 0 | 0.50 [0.25, 0.75] | not run | 0.7 |"


@pytest.mark.parametrize("study", ["glorot", "rewinding"])
def test_every_row_of_a_study_s_tables_has_an_entry_for_each_column(study):
    from lotterylab.asking.catalogue import study_named

    for one in study_named(study).outline.tables:
        assert {len(entries) + 1 for _, entries in one.rows} == {len(one.columns)}
