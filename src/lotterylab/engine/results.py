"""A study's rows with the numbers that the store has for them."""

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


class Snapshot(Store):
    """A store as one command sees it: each record is read once, when it is first asked for.

    What the command says then fits together, also while another process computes in the store.  It is for one command:
    later results are not in it.
    """

    def __init__(self, store: Store) -> None:
        vars(self).update(vars(store))  # the same folder and ledgers, opened and checked already
        self._seen: dict[str, Record | None] = {}
        self._whole: dict[str, bool] = {}

    def __contains__(self, digest: str) -> bool:
        if digest in self._seen:
            return self._seen[digest] is not None
        if digest not in self._whole:  # tasks that many rest on are asked for again and again
            self._whole[digest] = super().__contains__(digest)
        return self._whole[digest]

    def computed(self, digest: str) -> Record | None:
        """See ``Store.computed``; what a record holds is decoded when it is asked for."""
        data = self._manifest_bytes(digest) if is_name(digest) else None
        return None if data is None else (line_record(data, digest) or super().computed(digest))

    def record(self, digest: str) -> Record | None:
        """See ``Store.record``."""
        if digest not in self._seen:
            self._seen[digest] = super().record(digest)
        return self._seen[digest]


def results(study: Plan, store: Store) -> list[Result]:
    """All rows of the study, in its order, each with what is known so far."""
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
