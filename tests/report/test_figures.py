"""Figures: nothing cut, nothing overlapping, the same bytes for the same data, drawn only when they have to be."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any, cast

import matplotlib
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from lotterylab.reading.charts import RateChart
from lotterylab.reading.differences import adjusted, found_by
from lotterylab.reading.published import beside
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import plain
from lotterylab.report import figure_draw
from lotterylab.report.figure_parts import fit
from lotterylab.report.figure_style import METHODS, RC, line
from lotterylab.report.figures_curves import middle
from lotterylab.report.grid import Grid, Level, Look, Panel, Series, stacked
from lotterylab.report.grid import beside as beside_each_other
from lotterylab.report.sections.figures import drawn
from lotterylab.report.tidy import Trial, trials
from lotterylab.studies.activations_charts import CHARTS
from lotterylab.studies.activations_comparisons import COMPARISONS
from lotterylab.studies.published import published_values
from some_sources import grid_of, some_sources
from some_study import some_results, some_study

LOOK = Look(colour="#0072B2", marker="o")
SMALL = Grid(
    name="small",
    title="A title",
    sentence="What is to be seen.",
    caption="How to read it.",
    rows=((Panel(title="one", x_label="x", y_label="y", series=(Series(x=(0.0, 1.0), y=(0.2, 0.4), look=LOOK),)),),),
)


def some_grids() -> dict[str, Grid]:
    protocols = ("as-published", "corrected", "ladder")
    study = some_study("cifar10", activations=("relu", "sigmoid"), protocols=protocols, sparsities=(0.5, 0.8, 0.9))
    results = some_results(study)
    known = {
        "published": beside(published_values(), Rows(results)),
        "differences": adjusted(found_by(COMPARISONS, Rows(results))),
        "trials": trials(results),
    }
    sources = some_sources(results, *CHARTS, **known)
    found = (drawn(sources, wanted) for wanted in CHARTS)
    return {grid.name: grid for grid, _ in filter(None, found)}


@pytest.fixture(scope="module")
def grids() -> dict[str, Grid]:
    return some_grids()


NAMES = ("as-published-accuracy", "as-published-curves", "corrected-rates", "probes-accuracy", "corrected-contrasts")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("narrow", [False, True])
def test_no_text_is_cut_and_no_two_texts_overlap(grids, name, narrow):
    all_texts_are_apart(grids[name], narrow=narrow)


def test_every_panel_has_its_labels_and_those_that_neighbours_share_are_drawn_once(grids):
    for grid in grids.values():
        column = [panel for (panel,) in stacked(grid).rows]
        assert column == [panel for row in grid.rows for panel in row]
        assert all(panel.title and panel.x_label for panel in column)
        assert all(panel.y_label or all(text for _, text in panel.y_ticks) for panel in column)
        side_by_side = beside_each_other(grid).rows
        assert all(panel.title for panel in side_by_side[0]) and all(panel.x_label for panel in side_by_side[-1])
        assert not any(panel.y_label for row in side_by_side for panel in row[1:])
        assert [panel.series for row in side_by_side for panel in row] == [panel.series for panel in column]


@pytest.mark.parametrize("panels", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 5, 11])
def test_a_legend_of_long_names_is_not_cut(panels, count):
    names = [f"random mask, ResNet-20, warm-up{' again' * (number % 3)}" for number in range(count)]
    series = tuple(
        Series(x=(0.0, 1.0), y=(0.0, number + 1.0), look=line(number), label=f"{name} {number}")
        for number, name in enumerate(names)
    )
    one = Panel(title="ResNet-20", x_label="kept", y_label="accuracy", series=series)
    all_texts_are_apart(replace(SMALL, rows=((one,) * panels,), panel_width=3.6))


def all_texts_are_apart(grid: Grid, *, narrow: bool = False) -> None:
    with matplotlib.rc_context(cast(Any, RC)):
        figure = figure_draw._figure(grid, narrow=narrow)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        whole = figure.bbox
        texts = []
        for axes in cast(Any, figure.axes):
            labels = [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label]
            ticks = [tick.label1 for axis in (axes.xaxis, axes.yaxis) for tick in axis.get_major_ticks()]
            low, high = axes.bbox.extents[0] - 1, axes.bbox.extents[2] + 1
            texts += [
                text
                for text in labels + ticks
                if text.get_visible() and text.get_text() and (text in labels or _shown(text, axes, low, high))
            ]
        texts += [text for legend in figure.legends for text in legend.get_texts()]
        boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    for word, box in boxes:
        assert box.x0 >= whole.x0 and box.y0 >= whole.y0 and box.x1 <= whole.x1 and box.y1 <= whole.y1, word
    for (word, box), (other_word, other) in itertools.combinations(boxes, 2):
        assert not box.padded(-1).overlaps(other.padded(-1)), (word, other_word)


def _shown(text, axes, low: float, high: float) -> bool:
    """Whether a tick label stands at a tick inside the axes; matplotlib keeps some beyond them."""
    box = text.get_window_extent()
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    below = box.y1 <= axes.bbox.y0 + 1
    return low <= x <= high if below else axes.bbox.y0 - 1 <= y <= axes.bbox.y1 + 1


def test_every_look_has_a_name(grids):
    for grid in grids.values():
        assert len({len(one) for one in grid.rows}) == 1
        every = [series for row in grid.rows for panel in row for series in panel.series]
        labelled = {series.look.colour for series in every if series.label}
        assert all(series.look.colour in labelled for series in every), grid.name


def test_each_method_has_a_marker_of_its_own_and_those_of_the_study_a_colour_too():
    from lotterylab.asking.methods import METHODS as KNOWN

    assert set(METHODS) == {"dense", *KNOWN}
    assert len({look.marker for look in METHODS.values()}) == len(METHODS)
    assert len({(look.colour, look.line) for look in METHODS.values()}) == len(METHODS)
    own = ("dense", "magnitude", "first-order", "grasp")
    assert len({METHODS[name].colour for name in own}) == len(own)


def test_published_values_are_laid_over_with_their_reading_error(grids):
    panel = grids["as-published-accuracy"].rows[0][0]
    over = next(series for series in panel.series if series.label == "magnitude, published")
    assert over.look.hollow
    assert over.y == (0.439, 0.493, 0.425)
    assert over.low == pytest.approx((0.436, 0.490, 0.422)) and over.high == pytest.approx((0.442, 0.496, 0.428))
    curves = grids["as-published-curves"].rows[0][0]
    assert next(series for series in curves.series if series.label == "dense, published").y == (0.521,)


def test_means_and_their_intervals_are_those_of_the_rows():
    results = Rows(some_results(some_study(activations=("relu",), protocols=("corrected",), seeds=3)))
    grid = grid_of(CHARTS[0], results)
    assert grid is not None
    panel = grid.rows[0][0]
    line = next(series for series in panel.series if series.label == "magnitude")
    for target, y, low, high in zip((0.5, 0.9), line.y, line.low, line.high, strict=True):
        interval = results.where(method="magnitude", control="", sparsity=target).interval("train.test_accuracy")
        assert interval is not None and (y, low, high) == (interval.mean, interval.low, interval.high)
    dots = [series for series in panel.series if series.look.line == "" and not series.label]
    assert {len(series.y) for series in dots} == {6}  # two targets, three seeds


def test_one_target_and_one_seed_make_a_figure_without_intervals():
    results = some_results(some_study(activations=("tanh",), protocols=("as-published",), seeds=1, sparsities=(0.7,)))
    (wanted,) = (chart for chart in CHARTS if chart.name == "as-published-stability")
    grid = grid_of(wanted, results)
    assert grid is not None and "n = 1 seed (42): no interval" in grid.caption
    line = grid.rows[0][0].series[0]
    assert line.low == line.high == line.y and line.x != (0.7,)  # beside its target, as the other method is


@pytest.mark.parametrize(
    ("levels", "expected"), [([0.5, 0.8, 0.9], 0.8), ([0.5, 0.9], 0.9), ([0.7, 0.9], 0.7), ([0.2], 0.2), ([], 0.0)]
)
def test_the_curves_are_those_of_the_level_nearest_to_the_one_that_is_asked_for(levels, expected):
    assert middle(levels, 0.8) == expected


def test_limits_hold_every_point_and_what_is_left_out_of_a_bar_is_said():
    long = Series(x=(0.0,), y=(0.5,), look=LOOK, low=(-9.0,), high=(9.0,))
    short = Series(x=(0.0,), y=(0.7,), look=LOOK)
    panel = Panel(title="", x_label="", y_label="", series=(long, short), levels=(Level(y=0.1, look=LOOK),))
    ((fitted,),), note = fit([[panel]], bounds=(0.0, 1.0), shared=True)
    assert fitted.y_limits is not None
    low, high = fitted.y_limits
    assert -0.1 < low < 0.1 and 0.7 < high < 1.1
    assert "goes on beyond it" in note
    assert fit([[replace(panel, series=(short,))]], bounds=(0.0, 1.0), shared=True)[1] == ""


def test_of_nearly_equal_values_at_the_least_one_that_there_can_be_little_is_drawn_below():
    flat = Series(x=(0.0, 1.0), y=(0.0, 0.0003), look=LOOK)
    panel = Panel(title="", x_label="", y_label="", series=(flat,))
    ((fitted,),), _ = fit([[panel]], bounds=(0.0, math.inf), shared=True)
    assert fitted.y_limits is not None
    low, high = fitted.y_limits
    assert high > 0.002, "they are nearly equal, and look so"
    assert -0.1 * high < low < 0
    ((free,),), _ = fit([[panel]], bounds=(-math.inf, math.inf), shared=True)
    assert free.y_limits is not None and free.y_limits[0] < -0.002


def test_values_that_lie_very_far_apart_have_a_logarithmic_scale():
    far = Series(x=(1.0, 2.0), y=(0.5, 5e16), low=(-0.1, -3e17), high=(1.1, 4e17), look=LOOK)
    near = Series(x=(1.0, 2.0), y=(0.5, 4_000.0), look=LOOK)
    panels = [Panel(title="", x_label="", y_label="", series=(one,)) for one in (far, near)]
    ((first, second),), note = fit([panels], bounds=(0.0, math.inf), shared=False)
    assert first.log_y and not second.log_y and "logarithmic" in note
    assert first.y_limits is not None and 0 < first.y_limits[0] < 0.5 and first.y_limits[1] > 5e16
    assert min(first.series[0].low) > 0, "a bar that reaches below 0 has no end on such a scale"
    assert plain(5e16) == "5e+16" and plain(12345.67) == "12345.7"


@pytest.mark.parametrize(("best", "warned"), [(0, True), (1, False), (2, True)])
def test_a_chosen_rate_at_an_edge_is_warned_of(best, warned):
    found = [
        Trial("relu", rate, 1, "validation_accuracy", 0.5 + 0.1 * (number == best), number == best)
        for number, rate in enumerate((0.01, 0.1, 1.0))
    ]
    grid = grid_of(RateChart(name="rates", title="Rates"), (), trials=found)
    assert grid is not None
    assert ("Warning" in grid.sentence) == warned
    chosen = next(series for series in grid.rows[0][0].series if series.label == "chosen")
    assert chosen.x == ((0.01, 0.1, 1.0)[best],) and chosen.y == pytest.approx((0.6,))


def test_the_choices_of_several_arms_have_a_line_each_and_each_protocol_a_panel():
    found = [
        Trial("relu", rate, 1, "validation_accuracy", 0.5 + 0.1 * (rate == best), rate == best, protocol, arm)
        for protocol in ("30 epochs", "90 epochs")
        for arm, best in (("dense", 0.1), ("RigL, 5 % kept", 1.0))
        for rate in (0.01, 0.1, 1.0)
    ]
    grid = grid_of(RateChart(name="rates", title="Rates"), (), trials=found)
    assert grid is not None and [panel.title for panel in grid.rows[0]] == ["relu, 30 epochs", "relu, 90 epochs"]
    labels = [series.label for series in grid.rows[0][0].series]
    assert labels == ["one run", "dense", "chosen", "RigL, 5 % kept", "chosen"]
    assert "of 2 choices, 0.1 1 time and 1 1 time. Warning: 1 at an edge" in grid.sentence


def test_a_row_that_is_not_full_has_no_empty_axes_and_a_phone_no_empty_panel():
    found = [
        Trial(name, rate, 1, "validation_accuracy", rate, rate == 0.1, "", "dense")
        for name in ("relu", "tanh", "sigmoid", "softsign")
        for rate in (0.01, 0.1)
    ]
    grid = grid_of(RateChart(name="rates", title="Rates"), (), trials=found)
    assert grid is not None and [len(row) for row in grid.rows] == [3, 3]
    assert [panel.title for (panel,) in stacked(grid).rows] == ["relu", "tanh", "sigmoid", "softsign"]
    assert len(figure_draw.draw(grid)) == 3
