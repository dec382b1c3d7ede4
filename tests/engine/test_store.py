"""The store: what is put comes back, damage is named, and whatever is cut off leaves a result or nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lotterylab.engine import upkeep
from lotterylab.engine.records import Record
from lotterylab.engine.store import Store
from lotterylab.engine.verify import verify
from lotterylab.errors import DamageError, RefusedError
from lotterylab.formats import blobs
from lotterylab.formats.blobs import unfinished
from lotterylab.masks import algebra

TENSORS = {"a.weight": torch.arange(6.0).view(2, 3), "b": torch.tensor([True, False])}
RECORD = Record(digest="d" * 64, kind="Train", metrics={"test_accuracy": 0.5, "curves": [1.0]}, facts={"torch": "x"})
KEY = "c" * 64


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store").create()


def leftovers(store: Store) -> list[Path]:
    return [path for path in store.path.rglob("*") if path.name.startswith(".")]


# blobs

dtypes = st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8])
shapes = st.lists(st.integers(0, 4), max_size=4)
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6).filter(
    lambda name: name != "__metadata__"
)


@st.composite
def tensors(draw: st.DrawFn) -> dict[str, Tensor]:
    made = {}
    for name in draw(st.lists(names, max_size=3, unique=True)):
        dtype, generator = draw(dtypes), torch.Generator().manual_seed(draw(st.integers(0, 99)))
        bits = torch.randint(-128, 128, draw(shapes), generator=generator)
        made[name] = (bits > 0) if draw(st.booleans()) else bits.to(dtype)
    return made


@given(tensors())
@settings(max_examples=40, deadline=None)
def test_tensors_come_back_to_the_bit_and_under_the_same_name_whatever_their_order_and_layout(tmp_path_factory, put):
    store = Store(tmp_path_factory.mktemp("store")).create()
    name = store.put(put)
    back = store.get(name)
    assert algebra.digest(back) == algebra.digest(put) and sorted(back) == sorted(put)
    turned = {key: put[key].mT.contiguous().mT if put[key].dim() > 1 else put[key] for key in reversed(put)}
    assert store.put(turned) == name
    assert len(list((store.path / "objects").glob("*/*"))) == 1


def test_nan_infinity_and_negative_zero_keep_their_bits(store):
    odd = torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0, 1e-45])
    assert torch.equal(store.get(store.put({"x": odd}))["x"].view(torch.int32), odd.view(torch.int32))


DAMAGES = {
    "a bit flipped": (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "is damaged"),
    "cut off": (lambda data: data[:-3], "is damaged"),
    "empty": (lambda data: b"", "is damaged"),
    "gone": (None, "was lost"),
}


@pytest.mark.parametrize(("harm", "said"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_blob_is_named_and_never_returned(store, harm, said):
    name = store.put(TENSORS)
    path = store.blob_path(name)
    if harm is None:
        path.unlink()
    else:
        path.write_bytes(harm(path.read_bytes()))
        assert list(map(str, verify(store))) == [f"{path}: its bytes do not match its name"]
    with pytest.raises(DamageError, match=said) as error:
        store.get(name)
    assert str(path) in str(error.value) and error.value.exit_code == 5


# whole or not at all


def test_nothing_is_left_beside_what_was_written(store):
    store.put(TENSORS)
    store.save_partial(RECORD.digest, TENSORS, {"step": 1})
    store.commit(RECORD)
    store.remember_same(KEY, RECORD.digest)
    assert leftovers(store) == []


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_no_other(store, monkeypatch, fails):
    store.commit(RECORD)

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(blobs.os, fails, fail)
        for write in (lambda: store.commit(replace(RECORD, seconds=9.0)), lambda: store.put(TENSORS)):
            with pytest.raises(OSError, match="no space"):
                write()
    assert store.record(RECORD.digest) == RECORD and leftovers(store) == []
    assert list((store.path / "objects").glob("*/*")) == []


WRITER = """
import os, sys, torch
from lotterylab.engine.records import Record
from lotterylab.engine.store import Store
store = Store(sys.argv[1]).create()
print("ready", flush=True)
number = 0
while True:
    blob = store.put({"x": torch.full((50_000,), float(number))})
    store.commit(Record(digest="d" * 64, kind="Train", metrics={"n": number}, facts={}, blobs={"x": blob}))
    store.save_partial("a" * 64, {"x": torch.full((50_000,), float(number))}, {"n": number})
    number += 1
"""


def test_killed_at_any_instant_of_writing_it_holds_one_whole_result_and_one_whole_checkpoint(store):
    for wait in (0.05, 0.11, 0.23):
        command = [sys.executable, "-c", WRITER, str(store.path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as writer:
            assert writer.stdout and writer.stdout.readline() == b"ready\n"
            while not (store.path / "partial" / ("a" * 64) / "checkpoint").is_file():
                time.sleep(0.01)
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(wait)
            writer.kill()
        record, partial = store.record("d" * 64), store.load_partial("a" * 64)
        assert record and partial
        assert float(store.get(record.blobs["x"])["x"][-1]) == record.metrics["n"]
        assert float(partial[0]["x"][-1]) == partial[1]["n"]
        assert list(verify(store)) == []
        store.drop_partial("a" * 64)


# unfinished runs


def test_a_checkpoint_comes_back_with_its_notes_and_goes_with_the_result(store):
    store.save_partial(RECORD.digest, TENSORS, {"step": 7, "metrics": {"train_loss": [0.1]}})
    found = store.load_partial(RECORD.digest)
    assert found and algebra.digest(found[0]) == algebra.digest(TENSORS)
    assert found[1] == {"step": 7, "metrics": {"train_loss": [0.1]}}
    store.commit(RECORD)
    assert store.load_partial(RECORD.digest) is None and not (store.path / "partial" / RECORD.digest).exists()


def test_a_sweep_removes_what_kills_left_and_nothing_else(store):
    from_ledger = replace(RECORD, digest="f" * 64, blobs={"final": "0" * 64})  # trained again for its tensors
    whole = replace(RECORD, blobs={"final": store.put(TENSORS)})
    for record in (whole, from_ledger):
        store.commit(record)
    for digest in (RECORD.digest, from_ledger.digest, "e" * 64):  # killed after its result was there, and before
        store.save_partial(digest, TENSORS, {"step": 7})
    old, young = (store.path / "objects" / f".writing-{name}" for name in ("old", "young"))
    being_written = unfinished(store.path / "partial")
    for file in (old, young, being_written):
        file.write_bytes(b"half")
    os.utime(old, (0, 0))
    upkeep.sweep(store)
    assert store.load_partial(RECORD.digest) is None
    assert store.load_partial("e" * 64) and store.load_partial(from_ledger.digest)
    assert sorted(leftovers(store)) == [young, being_written] and store.record(RECORD.digest) == whole


def test_two_processes_may_save_and_drop_one_checkpoint_without_an_error(store):
    """A worker that outlives its killed parent finishes the run that a new worker is training again."""
    script = (
        "import sys, time; from lotterylab.engine.store import Store; store = Store(sys.argv[1]); print(flush=True)\n"
        "while True: store.drop_partial('e' * 64); time.sleep(0.002)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(store.path)], stdout=subprocess.PIPE) as other:
        assert other.stdout and other.stdout.readline()
        try:
            for step in range(150):
                store.save_partial("e" * 64, TENSORS, {"step": step})
                found = store.load_partial("e" * 64)
                assert found is None or found[1] == {"step": step}
        finally:
            other.kill()


def test_one_who_only_looks_who_computes_refuses_nobody(store):
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            store.lock().holder()

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(50):
            with store.lock():
                pass
    finally:
        stop.set()
        looking.join()


def test_a_stray_file_among_the_runs_is_no_result(store):
    (store.path / "runs" / ".DS_Store").write_text("")
    assert list(store.records()) == [] and list(verify(store)) == []


@pytest.mark.parametrize("cut", [0, 4, 8, 30, -1])
def test_a_damaged_checkpoint_counts_as_none(store, cut):
    store.save_partial(RECORD.digest, TENSORS, {"step": 7})
    path = store.path / "partial" / RECORD.digest / "checkpoint"
    path.write_bytes(path.read_bytes()[:cut])
    assert store.load_partial(RECORD.digest) is None


def test_the_index_of_equal_content_gives_the_record_or_nothing(store):
    assert store.same(KEY) is None
    store.remember_same(KEY, RECORD.digest)
    assert store.same(KEY) is None  # the result it names is gone
    store.commit(RECORD)
    assert store.same(KEY) == RECORD


# who may

HOLDER = """
import sys, time
from lotterylab.engine.store import Store
from lotterylab.masks import algebra
with Store(sys.argv[1]).lock():
    print("held", flush=True)
    time.sleep(600)
"""


def test_while_another_process_computes_the_lock_is_refused_and_free_as_soon_as_that_is_killed(store):
    command = [sys.executable, "-c", HOLDER, str(store.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        with pytest.raises(RefusedError, match=f"in use by process {holder.pid}") as refused, store.lock():
            pass
        assert refused.value.exit_code == 6
        assert Store(store.path).record(RECORD.digest) is None  # reading needs no lock
        holder.kill()
    with store.lock():
        assert (store.path / "lock").read_text() == f"process {os.getpid()}"
    with store.lock():
        pass
