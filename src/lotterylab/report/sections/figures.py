"""The figures of a study: the first beside its answer, then all that its outline asks for, then its training."""

from __future__ import annotations

from collections.abc import Iterator

from lotterylab.reading.charts import Chart
from lotterylab.report import figures_curves, figures_rates
from lotterylab.report.blocks import section, sentence
from lotterylab.report.figure_style import looks
from lotterylab.report.figures_histograms import histogram_chart
from lotterylab.report.figures_layers import layer_chart
from lotterylab.report.figures_outline import chart
from lotterylab.report.grid import Grid
from lotterylab.report.markup import Html
from lotterylab.report.material import Material
from lotterylab.report.sections.numbers import behind_histograms, layers_behind, numbers_behind
from lotterylab.report.sections.protocols import first_of_family


def opening_figure(material: Material) -> Html | None:
    """The picture that belongs to the answer: the first of the outline, or of its families."""
    drawn = (grid for _, grid in _charts(material))
    grid = next(drawn, None) or first_of_family(material)
    return None if grid is None else material.show(grid)


def figures(material: Material) -> Html:
    """Every figure of the outline, each with the numbers and runs behind it."""
    shown = [material.show(grid, numbers_behind(material, wanted)) for wanted, grid in _charts(material)]
    layered = ((wanted, layer_chart(material.results, wanted)) for wanted in material.outline.layer_charts)
    shown += [material.show(grid, layers_behind(material, wanted)) for wanted, grid in layered if grid is not None]
    counted = ((wanted, histogram_chart(material.results, wanted)) for wanted in material.outline.histograms)
    shown += [material.show(grid, behind_histograms(material, wanted)) for wanted, grid in counted if grid is not None]
    return section("figures", "Figures", shown)


def training(material: Material) -> Html:
    """Training curves of the dense runs and of the tickets, and the choice of the learning rate."""
    grids = [
        grid
        for protocol in material.arms.labels("protocol")
        if (grid := figures_curves.of_protocol(material.arms, protocol, (), material.results)) is not None
    ]
    if material.trials:
        grids.append(figures_rates.rates(material.trials, material.classes))
    if not grids:
        return section("training", "Training", sentence("No training curve is finished yet."))
    return section("training", "Training", [material.show(grid) for grid in grids])


def _charts(material: Material) -> Iterator[tuple[Chart, Grid]]:
    look = looks(line.name for one in material.outline.charts for line in one.lines)
    drawn = ((wanted, chart(material.arms, wanted, look)) for wanted in material.outline.charts)
    yield from ((wanted, grid) for wanted, grid in drawn if grid is not None)
