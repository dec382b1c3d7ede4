"""Rows by hand with comparisons over them, for the tests of differences and claims."""

from __future__ import annotations

from lotterylab.engine.records import Record
from lotterylab.engine.results import Result
from lotterylab.reading.differences import Comparison, Difference, adjusted, found_by
from lotterylab.reading.lines import Line
from lotterylab.reading.rows import Rows

TICKET = Line(name="ticket", labels={"method": "iterative", "control": ""})
RANDOM = Line(name="random", labels={"method": "iterative", "control": "random mask"})
DENSE = Line(name="dense", labels={"method": "dense"})
READ = "train.test_accuracy"
VALUES = {
    ("dense", "", 0.0): (0.900, 0.902, 0.901, 0.899),
    ("iterative", "", 0.5): (0.910, 0.913, 0.911, 0.909),
    ("iterative", "random mask", 0.5): (0.80, 0.83, 0.81, 0.80),
    ("iterative", "", 0.9): (0.9002, 0.9019, 0.9008, 0.8993),
    ("iterative", "random mask", 0.9): (0.90, 0.80, 0.95, 0.93),
}


def rows(seeds: int = 4) -> Rows:
    found = []
    for (method, control, sparsity), values in VALUES.items():
        for seed, accuracy in enumerate(values[:seeds]):
            labels = {
                "protocol": "net",
                "activation": "relu",
                "method": method,
                "control": control,
                "sparsity": sparsity,
                "seed": seed,
            }
            digest = f"{method}{control}{sparsity}{seed}"
            record = Record(digest=digest, kind="Train", metrics={"test_accuracy": accuracy}, facts={})
            found.append(Result(labels=labels, records={"train": record}))
    return Rows(found)


def versus(b: Line, **changes) -> Comparison:
    fields = {"key": b.name, "a": TICKET, "b": b, "read": READ, "what": "accuracy", "margin": 0.005}
    return Comparison(**{**fields, **changes})


def differences_of(of: tuple[Comparison, ...], results: Rows) -> list[Difference]:
    return adjusted(found_by(of, results))


def outline(*of: Comparison) -> tuple[Comparison, ...]:
    return of
