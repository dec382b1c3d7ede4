"""The costs of a study's arms."""

from __future__ import annotations

from collections.abc import Iterator

from lotterylab.plan.plan import ARM
from lotterylab.reading.rows import Rows
from lotterylab.report.anchors import run_links
from lotterylab.report.blocks import folded, heading, note, number, section, sentence, table
from lotterylab.report.markup import Child, Html
from lotterylab.report.material import Material

COSTS = (  # metric, heading, divisor, decimals
    ("cost.epochs_to_find", "epochs to find", 1, 1),
    ("cost.epochs", "epochs in all", 1, 1),
    ("cost.macs", "MACs, 1e12", 1e12, 2),
    ("cost.sparse_macs", "without zeros, 1e12", 1e12, 2),
    ("cost.seconds", "seconds", 1, 0),
    ("cost.seconds_to_mask", "until the mask", 1, 1),
)


def costs(material: Material) -> Html:
    """Return the costs of each dense network and each ticket, the runs behind it included."""
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
            "Finding a ticket takes the dense run and every round before it; each ticket carries that whole cost, also "
            "if several tickets share the runs."
        ),
        note(
            "Means over seeds. MACs: multiply-accumulates of convolutions and linear layers, forward and backward "
            "(three times a forward pass), with zeros multiplied, as dense products do; without zeros: the work of "
            "code that skips them, such as the compiled kernel. Seconds: of one thread, if all runs behind were timed; "
            "until the mask: the part of them after which the mask no longer changed, its scores included."
        ),
        folded(f"{len(rows)} arms", table(head, rows, kind="sortable", name="costs-table")),
    )


def _cost_rows(material: Material) -> Iterator[list[Child]]:
    for arm in material.results.by(*ARM).values():
        if not arm.per_seed("cost.epochs"):
            continue
        reached, labels = _mean(arm, "prune.reached"), arm[0].labels
        yield [
            f"{labels['protocol']}, {labels['activation']}",
            material.name(labels),
            number(1.0 if reached is None else 1 - reached, 3),
            *(_cell(arm, metric, unit, digits) for metric, _, unit, digits in COSTS),
            number(_mean(arm, "train.test_accuracy")),
            run_links(arm.having("cost.epochs")),
        ]


def _cell(arm: Rows, metric: str, unit: float, digits: int) -> Html:
    mean = _mean(arm, metric)
    return number(None if mean is None else mean / unit, digits)


def _mean(arm: Rows, metric: str) -> float | None:
    interval = arm.interval(metric)
    return None if interval is None else interval.mean
