"""A study's rows with their records in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lotterylab.engine.files import is_name
from lotterylab.engine.lines import line_record
from lotterylab.engine.records import Record
from lotterylab.engine.store import Store
from lotterylab.plan.nodes import Node
from lotterylab.plan.plan import Label, Plan, Row


@dataclass(frozen=True, kw_only=True)
class Result:
    """One row of a study.

    Args:
        labels: protocol, activation, method, control, sparsity, seed ...
        records: part -> record, for finished parts.
        missing: the parts that are not finished.
        nodes: part -> node.
    """

    labels: Mapping[str, Label]
    records: Mapping[str, Record]
    missing: tuple[str, ...] = ()
    nodes: Mapping[str, Node] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Return whether every part of the row is finished."""
        return not self.missing

    def metric(self, name: str) -> Any:
        """Return the metric "part.name" ("train.test_accuracy"), or None if the part or the number is missing."""
        part, _, metric = name.partition(".")
        record = self.records.get(part)
        return None if record is None else record.metrics.get(metric)


class Snapshot(Store):
    """A store as one command sees it: each record is read once, on first use.

    The numbers of the command then fit together, even while another process computes in the store.  A snapshot serves
    one command, because it lacks later results.
    """

    def __init__(self, store: Store) -> None:
        vars(self).update(vars(store))  # the same folder and ledgers, already opened and checked
        self._seen: dict[str, Record | None] = {}
        self._whole: dict[str, bool] = {}

    def __contains__(self, digest: str) -> bool:
        if digest in self._seen:
            return self._seen[digest] is not None
        if digest not in self._whole:  # a task on which many rows depend is looked up many times
            self._whole[digest] = super().__contains__(digest)
        return self._whole[digest]

    def computed(self, digest: str) -> Record | None:
        """Return the record as ``Store.computed`` does; its dictionaries are decoded on first use."""
        data = self._manifest_bytes(digest) if is_name(digest) else None
        return None if data is None else (line_record(data, digest) or super().computed(digest))

    def record(self, digest: str) -> Record | None:
        """Return the record as ``Store.record`` does."""
        if digest not in self._seen:
            self._seen[digest] = super().record(digest)
        return self._seen[digest]


def results(study: Plan, store: Store) -> list[Result]:
    """Return all rows of the study, in its order, each with its finished records."""
    snapshot = Snapshot(store)
    return [_result(row, snapshot) for row in study.rows]


def _result(row: Row, store: Store) -> Result:
    records, missing = {}, []
    for part, node in row.nodes.items():
        record = store.record(node.digest)
        if record is None:
            missing.append(part)
        else:
            records[part] = record
    return Result(labels=row.labels, records=records, missing=tuple(missing), nodes=row.nodes)
