"""The numbers behind a figure of an outline, each with the runs that it was made of; and what results cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from lotterylab.engine.results import Result
from lotterylab.reading.charts import Chart, HistogramChart, LayerChart
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import interval_text
from lotterylab.report.anchors import arm_links, run_links
from lotterylab.report.arms import Arm
from lotterylab.report.blocks import cell, folded, heading, note, number, section, sentence, table
from lotterylab.report.figures_outline import panel_names, placed
from lotterylab.report.markup import Child, Html
from lotterylab.report.material import Material
from lotterylab.statistics import t_interval

Reads: TypeAlias = Callable[[Result], dict[str, "float | None"]]  # a number for each layer
COSTS = (  # metric, heading, what to divide by, decimals
    ("cost.epochs_to_find", "epochs to find", 1, 1),
    ("cost.epochs", "epochs in all", 1, 1),
    ("cost.macs", "MACs, 1e12", 1e12, 2),
    ("cost.sparse_macs", "without zeros, 1e12", 1e12, 2),
    ("cost.seconds", "seconds", 1, 0),
)


def numbers_behind(material: Material, wanted: Chart) -> Html:
    """A folded table: panel, line, place on the axis, mean and interval, seeds as links."""
    arms = material.arms
    lines = wanted.lines if wanted.level is None else (*wanted.lines, wanted.level)
    rows: list[list[Child]] = []
    for panel in panel_names(arms, wanted):
        for line in lines:
            for x, arm in placed(arms, wanted, line, panel):
                interval = arms.rows(arm).interval(wanted.y)
                assert interval is not None
                digits = 4 if abs(interval.mean) < 10 else 1
                rows.append(
                    [
                        panel,
                        line.name,
                        number(x, 3),
                        cell(interval_text(interval, digits), value=repr(interval.mean), kind="number"),
                        number(interval.n),
                        arm_links(arms, arm, arms.rows(arm).per_seed(wanted.y)),
                    ]
                )
    x_name = "kept" if wanted.x == "kept" else wanted.x_axis
    head = [wanted.panels, "line", heading(x_name), heading(wanted.y_axis), heading("n"), "runs"]
    return folded("The numbers and their runs", table(head, rows, kind="sortable", name=f"numbers-{wanted.name}"))


def layers_behind(material: Material, wanted: LayerChart) -> Html:
    """The same of a chart over layers."""
    return _of_layers(material, wanted, wanted.metric, wanted.metric, wanted.y_axis)


def behind_histograms(material: Material, wanted: HistogramChart) -> Html:
    """The runs of each panel, and how much of each layer's values lies in the outermost bins."""
    return _of_layers(material, wanted, f"{wanted.metrics}.histogram", _outermost(wanted), "in the outermost bins")


def _of_layers(
    material: Material, wanted: LayerChart | HistogramChart, metric: str, read: str | Reads, title: str
) -> Html:
    """A row for each layer of each line and activation: what ``read`` finds in the rows that have the metric."""
    within = Rows(row for row in material.results.where(**wanted.within) if isinstance(row.metric(metric), dict))
    rows: list[list[Child]] = []
    for line in wanted.lines:
        for activation, own in line.rows(within).by("activation").items():
            layers = list(own[0].metric(metric))
            for layer, values in own.by_layer(read).items():
                place, interval = layers.index(layer) + 1, t_interval(values)
                mean = cell(f"{interval.mean:.4g}", value=repr(interval.mean), kind="number")
                rows.append(
                    [activation, line.name, number(place), cell(layer), mean, number(interval.n), run_links(own)]
                )
    head = ["activation", "line", heading("layer"), "weight", heading(title), heading("n"), "runs"]
    return folded("The numbers and their runs", table(head, rows, kind="sortable", name=f"numbers-{wanted.name}"))


def _outermost(wanted: HistogramChart) -> Reads:
    def read(row: Result) -> dict[str, float | None]:
        found = row.metric(f"{wanted.metrics}.histogram")
        return {layer: (bins[0] + bins[-1]) / sum(bins) if bins else None for layer, bins in found.items()}

    return read


def costs(material: Material) -> Html:
    """What each dense network and each ticket cost, the runs behind it included."""
    head = [
        "where",
        "method",
        heading("kept"),
        *(heading(name) for _, name, _, _ in COSTS),
        heading("test acc."),
        "runs",
    ]
    rows = list(_cost_rows(material))
    return section(
        "costs",
        "Costs",
        sentence(
            "Finding a ticket takes the dense run and every round before it; each ticket carries that cost alone, as "
            "if nobody else had paid for it."
        ),
        note(
            "Means over seeds. MACs: multiply-accumulates of convolutions and linear layers, forward and backward "
            "(three times a forward pass), as they are done here, where a zero is multiplied too; without zeros: what "
            "hardware that skips them would do. Seconds: of one thread, where all runs behind were timed."
        ),
        folded(f"{len(rows)} arms", table(head, rows, kind="sortable", name="costs-table")),
    )


def _cost_rows(material: Material) -> Iterator[list[Child]]:
    arms = material.arms
    for arm in arms.where():
        seeds = arms.rows(arm).per_seed("cost.epochs")
        if not seeds:
            continue
        reached = _mean(material, arm, "prune.reached")
        yield [
            f"{arm.protocol}, {arm.activation}",
            f"{arm.method}, {arm.control}" if arm.control else arm.method,
            number(1.0 if reached is None else 1 - reached, 3),
            *(_cell(material, arm, metric, unit, digits) for metric, _, unit, digits in COSTS),
            number(_mean(material, arm, "train.test_accuracy")),
            arm_links(arms, arm, seeds),
        ]


def _cell(material: Material, arm: Arm, metric: str, unit: float, digits: int) -> Html:
    mean = _mean(material, arm, metric)
    return number(None if mean is None else mean / unit, digits)


def _mean(material: Material, arm: Arm, metric: str) -> float | None:
    values = material.arms.rows(arm).per_seed(metric).values()
    return sum(values) / len(values) if values else None
