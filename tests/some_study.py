"""A whole activation study with made-up records: the plan is real, the numbers are drawn from its labels."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lotterylab.data import Cifar10, Digits
from lotterylab.engine.records import Record
from lotterylab.engine.results import Result
from lotterylab.plan.nodes import Choose, Data, Node, Train
from lotterylab.plan.plan import Plan, Row
from lotterylab.studies.activations import STUDY

SPECS = {"digits": Digits(), "cifar10": Cifar10(train=5000, validation=1000, test=5000)}
WEIGHTS, PARAMETERS = 544_864, 545_098
TENSORS = ("conv1.weight", "conv1.bias", "fc1.weight", "fc1.bias")
ACCURACY = {"relu": 0.45, "tanh": 0.42, "sigmoid": 0.14, "softsign": 0.41}
FACTS = {"torch": "2.13.0", "device": "cpu", "threads": 1, "earlier_seconds": 0.5, "path": "channels-last"}


def some_study(data: str = "digits", *, notes: tuple[str, ...] = (), **options: Any) -> Plan:
    """The plan; ``options`` as in ``Options``, few by default."""
    spec = SPECS[data]
    small = {"sparsities": (0.5, 0.9), "seeds": 2, "dense_epochs": 4, "pruned_epochs": 3, "rates": (0.01, 0.1)}
    chosen = STUDY.options(**{"crop_padding": 4, "flip": True, **small, **options})
    return replace(STUDY.plan(chosen, Data(spec=spec, content="ab" * 32)), notes=notes)


def some_results(study: Plan, finished: Callable[[Row], bool] = lambda row: True) -> list[Result]:
    """Made-up records for the rows that are ``finished``; equal nodes have equal records."""
    records: dict[str, Record] = {}
    return [_result(row, records) if finished(row) else _nothing(row) for row in study.rows]


def _nothing(row: Row) -> Result:
    return Result(labels=row.labels, records={}, missing=tuple(row.nodes), nodes=row.nodes)


def _result(row: Row, known: dict[str, Record]) -> Result:
    found = {}
    for part, node in row.nodes.items():
        if node.digest not in known:
            known[node.digest] = _record(part, node, row.labels)
        found[part] = known[node.digest]
    return Result(labels=row.labels, records=found, nodes=row.nodes)


def _record(part: str, node: Node, labels: Mapping[str, Any]) -> Record:
    rng = np.random.default_rng(zlib.crc32(node.digest.encode()))
    draw = _Draw(rng=rng, labels=labels, node=node)
    metrics = getattr(draw, part if part in ("train", "prune", "distances", "dead_units", "rate") else "overlap")()
    return Record(
        digest=node.digest, kind=type(node).__name__, metrics=metrics, facts=dict(FACTS), seconds=round(rng.random(), 3)
    )


@dataclass(frozen=True, kw_only=True)
class _Draw:
    """Metrics with the names and shapes of the real ones."""

    rng: np.random.Generator
    labels: Mapping[str, Any]
    node: Any

    def near(self, value: float, spread: float = 0.02) -> float:
        return float(np.clip(value + spread * self.rng.standard_normal(), 0.0, 1.0))

    def train(self) -> dict[str, Any]:
        assert isinstance(self.node, Train)
        recipe, labels = self.node.recipe, self.labels
        level = ACCURACY[labels["activation"]] - 0.2 * labels["sparsity"] * (labels["control"] == "random mask")
        rise = level * (1 - np.exp(-np.arange(1, recipe.epochs + 1) / 4))
        noise = 0.02 * self.rng.standard_normal((2, recipe.epochs))
        curves: dict[str, Any] = {
            "train_loss": [float(loss) for loss in 2.3 - rise],
            "train_accuracy": [float(x) for x in np.clip(rise + noise[0], 0, 1)],
            f"{recipe.pick}_accuracy": [float(x) for x in np.clip(rise + noise[1], 0, 1)],
            "best_epoch": recipe.epochs,
        }
        test = self.near(level)
        return {
            "curves": curves,
            "epochs": recipe.epochs,
            "train_accuracy": curves["train_accuracy"][-1],
            "train_loss": curves["train_loss"][-1],
            "test_accuracy": test,
            "test_accuracy_exact": test - 0.001,
            "test_loss": None,
            "test_reads": 1 + recipe.epochs * (recipe.pick == "test"),
            "picked": recipe.pick,
            "validation_accuracy": self.near(level),
            "best_epoch": recipe.epochs,
        }

    def prune(self) -> dict[str, Any]:
        asked = float(self.node.sparsity)
        published = self.labels["protocol"] in ("as-published", "probes")
        share = 1 - float(self.labels["sparsity"]) if published else asked
        removed = round(share * WEIGHTS)
        return {
            "requested": asked,
            "requested_removed": round(asked * WEIGHTS),
            "removed": removed,
            "reached": removed / WEIGHTS,
            "entries": WEIGHTS,
            "ties_at_cut": 0,
            "exact_zero_scores": 0,
            "emptied": [],
            "layers": {name: 1 - share for name in TENSORS if name.endswith("weight")},
            "mask_digest": self.node.digest,
            "parameters": PARAMETERS,
            "weights_entries": WEIGHTS,
            "weights_removed": removed,
            "kept_positive": (WEIGHTS - removed) // 2,
            "kept_negative": (WEIGHTS - removed) // 2,
            "removed_positive": removed // 2,
            "removed_negative": removed // 2,
            "zero_gradients": 0.1,
            "zero_gradients_by_layer": {},
        }

    def distances(self) -> dict[str, Any]:
        large = self.labels["activation"] == "sigmoid" and self.labels["method"] == "first-order"
        whole = (4.0 if large else 1.1) + 0.1 * float(self.rng.standard_normal())
        return {
            "mean_relative_distance": whole,
            "floor": 0.3 * whole,
            "whole_relative_distance": 0.8 * whole,
            "relative_to_ticket": 0.9 * whole,
            "masked_l2": 10 * whole,
            "masked_angle": 20 * whole,
            "by_tensor": dict.fromkeys(TENSORS, whole),
            "regrown": 0.97 if self.labels["protocol"] in ("as-published", "probes") else 0.0,
            "largest_regrown": 0.1,
            "dense_norms": dict.fromkeys(TENSORS, 1.0),
        }

    def dead_units(self) -> dict[str, Any]:
        shares = {"dead_share": 0.5, "zero_gradient_share": 0.8, "explained_share": 0.9, "expected_share": 0.4}
        return {**shares, "dead_by_layer": {}}

    def overlap(self) -> dict[str, Any]:
        return {"kappa": self.near(0.05), "iou": 0.1, "hamming": 0.5}

    def rate(self) -> dict[str, Any]:
        assert isinstance(self.node, Choose)
        values = [value for value, _ in self.node.candidates]
        each = [[self.near(0.2 + 0.1 * number) for _ in runs] for number, (_, runs) in enumerate(self.node.candidates)]
        means = [sum(one) / len(one) for one in each]
        chosen = values[means.index(max(means))]
        return {"value": chosen, "by": self.node.by, "values": values, "means": means, "each": each}
