"""A study's rows with the numbers that the store has for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lotterylab.engine.records import Record
from lotterylab.engine.store import Store
from lotterylab.plan.nodes import Node
from lotterylab.plan.study import Label, Row, Study


@dataclass(frozen=True, kw_only=True)
class Result:
    """One row of a study.

    ``labels``: protocol, activation, method, control, sparsity, seed ...; ``records``: part -> what the store knows of
    it, only those parts that are finished.  ``nodes``: what each part is.
    """

    labels: Mapping[str, Label]
    records: Mapping[str, Record]
    missing: tuple[str, ...] = ()
    nodes: Mapping[str, Node] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every part of the row is finished."""
        return not self.missing

    def metric(self, name: str) -> Any:
        """The metric "part.name" ("train.test_accuracy"); None where the part is missing or has no such number."""
        part, _, metric = name.partition(".")
        record = self.records.get(part)
        return None if record is None else record.metrics.get(metric)


def results(study: Study, store: Store) -> list[Result]:
    """All rows of the study, in its order, each with what is known so far."""
    return [_result(row, store) for row in study.rows]


def _result(row: Row, store: Store) -> Result:
    found = {part: store.record(node.digest) for part, node in row.nodes.items()}
    return Result(
        labels=row.labels,
        records={part: record for part, record in found.items() if record is not None},
        missing=tuple(part for part, record in found.items() if record is None),
        nodes=row.nodes,
    )
