"""Records, the index and the version of a store: compared with their checksums and names, noted and repaired."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lotterylab.engine import upkeep
from lotterylab.engine.files import sealed
from lotterylab.engine.layout import FORMAT
from lotterylab.engine.records import Record
from lotterylab.engine.store import Store
from lotterylab.engine.upkeep import reindex
from lotterylab.engine.verify import repair, verify
from lotterylab.errors import RefusedError

TENSORS = {"a.weight": torch.arange(6.0).view(2, 3), "b": torch.tensor([True, False])}
RECORD = Record(digest="d" * 64, kind="Train", metrics={"test_accuracy": 0.5, "curves": [1.0]}, facts={"torch": "x"})
KEY = "c" * 64


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store").create()


def test_a_record_comes_back_as_it_was_with_null_for_what_is_not_finite(store):
    store.commit(RECORD)
    assert RECORD.digest in store and store.record(RECORD.digest) == RECORD == next(store.records())
    store.commit(replace(RECORD, metrics={"loss": float("nan"), "curve": (1, float("inf"))}))
    found = store.record(RECORD.digest)
    assert found and found.metrics == {"loss": None, "curve": [1, None]}
    assert store.record("e" * 64) is None and "e" * 64 not in store


@pytest.mark.parametrize("text", [b"", b"{", b'{"digest": 1}', b"[1]", b"null", b"\xff\xfe"])
def test_a_damaged_manifest_counts_as_absent_and_is_noted(store, text):
    store.commit(RECORD)
    manifest = store.path / "runs" / RECORD.digest / "manifest"
    manifest.write_bytes(text)
    assert store.record(RECORD.digest) is None and RECORD.digest not in store and list(store.records()) == []
    assert list(store.damage) == [manifest] == [damage.path for damage in verify(store)]


def test_a_flipped_bit_anywhere_in_a_manifest_is_noticed(store):
    store.commit(RECORD)
    manifest = store.path / "runs" / RECORD.digest / "manifest"
    whole = manifest.read_bytes()
    for place in range(len(whole)):
        manifest.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert Store(store.path).record(RECORD.digest) is None
        assert [damage.path for damage in verify(store)] == [manifest]


def test_a_manifest_under_another_name_is_no_result(store):
    other = replace(RECORD, digest="e" * 64, metrics={"test_accuracy": 0.9})
    for record in (RECORD, other):
        store.commit(record)
    one, two = (store.path / "runs" / record.digest / "manifest" for record in (RECORD, other))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    assert store.record(RECORD.digest) is None and store.record(other.digest) is None
    assert {damage.path for damage in verify(store)} == {one, two}


def test_a_record_of_a_newer_version_is_refused_and_is_no_damage(store):
    store.commit(RECORD)
    line = sealed_line({**json.loads(RECORD.line()[17:]), "from_the_future": 1})
    manifest = store.path / "runs" / RECORD.digest / "manifest"
    manifest.write_text(line)
    with pytest.raises(RefusedError, match=r"written by a newer version.*from_the_future"):
        store.record(RECORD.digest)
    repair(store, verify(store))
    assert not list(verify(store)) and manifest.read_text() == line
    assert store.record("e" * 64) is None, "what does not need it goes on"


def sealed_line(values: dict[str, object]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return f"{hashlib.sha256(text.encode()).hexdigest()[:16]} {text}"


def test_a_result_that_has_lost_tensors_is_damage_and_one_from_a_ledger_is_not(store):
    here, lost = store.put(TENSORS), "f" * 64
    store.commit(replace(RECORD, blobs={"final": here, "best": lost}))
    assert ["has lost best" in str(damage) for damage in verify(store)] == [True]
    store.commit(replace(RECORD, blobs={"final": lost}))
    assert ["has lost final" in str(damage) for damage in verify(store)] == [True]
    repair(store, list(verify(store)))
    assert not list(verify(store))
    found = store.record(RECORD.digest)
    assert found and found.metrics == RECORD.metrics, "its numbers are kept"
    store.keep_known([replace(RECORD, digest="e" * 64, blobs={"final": lost})])
    assert list(verify(store)) == []


def test_an_entry_of_the_index_under_another_key_gives_nothing(store):
    other, key = replace(RECORD, digest="e" * 64), "1" * 64
    for record, name in ((RECORD, KEY), (other, key)):
        store.commit(record)
        store.remember_same(name, record.digest)
    one, two = store.path / "same" / KEY, store.path / "same" / key
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    assert store.same(KEY) is None and store.same(key) is None
    assert {damage.path for damage in verify(store)} == {one, two}
    assert reindex(store) == 0 and not list(verify(store)), "these records do not say their keys"
    store.commit(replace(RECORD, key=KEY))
    assert reindex(store) == 1 and store.same(KEY) == replace(RECORD, key=KEY)


@pytest.mark.parametrize("sealed_too", [True, False])
def test_a_newer_store_is_refused(store, sealed_too):
    newer = {"format": FORMAT + 1}
    (store.path / "format.json").write_bytes(sealed(newer) if sealed_too else json.dumps(newer).encode())
    with pytest.raises(RefusedError, match=f"has format {FORMAT + 1}.*Use a newer lotterylab") as refused:
        Store(store.path)
    assert refused.value.exit_code == 6


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "x"}', '{"format": 2}', "\0", "[" * 100_000])
def test_a_damaged_format_is_found_and_written_anew(store, text):
    store.commit(RECORD)
    file = store.path / "format.json"
    file.write_text(text)
    damaged = Store(store.path)
    assert damaged.record(RECORD.digest) == RECORD, "reading goes on"
    assert [damage.path for damage in verify(damaged)] == [file]
    upkeep.sweep(damaged.create())
    assert not list(verify(Store(store.path))) and Store(store.path).format == FORMAT


def test_one_who_looked_before_there_was_a_store_does_not_take_it_for_an_older_one(tmp_path):
    early = Store(tmp_path / "store")
    store = Store(tmp_path / "store").create()
    store.commit(RECORD)
    store.save_partial("e" * 64, TENSORS, {"step": 1})
    assert not list(verify(early))
    upkeep.sweep(early.create())
    assert early.format == FORMAT and early.load_partial("e" * 64) and early.record(RECORD.digest) == RECORD


def test_a_name_in_a_store_forges_no_line_of_verify(store):
    (store.path / "runs" / "x\nAll blobs and manifests are whole.\x1b[2J").mkdir()
    (line,) = map(str, verify(store))
    assert line.isprintable() and "\\n" in line
    repair(store, verify(store))
    assert all(sentence.isprintable() for sentence in store.files.moved) and not list(verify(store))
