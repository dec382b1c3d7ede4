"""The figures of a study: the first beside its answer, then those of its outline, then its training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from lotterylab.reading.charts import (
    Chart,
    CrossedChart,
    CurveChart,
    DifferenceChart,
    DotChart,
    Figure,
    HeatChart,
    HistogramChart,
    LayerChart,
    RateChart,
    RungChart,
)
from lotterylab.report.blocks import section, sentence
from lotterylab.report.figure_parts import Drawn
from lotterylab.report.figures_crossed import crossed_chart
from lotterylab.report.figures_curves import curve_chart, rate_chart
from lotterylab.report.figures_differences import difference_chart, dot_chart
from lotterylab.report.figures_heat import heat_chart
from lotterylab.report.figures_histograms import histogram_chart
from lotterylab.report.figures_layers import layer_chart
from lotterylab.report.figures_lines import line_chart
from lotterylab.report.figures_rungs import rung_chart
from lotterylab.report.markup import Html
from lotterylab.report.material import Material
from lotterylab.report.sources import Sources

KINDS: Mapping[type[Figure], Callable[[Sources, Any], Drawn]] = {
    Chart: line_chart,
    CrossedChart: crossed_chart,
    CurveChart: curve_chart,
    DifferenceChart: difference_chart,
    DotChart: dot_chart,
    HeatChart: heat_chart,
    HistogramChart: histogram_chart,
    LayerChart: layer_chart,
    RateChart: rate_chart,
    RungChart: rung_chart,
}
TRAINING = "Training"


def drawn(sources: Sources, wanted: Figure) -> Drawn:
    """Return a figure of any kind, and the part below it; None if no run of it is finished."""
    return KINDS[type(wanted)](sources, wanted)


def opening_figure(material: Material) -> Html | None:
    """Return the picture beside the answer: the first figure of the outline that can be drawn."""
    figures = (drawn(material, wanted) for wanted in material.charts)
    first = next((figure for figure in figures if figure is not None), None)
    return None if first is None else material.show(first[0])


def by_section(material: Material) -> dict[str, list[Figure]]:
    """Return the figures of each section for which the study has rows, in the order of the outline."""
    sections: dict[str, list[Figure]] = {}
    for wanted in (*material.charts, *_of_training(material)):
        if material.results.where(**wanted.within):
            sections.setdefault(wanted.section, []).append(wanted)
    return sections


def figures(material: Material, title: str, wanted: Sequence[Figure]) -> Html:
    """Return a section with its figures, each with the numbers and runs behind it."""
    shown = [material.show(*one) for figure in wanted if (one := drawn(material, figure)) is not None]
    empty = None if shown else sentence(f"No run of the section {title} is finished yet.")
    return section(name_of(title), title, empty, shown)


def name_of(title: str) -> str:
    """Return the name of a section for links."""
    return title.lower().replace(" ", "-")


def _of_training(material: Material) -> Iterator[Figure]:
    """Yield the training curves of each protocol and the choice of the rate, unless the outline places them."""
    kinds = {type(wanted) for wanted in material.charts}
    for protocol in material.results.labels("protocol") if CurveChart not in kinds else ():
        name = f"{str(protocol).lower().replace(' ', '-').replace(',', '')}-curves"
        within = {"protocol": protocol}
        yield CurveChart(name=name, title=f"Training curves, {protocol}", section=TRAINING, within=within)
    if material.trials and RateChart not in kinds:
        yield RateChart(name="rates", title="Choice of the learning rate", section=TRAINING)
