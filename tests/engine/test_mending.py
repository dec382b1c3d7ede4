"""Damage in a store: a run sets it aside, computes what it held again, and ends with the bits of an undamaged one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lotterylab.engine import local
from lotterylab.engine.here import run_here
from lotterylab.engine.schedule import all_tasks
from lotterylab.engine.store import Store
from lotterylab.engine.verify import repair, verify
from lotterylab.errors import RefusedError
from lotterylab.plan.nodes import Node
from some_plans import CHOSEN, FAR, INIT, MAGNITUDE, RUN, TICKET, hashes

TARGETS = list(all_tasks([FAR, CHOSEN]).values())


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Store:
    store = Store(tmp_path_factory.mktemp("whole") / "store")
    assert run_here(TARGETS, store).failed == {}
    return store


@pytest.fixture
def store(whole, tmp_path: Path) -> Store:
    shutil.copytree(whole.path, tmp_path / "store")
    return Store(tmp_path / "store")


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(data)


def blob(store: Store, node: Node, part: str) -> Path:
    record = store.record(node.digest)
    assert record
    return store.blob_path(record.blobs[part])


def forgotten(store: Store, *nodes: Node) -> None:
    for node in nodes:
        store.forget(node.digest)


HARMS: dict[str, Callable[[Path], object]] = {
    "flipped": flip,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-5]),
    "emptied": lambda path: path.write_bytes(b""),
    "deleted": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "a link to itself": lambda path: (path.unlink(), path.symlink_to(path.name)),
    "holes": lambda path: os.truncate(path, 2**27),
    "a link to nothing": lambda path: (path.unlink(), path.symlink_to("nowhere")),
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_a_damaged_blob_is_computed_again_when_a_missing_task_needs_it(store, whole, harm):
    forgotten(store, TICKET, FAR)
    harm(blob(store, INIT, "state"))
    harm(blob(store, MAGNITUDE, "mask"))
    summary = run_here(TARGETS, store)
    assert summary.failed == {} and summary.skipped == 0
    assert hashes(store) == hashes(whole) and not list(verify(store))


def test_workers_do_the_same_and_it_is_said(store, whole):
    forgotten(store, TICKET, FAR)
    path = blob(store, INIT, "state")
    flip(path)
    summary = local.run(TARGETS, store, workers=2)
    assert summary.failed == {} and hashes(store) == hashes(whole) and not list(verify(store))
    (sentence,) = store.files.moved
    assert str(path) in sentence and "quarantine" in sentence
    assert len(list((store.path / "quarantine").iterdir())) == 1


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
@pytest.mark.parametrize("node", [RUN, FAR, CHOSEN], ids=lambda node: type(node).__name__)
def test_a_damaged_manifest_stops_only_what_needs_it_and_comes_back(store, whole, harm, node):
    path = store.path / "runs" / node.digest / "manifest"
    harm(path)
    assert Store(store.path).record(node.digest) is None
    assert Store(store.path).record(INIT.digest) == whole.record(INIT.digest)
    summary = run_here(TARGETS, store)
    assert summary.failed == {} and hashes(store) == hashes(whole) and not list(verify(store))
    assert bool(store.files.moved) == (harm not in (HARMS["deleted"], HARMS["a link to nothing"]))


@pytest.mark.parametrize("name", ["objects", "runs", "partial", "same", "failed"])
def test_a_file_in_the_place_of_a_folder_is_set_aside(store, whole, name):
    shutil.rmtree(store.path / name)
    (store.path / name).write_text("stray")
    assert list(verify(store)) or name not in ("objects", "runs")
    summary = run_here(TARGETS, store)
    assert summary.failed == {} and hashes(store) == hashes(whole)
    assert not [damage for damage in verify(store) if "has lost" not in damage.what], "the numbers are whole"


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_verify_finds_what_is_damaged_and_repair_leaves_a_clean_store_that_a_run_completes(store, whole, harm):
    harmed = [
        blob(store, RUN, "final"),
        store.path / "runs" / TICKET.digest / "manifest",
        next((store.path / "same").iterdir()),
        store.path / "format.json",
    ]
    for path in harmed:
        harm(path)
    damaged = Store(store.path)
    found = {damage.path for damage in verify(damaged)}
    lost = {store.path / "runs" / RUN.digest / "manifest"}
    gone = {path for path in harmed if not os.path.lexists(path)}
    assert found - lost == {*harmed} - gone | ({harmed[3]} & gone)
    with damaged.create().lock():
        repair(damaged, list(verify(damaged)))
    assert not list(verify(Store(store.path)))
    assert Store(store.path).record(RUN.digest) == whole.record(RUN.digest), "its numbers are whole"
    assert run_here(TARGETS, Store(store.path)).failed == {}
    assert hashes(Store(store.path)) == hashes(whole)


def test_damage_that_comes_back_each_time_ends_as_a_failure(store, monkeypatch):
    forgotten(store, MAGNITUDE, TICKET, FAR)
    put = Store.put

    def put_badly(self: Store, tensors: dict) -> str:
        name = put(self, tensors)
        if self.blob_path(name) == path:
            flip(path)
        return name

    path = blob(store, RUN, "final")
    flip(path)
    monkeypatch.setattr(Store, "put", put_badly)
    summary = run_here([FAR], store)
    assert "is damaged" in summary.failed[MAGNITUDE.digest] and summary.skipped


STRANGERS = {
    "a pipe": os.mkfifo,
    "a file": lambda path: path.write_text("stray"),
    "a link out": lambda path: path.symlink_to(path.parents[2]),
    "a link to itself": lambda path: path.symlink_to(path.name),
}


@pytest.mark.parametrize("make", STRANGERS.values(), ids=STRANGERS)
@pytest.mark.parametrize("place", ["partial", "runs", "objects"])
def test_something_else_in_the_place_of_a_folder_within_is_set_aside_or_refused_and_nothing_hangs(store, make, place):
    beside = store.path.parent / "thesis.txt"
    beside.write_text("years of work")
    path = store.path / place / (blob(store, RUN, "final").parent.name if place == "objects" else RUN.digest)
    shutil.rmtree(path, ignore_errors=True)
    make(path)
    try:
        run_here(TARGETS, Store(store.path))
    except RefusedError as error:
        assert "is a link" in str(error)
    repair(store, list(verify(store)))
    assert run_here(TARGETS, Store(store.path)).failed == {} and not list(verify(store))
    assert beside.read_text() == "years of work"
