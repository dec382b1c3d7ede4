"""All numbers of a study as tables: a wide one with a line for each run, and long ones with a line for each number."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lotterylab.engine.results import Result
from lotterylab.formats.blobs import write_atomically
from lotterylab.formats.text import in_csv
from lotterylab.plan.plan import WHAT
from lotterylab.reading.differences import Difference
from lotterylab.reading.words import called


class Number(NamedTuple):
    """A ``Number`` is one number of one row; ``value`` is None if the run diverged or the number is undefined."""

    protocol: str
    activation: str
    method: str
    control: str
    sparsity: float
    seed: int
    part: str
    metric: str
    value: float | int | None


class Point(NamedTuple):
    """A ``Point`` is one point of one curve; ``epoch`` counts finished epochs, from 1."""

    protocol: str
    activation: str
    method: str
    control: str
    sparsity: float
    seed: int
    curve: str
    epoch: int
    value: float | None


class Logged(NamedTuple):
    """A ``Logged`` is one point of a curve that a user's own loop logged; ``step`` counts from the training's start."""

    protocol: str
    activation: str
    method: str
    control: str
    sparsity: float
    seed: int
    curve: str
    step: int
    value: float | None


class Trial(NamedTuple):
    """A ``Trial`` is one trial of a learning rate; ``trial`` numbers the seeds of the trials from 1.

    ``protocol``, ``arm``: the row for which the rate was chosen first; other rows may have it too.
    """

    activation: str
    rate: float
    trial: int
    quantity: str
    value: float | None
    chosen: bool
    protocol: str = ""
    arm: str = ""


NONE = "none"  # a word where there is none, such as the control of a ticket: pandas reads an empty field as no value
LABELS = Number._fields[:6]
DIFFERENCE = (  # the fields of differences.csv; p_holm and p_equal are adjusted for their family, says is at 5 % for it
    *("what", "a", "b", "where", "sparsity", "n", "mean", "low", "high", "p_holm", "p_equal", "planned", "says"),
    "caveat",
)


def numbers(results: Iterable[Result]) -> list[Number]:
    """Return the scalar metrics of every finished part, and its seconds (0 if an equal run had finished before).

    The part "cost" of ``priced`` rows has the costs of the training, the runs behind it included.
    """
    lines = []
    for result in results:
        labels = _labels(result)
        for part, record in result.records.items():
            lines += [
                Number(*labels, part, metric, value)
                for metric, value in (
                    record.metrics if part == "cost" else {**record.metrics, "seconds": record.seconds}
                ).items()
                if value is None or isinstance(value, int | float)
            ]
    return lines


def wide(numbers: Iterable[Number]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the columns and lines of the wide table: a line for each row of the study, a column for each number.

    Columns are named as in ``Result.metric``: "train.test_accuracy".  A line is None where its row has no such number.
    """
    lines: dict[tuple[Any, ...], dict[str, Any]] = {}
    columns: dict[str, None] = {}
    for *labels, part, metric, value in numbers:
        name = f"{part}.{metric}"
        columns.setdefault(name)
        lines.setdefault(tuple(labels), {})[name] = value
    names = sorted(columns, key=lambda name: (name.partition(".")[0] != "train", name))
    return [*LABELS, *names], [(*labels, *map(line.get, names)) for labels, line in lines.items()]


def points(results: Iterable[Result]) -> list[Point]:
    """Return the curves of every finished training."""
    lines = []
    for result in results:
        labels = _labels(result)
        for curve, values in (result.metric("train.curves") or {}).items():
            if isinstance(values, list):
                lines += [Point(*labels, curve, epoch, value) for epoch, value in enumerate(values, start=1)]
    return lines


def logged(results: Iterable[Result]) -> list[Logged]:
    """Return the curves that the trainings of a user's own loop logged."""
    lines = []
    for result in results:
        labels = _labels(result)
        for name, curve in (result.metric("train.logged") or {}).items():
            points = zip(curve["steps"], curve["values"], strict=True)
            lines += [Logged(*labels, name, step, value) for step, value in points]
    return lines


def trials(results: Iterable[Result]) -> list[Trial]:
    """Return the trials behind each choice of a learning rate, each choice once."""
    choices = {result.records["rate"].digest: result for result in results if "rate" in result.records}
    return [trial for result in choices.values() for trial in _trials(result)]


def paired(differences: Iterable[Difference]) -> list[tuple[Any, ...]]:
    """Return a line with the fields ``DIFFERENCE`` for each difference."""
    return [
        (
            *(one.comparison.what, one.comparison.a.name, one.comparison.b.name, one.panel, one.sparsity),
            *(one.interval.n, one.interval.mean, one.interval.low, one.interval.high, one.p_holm, one.p_equal),
            *(one.planned, one.says, one.caveat),
        )
        for one in differences
    ]


def write(path: Path, lines: Sequence[tuple[Any, ...]], fields: Sequence[str]) -> None:
    """Write a CSV file with a header: None is an empty field, an empty text is ``NONE``, and no text is a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(fields)
    writer.writerows(zip(*map(_cells, zip(*lines, strict=True)), strict=True))
    write_atomically(path, text.getvalue().encode())


def _cells(column: tuple[Any, ...]) -> Iterable[Any]:
    """Return a column as cells; each text is made harmless once: a million lines have a few hundred texts."""
    if not any(issubclass(kind, str) for kind in set(map(type, column))):
        return column
    texts = {value: in_csv(value) or NONE for value in set(column) if isinstance(value, str)}
    return map(texts.get, column, column)


def _labels(result: Result) -> tuple[str, str, str, str, float, int]:
    """Return the first six fields of a number and of a point."""
    labels: Mapping[str, Any] = result.labels
    protocol, activation, method, control = (str(labels[name]) for name in WHAT)
    return protocol, activation, method, control, float(labels["sparsity"]), int(labels["seed"])


def _trials(result: Result) -> Iterator[Trial]:
    metrics = result.records["rate"].metrics
    for rate, each in zip(metrics["values"], metrics["each"], strict=True):
        for number, value in enumerate(each, start=1):
            chosen = rate == metrics["value"]
            yield Trial(
                str(result.labels["activation"]),
                rate,
                number,
                metrics["by"],
                value,
                chosen,
                str(result.labels["protocol"]),
                _arm(result),
            )


def _arm(result: Result) -> str:
    """Return the method, control and kept share of a row, in words."""
    method, control, sparsity = (result.labels[name] for name in ("method", "control", "sparsity"))
    kept = f"{100 * (1 - float(sparsity)):.3g} % kept" if sparsity else ""
    return ", ".join(filter(None, (called(str(method)), str(control), kept)))
