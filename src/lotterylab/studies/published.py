"""The published figures beside our runs of the published protocol."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files

from lotterylab.engine.results import Result
from lotterylab.reading.rows import PerSeed, Read, Rows
from lotterylab.statistics import t_interval
from lotterylab.studies.protocols import AS_PUBLISHED

METHODS = {"dense": "dense", "magnitude": "magnitude", "grasp_first_order": "first-order"}
PUBLISHED_SEED = 42


def _mask_sparsity(row: Result) -> float | None:
    """The recorded mask covers all parameters, biases counted as kept where they were not scored."""
    removed, parameters = row.metric("prune.removed"), row.metric("prune.parameters")
    return None if removed is None or not parameters else removed / parameters


QUANTITIES: dict[str, Read] = {
    "last_epoch_val_acc": "train.test_accuracy",  # the "validation" set is the test set
    "last_epoch_train_acc": "train.train_accuracy",
    "mean_relative_distance": "distances.mean_relative_distance",
    "mask_sparsity": _mask_sparsity,
}


@dataclass(frozen=True, kw_only=True)
class Published:
    """A value read off a published figure, as exactly as ``reading_error`` says.  ``method`` is the published name."""

    figure: str
    activation: str
    method: str
    target: float
    quantity: str
    value: float
    reading_error: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A published value beside ours.

    ``ours_mean``, ``ours_sd``: over the ``n`` seeds that have run.  ``within``: the published value lies within the
    reading error and twice our sd of our mean; None for fewer than two seeds.  ``seed42``: our value at the published
    seed; ``within_seed42``: within the reading error of it.
    """

    figure: str
    activation: str
    method: str
    target: float
    quantity: str
    published: float
    reading_error: float
    ours_mean: float | None
    ours_sd: float | None
    n: int
    seed42: float | None
    within: bool | None
    within_seed42: bool | None


def published_values() -> list[Published]:
    """All values of the published figures, in their order."""
    text = files("lotterylab.studies").joinpath("activation_study_published.csv").read_text(encoding="utf-8")
    return [
        Published(
            figure=line["figure"],
            activation=line["activation"],
            method=line["method"],
            target=float(line["target_sparsity"]),
            quantity=line["quantity"],
            value=float(line["value"]),
            reading_error=float(line["reading_error"]),
        )
        for line in csv.DictReader(text.splitlines())
    ]


def published_comparison(results: Rows) -> list[Comparison]:
    """Every published value, beside ours where that has run."""
    rows = results.where(protocol=AS_PUBLISHED.name)
    return [_compared(one, _ours(one, rows)) for one in published_values()]


def _ours(one: Published, rows: Rows) -> PerSeed:
    own = rows.where(activation=one.activation, method=METHODS[one.method], sparsity=one.target)
    return own.per_seed(QUANTITIES[one.quantity])


def _compared(one: Published, ours: PerSeed) -> Comparison:
    interval = t_interval(ours.values()) if ours else None
    at_seed = ours.get(PUBLISHED_SEED)
    within = None
    if interval and interval.sd is not None:
        within = _within(one.value - interval.mean, one.reading_error + 2 * interval.sd)
    return Comparison(
        figure=one.figure,
        activation=one.activation,
        method=one.method,
        target=one.target,
        quantity=one.quantity,
        published=one.value,
        reading_error=one.reading_error,
        ours_mean=interval.mean if interval else None,
        ours_sd=interval.sd if interval else None,
        n=len(ours),
        seed42=at_seed,
        within=within,
        within_seed42=None if at_seed is None else _within(one.value - at_seed, one.reading_error),
    )


def _within(difference: float, limit: float) -> bool:
    """|difference| <= limit, with room for the rounding of decimals such as 0.142 - 0.145."""
    return abs(difference) <= limit + 1e-9
