"""Garbage, the index, and a study as one file that another store takes in."""

from __future__ import annotations

import io
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from lotterylab.engine.bundle import read_bundle, write_bundle
from lotterylab.engine.files import sealed
from lotterylab.engine.here import run_here
from lotterylab.engine.ledger import bring_in, export
from lotterylab.engine.store import Store
from lotterylab.engine.upkeep import collect, garbage, reindex
from lotterylab.engine.verify import verify
from lotterylab.errors import RefusedError, UsageError
from some_plans import FAR, INIT, RUN, TICKET, TWIN, hashes

TARGETS = [FAR, TWIN]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Store:
    store = Store(tmp_path_factory.mktemp("whole") / "store")
    assert run_here(TARGETS, store).failed == {}
    return store


@pytest.fixture
def store(whole, tmp_path: Path) -> Store:
    shutil.copytree(whole.path, tmp_path / "store")
    return Store(tmp_path / "store")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Store:
    return Store(tmp_path / "elsewhere").create()


def test_a_store_in_use_has_no_garbage(store):
    assert list(garbage(store)) == [] == collect(store)


def test_what_no_result_names_goes_and_all_else_stays(store, whole):
    record = store.record(RUN.digest)
    assert record
    store.forget(RUN.digest)
    store.remember_failure(INIT.digest, "an earlier try", "")
    store.files.set_aside(store.path / "same" / next(iter((store.path / "same").iterdir())).name, "a test")
    before = [item.path for item in garbage(store)]
    assert {path.parent.parent.name for path in before} == {"objects", store.path.name}
    assert {store.blob_path(blob) for blob in record.blobs.values()} <= {*before}
    removed = collect(store)
    assert [item.path for item in removed] == before and all(item.bytes for item in removed)
    assert not list(garbage(store)) and not list(verify(store))
    assert run_here([*TARGETS, RUN], store).failed == {} and hashes(store) == hashes(whole)


def test_the_index_is_built_again_and_finds_the_same_runs(store):
    entries = {path.name: path.read_bytes() for path in (store.path / "same").iterdir()}
    shutil.rmtree(store.path / "same")
    assert reindex(store) == len(entries)
    assert {path.name: path.read_bytes() for path in (store.path / "same").iterdir()} == entries


def test_a_study_goes_into_one_file_and_out_of_it_to_the_bit(whole, elsewhere, tmp_path):
    counts = write_bundle(TARGETS, whole, tmp_path / "study.tar")
    again = write_bundle(reversed(TARGETS), whole, tmp_path / "again.tar")
    assert counts == again and counts.results == len(list(whole.records()))
    assert (tmp_path / "study.tar").read_bytes() == (tmp_path / "again.tar").read_bytes()
    assert read_bundle(tmp_path / "study.tar", elsewhere) == counts
    assert hashes(elsewhere) == hashes(whole) and not list(verify(elsewhere))
    assert read_bundle(tmp_path / "study.tar", elsewhere).results == 0, "what is here is not taken again"
    assert run_here(TARGETS, elsewhere).done == 0


def test_results_without_tensors_travel_as_numbers(whole, elsewhere, tmp_path):
    export([RUN], whole, tmp_path / "ledger")
    numbers = Store(tmp_path / "numbers")
    bring_in(tmp_path / "ledger", numbers)
    write_bundle([RUN], numbers, tmp_path / "study.tar")
    assert read_bundle(tmp_path / "study.tar", elsewhere).blobs == 0
    assert elsewhere.record(RUN.digest) == whole.record(RUN.digest) and not list(verify(elsewhere))


def test_what_the_store_has_stays_as_it_is(whole, elsewhere, tmp_path):
    write_bundle([RUN], whole, tmp_path / "study.tar")
    record = whole.record(RUN.digest)
    assert record
    for blob in record.blobs.values():
        elsewhere.put_bytes(whole.get_bytes(blob))
    mine = replace(record, seconds=12345.0)
    elsewhere.commit(mine)
    read_bundle(tmp_path / "study.tar", elsewhere)
    assert elsewhere.record(RUN.digest) == mine


def test_an_empty_study_is_refused(elsewhere, tmp_path):
    with pytest.raises(UsageError, match="no finished result"):
        write_bundle([RUN], elsewhere, tmp_path / "study.tar")
    assert not (tmp_path / "study.tar").exists()


# what a stranger may send


def test_a_flipped_bit_anywhere_is_found_or_harmless(whole, elsewhere, tmp_path):
    path = tmp_path / "study.tar"
    write_bundle([INIT], whole, path)
    data, found = path.read_bytes(), 0
    for place in range(0, len(data), 13):
        path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        target = Store(tmp_path / f"at-{place}").create()
        try:
            read_bundle(path, target)
        except (UsageError, RefusedError):
            found += 1
        record = target.record(INIT.digest)
        assert record in (None, whole.record(INIT.digest)) and not list(verify(target))
    assert found > 10


@pytest.mark.parametrize("size", [0, 1, 511, 512, 1200, 3000])
def test_a_cut_file_leaves_a_store_that_is_whole(whole, elsewhere, tmp_path, size):
    path = tmp_path / "study.tar"
    write_bundle(TARGETS, whole, path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(UsageError, match=r"study\.tar"):
        read_bundle(path, elsewhere)
    assert not list(verify(elsewhere))


def member(name: str, data: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


STRANGERS = {
    "a path out": member("../../victim", b"x"),
    "an absolute path": member("/nowhere/victim", b"x"),
    "an object with a path": member("objects/../../victim", b"x"),
    "a link": member("objects/link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "a hard link": member("objects/link", type=tarfile.LNKTYPE, linkname="ledger.jsonl"),
    "a device": member("objects/null", type=tarfile.CHRTYPE),
    "a pipe": member("objects/pipe", type=tarfile.FIFOTYPE),
    "a folder": member("objects", type=tarfile.DIRTYPE),
    "another file": member("notes.txt", b"x"),
    "a blob of another name": member("objects/" + "0" * 64, b"x"),
    "an endless size": member("objects/" + "0" * 64, b"", size=2**40),
}


@pytest.mark.parametrize(("info", "data"), STRANGERS.values(), ids=STRANGERS)
def test_nothing_else_is_taken_out_of_it(whole, elsewhere, tmp_path, info, data):
    write_bundle([INIT], whole, tmp_path / "good.tar")
    path = tmp_path / "study.tar"
    with tarfile.open(tmp_path / "good.tar") as good, tarfile.open(path, "w") as tar:
        for one in good:
            tar.addfile(one, good.extractfile(one))
        tar.offset += 0
        tar.fileobj.write(info.tobuf())  # type: ignore[union-attr]
        tar.fileobj.write(data.ljust(512, b"\0") if data else b"")  # type: ignore[union-attr]
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError, match=r"study\.tar"):
        read_bundle(path, elsewhere)
    assert sorted(tmp_path.iterdir()) == before and not list(verify(elsewhere))


def test_a_newer_bundle_and_a_file_of_another_kind_are_refused(elsewhere, tmp_path):
    path = tmp_path / "study.tar"
    with tarfile.open(path, "w") as tar:
        info, data = member("bundle.json", sealed({"format": 2, "records": 0, "ledger": ""}))
        tar.addfile(info, io.BytesIO(data))
    with pytest.raises(RefusedError, match="format 2"):
        read_bundle(path, elsewhere)
    path.write_bytes(b"\x1f\x8b" + b"\0" * 2000)
    with pytest.raises(UsageError, match="not a whole bundle"):
        read_bundle(path, elsewhere)
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UsageError):
            read_bundle(place, elsewhere)


def test_a_twin_is_found_after_an_import(whole, elsewhere, tmp_path):
    write_bundle([TICKET], whole, tmp_path / "study.tar")
    read_bundle(tmp_path / "study.tar", elsewhere)
    reindex(elsewhere)
    assert run_here([TWIN], elsewhere).failed == {}
    twin = elsewhere.record(TWIN.digest)
    assert twin and twin.same_as in (TICKET.digest, "") and hashes(elsewhere)[TWIN.digest] == hashes(whole)[TWIN.digest]
