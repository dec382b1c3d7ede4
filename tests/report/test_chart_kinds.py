"""Every kind of chart: any study may ask for it, and each name has one look in all figures of a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lotterylab.asking.catalogue import STUDIES, study_named
from lotterylab.engine.results import Result
from lotterylab.plan.nodes import Data
from lotterylab.reading import charts
from lotterylab.reading.differences import Comparison, adjusted, found_by
from lotterylab.reading.lines import Line
from lotterylab.reading.published import Published, beside
from lotterylab.reading.rows import Rows
from lotterylab.report.grid import Grid
from lotterylab.report.sections.figures import KINDS, drawn
from lotterylab.report.tidy import Trial
from some_results import row
from some_sources import grid_of, some_sources
from some_study import some_results, some_study

MINE = Line(name="mine", labels={"method": "mine", "control": ""})
RANDOM = Line(name="random mask", labels={"method": "mine", "control": "random mask"})
DENSE = Line(name="dense", labels={"method": "dense", "control": ""})
ACCURACY = "train.test_accuracy"
NETS = ("net", "wider net")
COMPARISON = Comparison(key="c", a=MINE, b=RANDOM, read=ACCURACY, what="accuracy", margin=0.01, family="own")
PUBLISHED = Published(
    labels={"protocol": "net", "method": "mine", "control": "", "sparsity": 0.7},
    quantity="accuracy",
    read=ACCURACY,
    value=0.77,
    error=0.01,
)
COMMON: dict[str, Any] = {"y": ACCURACY, "y_axis": "test accuracy"}
ASKED = (
    charts.Chart(name="kept", title="Kept", lines=(MINE, RANDOM), levels=(DENSE,), published="accuracy", **COMMON),
    charts.Chart(name="default", title="Every line", x="sparsity", x_axis="sparsity", **COMMON),
    charts.Chart(name="cost", title="Cost", lines=(MINE,), x="cost.epochs", x_axis="epochs", **COMMON),
    charts.DifferenceChart(name="differences", title="Differences", family="own"),
    charts.RungChart(
        name="rungs", title="Rungs", lines=(DENSE, MINE), rungs=tuple((net, f"the {net}") for net in NETS), **COMMON
    ),
    charts.RateChart(name="rates", title="Rates"),
    charts.CurveChart(name="curves", title="Curves", within={"protocol": "net"}),
    charts.DotChart(name="dots", title="Dots", groups=(("a ticket", MINE), ("its control", RANDOM)), **COMMON),
    charts.HeatChart(name="heat", title="Masks", lines=(MINE,), metrics=(("half", "train.bird"),), axis="epoch"),
    charts.CrossedChart(name="crossed", title="Crossed", columns="seed", **COMMON),
    charts.LayerChart(name="layers", title="Layers", lines=(MINE,), metric="prune.layers", y_axis="kept"),
    charts.HistogramChart(name="histogram", title="Units", lines=(MINE,), metrics="units", x_axis="activation"),
)


def some_rows() -> Iterator[Result]:
    for net in NETS:
        for seed in (0, 1, 2):
            curves = {"train_accuracy": [0.2, 0.5], "test_accuracy": [0.1, 0.4]}
            train = {"curves": curves, "epochs": 2, "train_accuracy": 0.5, "test_accuracy": 0.5 + seed / 100}
            yield row(net, "relu", "dense", seed, train=train, cost={"epochs": 1})
            for control in ("", "random mask"):
                for sparsity in (0.5, 0.9):
                    accuracy = 0.6 - 0.1 * sparsity - 0.05 * bool(control) + seed**2 / 100
                    yield row(
                        *(net, "relu", "mine", seed),
                        control=control,
                        sparsity=sparsity,
                        train={**train, "test_accuracy": accuracy, "bird": {"differing": [[], [seed]], "entries": 4}},
                        prune={"reached": sparsity, "layers": {"a": 0.5, "b": 0.4}},
                        units={"histogram": {"a": [1, 3]}, "low": {"a": 0.0}, "high": {"a": 1.0}},
                        cost={"epochs": 2 + sparsity},
                    )


def known(results: Rows) -> dict[str, Any]:
    trials = [Trial("relu", rate, 1, "validation_accuracy", rate, rate == 0.3) for rate in (0.1, 0.3, 0.2)]
    differences = adjusted(found_by([COMPARISON], results))
    return {"published": beside([PUBLISHED], results), "differences": differences, "trials": trials}


def test_every_kind_is_asked_for_below():
    assert {type(wanted) for wanted in ASKED} == set(KINDS)


@pytest.mark.parametrize("wanted", ASKED, ids=lambda wanted: wanted.name)
def test_a_study_from_outside_may_ask_for_every_kind(wanted):
    results = Rows(some_rows())
    grid = grid_of(wanted, results, **known(results))
    assert grid is not None and grid.name == wanted.name
    assert all(panel.series or panel.heat for cells in grid.rows for panel in cells)
    assert grid_of(wanted, ()) is None, "a study that has not begun"


def test_published_points_stand_where_the_paper_has_them_whether_or_not_we_ran_that_level():
    results = Rows(some_rows())
    grid = grid_of(ASKED[0], results, **known(results))
    assert grid is not None
    first, second = grid.rows[0]
    (over,) = (series for series in first.series if series.label == "mine, published")
    assert over.y == (0.77,) and over.x[0] == pytest.approx(0.3, rel=0.2) and over.look.hollow
    assert not any("published" in series.label for series in second.series)


def test_differences_of_one_row_stand_within_it_and_one_alone_in_its_middle():
    others = [Line(name=f"other {number}", labels=RANDOM.labels) for number in range(9)]
    comparisons = [
        Comparison(key=one.name, a=MINE, b=one, read=ACCURACY, what="", margin=0.01, family="own") for one in others
    ]
    alone = Comparison(key="alone", a=DENSE, b=RANDOM, read=ACCURACY, what="", margin=0.01, family="own")
    results = Rows(some_rows())
    differences = adjusted(found_by([*comparisons, alone], results))
    grid = grid_of(ASKED[3], results, differences=differences)
    assert grid is not None
    for panel in grid.rows[0]:
        heights = {series.label: series.y for series in panel.series}
        assert all(abs(y - round(y)) < 0.5 for each in heights.values() for y in each)
        several = [heights[f"minus {one.name}"] for one in others]
        assert len({y for each in several for y in each}) == sum(map(len, several)), "no two at one height"
        assert all(y == round(y) for y in heights["minus random mask"]), "nothing stands beside it"


def by_name(grids: list[Grid]) -> dict[str, set[str]]:
    """The colours of each name in the legends."""
    found: dict[str, set[str]] = {}
    for panel in (panel for grid in grids for cells in grid.rows for panel in cells):
        for one in (*panel.series, *panel.levels):
            if one.label:
                found.setdefault(one.label.removeprefix("minus "), set()).add(one.look.colour)
    return found


def test_each_name_has_one_colour_in_all_figures_of_a_page():
    results = Rows(some_rows())
    pages = [some_sources(results, *ASKED, **known(results))]
    study = some_study("cifar10", activations=("relu", "sigmoid"), protocols=("as-published", "corrected", "ladder"))
    outline = study_named("activations").outline
    of_study = Rows(some_results(study))
    differences = adjusted(found_by(outline.comparisons, of_study))
    pages.append(some_sources(of_study, *outline.charts, differences=differences))
    for sources in pages:
        grids = [found[0] for wanted in sources.charts if (found := drawn(sources, wanted)) is not None]
        colours = by_name(grids)
        assert len(grids) > 8 and all(len(several) == 1 for several in colours.values()), colours


@pytest.mark.parametrize("name", STUDIES)
def test_no_two_names_of_a_study_look_alike(name):
    study = study_named(name)
    small: dict[str, Any] = {"preset": "small"} if name == "activations" else {"size": "quick"}
    options = study.options(**small)
    spec: Any = study.data(options) if callable(study.data) else study.data
    plan = study.plan(options, Data(spec=spec, content="ab" * 32))
    rows = [Result(labels=one.labels, records={}, nodes=one.nodes) for one in plan.rows]
    sources = some_sources(rows, *study.outline.charts)
    looks = sources.looks
    assert {line.name for chart in study.outline.charts for line in (*chart.lines, *chart.levels)} <= set(looks)
    assert len({(look.colour, look.marker) for look in looks.values()}) == len(looks)
    curves = [looks[line.name] for line in sources.arms if not line.labels["control"]]  # which have no markers
    assert len({(look.colour, look.line) for look in curves}) == len(curves)


def test_seeds_with_equal_numbers_stand_at_heights_of_their_own_in_panels_by_any_label():
    dense = [
        row(net, "relu", "dense", seed, train={"test_accuracy": 0.1 if net == "net" else 0.5 + seed / 100})
        for net in NETS
        for seed in (0, 1, 2)
    ]
    wanted = charts.DotChart(name="dots", title="Dots", groups=(("dense", DENSE),), panels="protocol", **COMMON)
    grid = grid_of(wanted, Rows(dense))
    assert grid is not None and [panel.title for panel in grid.rows[0]] == list(NETS)
    (failed,), (trained,) = (panel.series for panel in grid.rows[0])
    assert failed.x == (0.1, 0.1, 0.1) and failed.y == pytest.approx((-0.2, 0.0, 0.2)) and failed.label == ""
    assert trained.x == (0.5, 0.51, 0.52) and trained.y == failed.y, "a seed has one height in all panels"
    assert grid.sentence.startswith("3 of 6 runs") and "at a height of its own" in grid.caption


def test_dots_far_above_chance_have_an_axis_of_their_own_and_dense_networks_stand_in_each_panel():
    rows = [row("net", "relu", "dense", seed, train={"test_accuracy": 0.9 + seed / 100}) for seed in (0, 1)]
    rows += [
        row("net", "relu", "mine", seed, sparsity=sparsity, train={"test_accuracy": 0.95 - sparsity / 10})
        for seed in (0, 1)
        for sparsity in (0.5, 0.9)
    ]
    wanted = charts.DotChart(name="dots", title="Dots", groups=(("dense", DENSE), ("ticket", MINE)), **COMMON)
    grid = grid_of(wanted, Rows(rows))
    assert grid is not None and [panel.title for panel in grid.rows[0]] == ["target 0.5", "target 0.9"]
    for panel in grid.rows[0]:
        dense, _ = panel.series
        assert dense.x == (0.9, 0.91)
        assert panel.x_limits is not None and 0.8 < panel.x_limits[0] < 0.86 and not panel.marks
    assert "does not begin at 0" in grid.caption
