"""Published values beside our rows: the figures of the activation study, and a table of LeNet-300-100."""

from __future__ import annotations

import csv
from importlib.resources import files

from lotterylab.engine.results import Result
from lotterylab.reading.published import Published
from lotterylab.reading.rows import Read
from lotterylab.studies.protocols import AS_PUBLISHED

METHODS = {"dense": "dense", "magnitude": "magnitude", "grasp_first_order": "first-order"}
PUBLISHED_SEED = 42


def _mask_sparsity(row: Result) -> float | None:
    """Return the removed share of all parameters, as the recorded mask has it; biases that were not scored are kept."""
    removed, parameters = row.metric("prune.removed"), row.metric("prune.parameters")
    return None if removed is None or not parameters else removed / parameters


QUANTITIES: dict[str, tuple[str, Read]] = {
    "last_epoch_val_acc": ("test accuracy, last epoch", "train.test_accuracy"),  # its "validation" set is the test set
    "last_epoch_train_acc": ("training accuracy, last epoch", "train.train_accuracy"),
    "mean_relative_distance": ("D", "distances.mean_relative_distance"),
    "mask_sparsity": ("sparsity of the mask", _mask_sparsity),
}


def published_values() -> tuple[Published, ...]:
    """Return all values of the published figures, in their order."""
    text = files("lotterylab.studies").joinpath("activation_study_published.csv").read_text(encoding="utf-8")
    return tuple(
        Published(
            labels={
                "protocol": AS_PUBLISHED.name,
                "activation": line["activation"],
                "method": METHODS[line["method"]],
                "sparsity": float(line["target_sparsity"]),
            },
            quantity=QUANTITIES[line["quantity"]][0],
            read=QUANTITIES[line["quantity"]][1],
            value=float(line["value"]),
            error=float(line["reading_error"]),
            figure=line["figure"],
            seed=PUBLISHED_SEED,
        )
        for line in csv.DictReader(text.splitlines())
    )


def lenet_distances(sparsity: float) -> tuple[Published, ...]:
    """Return the distances from the dense LeNet-300-100 of a ticket and of a random mask, of 10.7 % of the weights.

    ``sparsity``: our level nearest to it.   [frankle2019stabilizing, table 1]
    """
    return tuple(
        Published(
            labels={"method": "iterative", "control": control, "sparsity": sparsity},
            quantity="L2 distance",
            read="distances.masked_l2",
            value=value,
            error=0.05,
            figure="frankle2019stabilizing, table 1",
        )
        for control, value in (("", 48.1), ("random mask", 75.7))
    )
