"""A ledger: a study's records as lines that can be committed, and a study that goes on from them elsewhere."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from lotterylab.engine.ledger import bring_in, export, keep_needed, otherwise, read
from lotterylab.engine.records import Record
from lotterylab.engine.store import Store
from lotterylab.engine.verify import verify
from lotterylab.errors import UsageError
from some_plans import FAR, INIT, MAGNITUDE, RUN, TICKET, compute, hashes


@pytest.fixture(scope="module")
def computed(tmp_path_factory) -> Store:
    store = Store(tmp_path_factory.mktemp("computed"))
    compute([FAR], store)
    return store


@pytest.fixture
def empty(tmp_path: Path) -> Store:
    return Store(tmp_path / "elsewhere")


def test_it_holds_every_task_behind_the_targets_in_an_order_that_never_changes(computed, tmp_path):
    first, second = tmp_path / "deep" / "ledger.jsonl", tmp_path / "again.jsonl"
    assert export([FAR], computed, first) == len(list(computed.records())) == export([FAR, RUN], computed, second)
    assert first.read_bytes() == second.read_bytes()
    assert {record.digest: record for record in read(first)} == {one.digest: one for one in computed.records()}
    assert export([RUN.final], computed, tmp_path / "part") == 3


def test_what_is_not_finished_is_left_out_and_what_the_file_has_stays(computed, empty, tmp_path):
    path = tmp_path / "ledger.jsonl"
    assert export([FAR], empty, path) == 0 and read(path) == []
    export([RUN], computed, path)
    assert export([FAR], empty.create(), path) == 3  # nothing is in this store, but in the file
    assert export([FAR], computed, path) == len(list(computed.records()))


def test_a_newer_record_replaces_the_one_in_the_file(computed, empty, tmp_path):
    path = tmp_path / "ledger.jsonl"
    export([RUN], computed, path)
    record = computed.record(RUN.digest)
    assert record
    empty.create().commit(replace(record, seconds=12345.0))
    export([RUN], empty, path)
    assert [one.seconds for one in read(path) if one.digest == RUN.digest] == [12345.0]


def test_one_of_another_machine_stays_as_it_is(computed, empty, tmp_path):
    """What was made of it was made of that one."""
    path = tmp_path / "ledger.jsonl"
    export([RUN], computed, path)
    record = computed.record(RUN.digest)
    assert record
    elsewhere = {**record.facts, "processor": "another"}
    empty.create().commit(replace(record, facts=elsewhere, metrics={**record.metrics, "test_accuracy": 0.123}))
    (found,) = otherwise([RUN], empty, path)
    assert found.known == record and not found.under_equal_facts
    assert found.gap == abs(record.metrics["test_accuracy"] - 0.123)
    export([RUN], empty, path)
    assert {one.digest: one for one in read(path)}[RUN.digest] == record


def test_other_bits_under_equal_facts_are_told_from_those_of_another_machine(computed, empty, tmp_path):
    path = tmp_path / "ledger.jsonl"
    export([RUN], computed, path)
    assert otherwise([RUN], computed, path) == []
    record = computed.record(RUN.digest)
    assert record
    measured_since = {**record.metrics, "new": 1.0}
    empty.create().commit(replace(record, seconds=1.0, metrics=measured_since))
    assert otherwise([RUN], empty, path) == [], "seconds, and what was not measured before, are no difference"
    empty.commit(replace(record, metrics={**record.metrics, "test_loss": 0.5}))
    (found,) = otherwise([RUN], empty, path)
    assert found.under_equal_facts and found.gap == 0


def test_a_study_goes_on_from_it_in_an_empty_store_to_the_same_bits(computed, empty, tmp_path):
    path = tmp_path / "ledger.jsonl"
    export([RUN], computed, path)
    assert bring_in(path, empty) == 3 and bring_in(path, empty) == 0
    assert compute([RUN], empty) == []  # its numbers are known
    assert set(compute([FAR], empty)) > {INIT, RUN, MAGNITUDE, TICKET}  # its tensors are not
    assert hashes(empty) == hashes(computed)


def test_with_all_of_it_nothing_is_computed_again(computed, empty, tmp_path):
    export([FAR], computed, tmp_path / "ledger")
    bring_in(tmp_path / "ledger", empty)
    assert compute([FAR], empty) == [] and hashes(empty) == hashes(computed)
    assert not list((empty.path / "objects").glob("*/*"))


def test_what_the_store_has_is_not_overwritten(computed, empty, tmp_path):
    export([RUN], computed, tmp_path / "ledger")
    own = Record(digest=RUN.digest, kind="Train", metrics={"mine": 1}, facts={})
    empty.create().commit(own)
    assert bring_in(tmp_path / "ledger", empty) == 2 and empty.record(RUN.digest) == own


@pytest.mark.parametrize(
    "harm",
    [
        lambda line: line.replace('"test_accuracy":0.', '"test_accuracy":1.'),
        lambda line: line[:-1],
        lambda line: "0" * 16 + line[16:],
        lambda line: "",
        lambda line: line + " ",
    ],
    ids=["a number", "cut off", "its checksum", "empty", "a space"],
)
def test_a_damaged_line_is_named_and_nothing_of_the_file_is_brought_in(computed, empty, tmp_path, harm):
    path = tmp_path / "ledger"
    export([RUN], computed, path)
    lines = path.read_text().splitlines()
    number = next(i for i, line in enumerate(lines) if RUN.digest in line and '"kind":"Train"' in line)
    assert harm(lines[number]) != lines[number]
    path.write_text("\n".join([*lines[:number], harm(lines[number]), *lines[number + 1 :]]) + "\n")
    with pytest.raises(UsageError, match=f"line {number + 1}, is damaged"):
        bring_in(path, empty)
    assert not empty.path.exists()


def test_a_ledger_that_is_not_there_is_named(empty, tmp_path):
    with pytest.raises(UsageError, match=r"no ledger .*nowhere\.jsonl"):
        bring_in(tmp_path / "nowhere.jsonl", empty)


def test_several_processes_may_add_to_one_ledger(computed, tmp_path):
    """Each reads what the other has written, however they meet."""
    path = tmp_path / "ledger.jsonl"
    records = list(computed.records())
    with ThreadPoolExecutor(len(records)) as pool:
        stores = [Store(tmp_path / f"store-{number}").create() for number in range(len(records))]
        for store, record in zip(stores, records, strict=True):
            store.commit(record)
        list(pool.map(lambda store: export([FAR], store, path), stores))
    assert {record.digest for record in read(path)} == {record.digest for record in records}


def test_a_link_stays_one_and_what_it_points_to_is_written(computed, tmp_path):
    target, link = tmp_path / "real.jsonl", tmp_path / "link.jsonl"
    target.touch()
    link.symlink_to(target)
    assert export([RUN], computed, link) == 3
    assert link.is_symlink() and len(read(target)) == 3


def test_what_is_finished_here_wins_over_the_ledger(computed, empty, tmp_path):
    path = tmp_path / "ledger.jsonl"
    export([RUN], computed, path)
    bring_in(path, empty)
    empty.create()
    for record in read(path):  # another process finishes all of them after the ledger was read
        Store(empty.path).commit(replace(record, seconds=12345.0))
    assert {record.seconds for record in empty.records()} == {12345.0}


def test_reading_a_ledger_writes_nothing_and_what_a_plan_needs_is_kept_in_one_file(computed, empty, tmp_path):
    path = tmp_path / "ledger.jsonl"
    export([FAR], computed, path)
    bring_in(path, empty)
    assert not empty.path.exists() and empty.record(RUN.digest) == computed.record(RUN.digest)
    keep_needed([RUN], empty.create())
    elsewhere = Store(empty.path)
    assert {record.digest for record in elsewhere.records()} == {record.digest for record in read(path)} & {
        record.digest for record in elsewhere.records()
    }
    assert len(list(elsewhere.records())) == 3 and not list(verify(elsewhere))
    assert not any((empty.path / "runs").iterdir())


LEDGERS = sorted((Path(__file__).parents[2] / "results").glob("*/ledger*.jsonl"))


@pytest.mark.parametrize("path", LEDGERS, ids=lambda path: path.parent.name)
def test_every_committed_ledger_passes_and_comes_back_to_the_byte(path):
    assert "".join(f"{record.line()}\n" for record in read(path)) == path.read_text()


def test_there_are_committed_ledgers():
    assert len(LEDGERS) >= 8
