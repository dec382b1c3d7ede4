"""A store as one command sees it: each record once, and nothing of one command is left for the next."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from lotterylab.engine.records import Record
from lotterylab.engine.results import Snapshot, results
from lotterylab.engine.store import Store
from lotterylab.plan.node import Node
from lotterylab.plan.plan import Plan, Row
from lotterylab.report.standing import standing
from some_plans import CHOSEN, RATE, RUN

LABELS = {"protocol": "p", "activation": "relu", "method": "m", "control": "", "sparsity": 0.0}
STUDY = Plan(
    name="s",
    title="t",
    question="q",
    rows=tuple(
        Row(labels={**LABELS, "seed": seed}, nodes={"train": node, "rate": RATE})
        for seed, node in enumerate((RUN, CHOSEN))
    ),
)


class Counting(Store):
    """A store that counts how often it is asked for each record."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.asked: Counter[str] = Counter()

    def record(self, digest: str) -> Record | None:
        self.asked[digest] += 1
        return super().record(digest)


class CountingSnapshot(Snapshot, Counting):
    """Counts what a snapshot passes on to the store."""


def finish(store: Store, *nodes: Node) -> None:
    with store.lock():
        for node in nodes:
            store.commit(Record(digest=node.digest, kind=type(node).__name__, metrics={"value": 1}, facts={}))


def test_a_snapshot_asks_the_store_for_each_record_once(tmp_path):
    store = Counting(tmp_path)
    store.create()
    finish(store, RUN)
    snapshot = CountingSnapshot(store)
    for digest in (RUN.digest, RATE.digest, RUN.digest, RATE.digest):
        assert (snapshot.record(digest) is None) == (digest == RATE.digest)
    assert set(store.asked.values()) == {1}


def test_a_snapshot_reads_a_manifest_once_however_often_it_is_asked_for(tmp_path, monkeypatch):
    store = Store(tmp_path).create()
    finish(store, RUN)
    snapshot = Snapshot(store)
    reads: list[str] = []
    read = Snapshot._manifest_bytes
    monkeypatch.setattr(Snapshot, "_manifest_bytes", lambda self, digest: reads.append(digest) or read(self, digest))
    assert [RUN.digest in snapshot for _ in range(3)] == [True] * 3
    assert reads == [RUN.digest]
    assert [RATE.digest in snapshot for _ in range(3)] == [False] * 3


def test_results_and_standing_see_what_was_finished_since_they_were_last_asked(tmp_path):
    store = Store(tmp_path).create()
    finish(store, RUN)
    assert [one.missing for one in results(STUDY, store)] == [("rate",), ("train", "rate")]
    assert standing(STUDY, store).done == 1
    finish(store, RATE, CHOSEN)
    assert all(one.complete for one in results(STUDY, store))
    assert standing(STUDY, store).done == 4  # with the two trials of the rate
