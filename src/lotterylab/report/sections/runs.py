"""The table of all runs, with one line each, to sort and to filter."""

from __future__ import annotations

from typing import cast

from lotterylab.engine.results import Result
from lotterylab.plan.nodes import Train
from lotterylab.plan.plan import WHAT
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import DIVERGED_LEGEND, called, diverged_mark
from lotterylab.report.anchors import run_anchor, settings_anchor
from lotterylab.report.blocks import cell, heading, note, number, section, sentence, table
from lotterylab.report.markup import Child, Html, tag
from lotterylab.report.material import Material

NUMBERS = ("requested", "reached", "seed", "test acc.", "exact acc.", "D", "seconds")
METRICS = (  # the numbers of a line, with their names in results.csv
    "train.test_accuracy",
    "train.test_accuracy_exact",
    "distances.mean_relative_distance",
)


def runs(material: Material) -> Html:
    """Return the table of every finished training of the study."""
    finished = material.results.trained
    shared = sum(bool(result.records["train"].same_as) for result in finished)
    seconds = {result.records["train"].digest: result.records["train"].seconds for result in finished}
    text = (
        f"{len(finished):,} of {len(material.results):,} rows have a finished training. These are {len(seconds):,} "
        f"different runs, which took {sum(seconds.values()) / 3600:.2f} hours of one thread."
    )
    if shared:
        text += f" {shared:,} rows took the result of a run with equal content, in 0 seconds."
    return section(
        "runs",
        "All runs",
        sentence(text),
        note(
            "Requested and reached: fraction removed of the entries that the method may remove. Exact acc.: on the "
            "test images that are exactly those of the canonical data. D: mean over tensors of the relative distance "
            "from the dense network. The digest names the run in the store; it leads to the settings."
            + (f" {DIVERGED_LEGEND}" if diverged_mark(finished) else "")
        ),
        tag("div", class_="tools", data_for="all-runs"),
        table(
            [*WHAT, *map(heading, NUMBERS), "digest"],
            [_row(result) for result in finished],
            kind="sortable",
            name="all-runs",
        ),
    )


def _row(result: Result) -> list[Child]:
    labels, record, run = result.labels, result.records["train"], cast(Train, result.nodes["train"])
    return [
        cell(str(labels["protocol"]).partition(":")[0], value=labels["protocol"], anchor=run_anchor(labels)),
        labels["activation"],
        called(str(labels["method"])),
        labels["control"],
        number(labels["sparsity"], 4) if labels["sparsity"] else cell("dense", value=0.0, kind="number"),  # type: ignore[arg-type]
        number(result.metric("prune.reached")),
        cell(f"{labels['seed']}{diverged_mark(Rows([result]))}", value=labels["seed"], kind="number"),
        *(number(result.metric(metric)) for metric in METRICS),
        number(record.seconds, 1),
        cell(tag("a", tag("code", record.digest[:12]), href=f"#{settings_anchor(run)}")),
    ]
