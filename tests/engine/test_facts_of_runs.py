"""Facts on when and by which code a result was computed: kept with it, and never compared."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import lotterylab
from lotterylab.commands.again import said
from lotterylab.engine.again import Again
from lotterylab.engine.facts import OF_THE_RUN, source_hash
from lotterylab.engine.here import run_here
from lotterylab.engine.ledger import bring_in, export, otherwise, read
from lotterylab.engine.lines import line_record
from lotterylab.engine.local import run
from lotterylab.engine.records import Record
from lotterylab.engine.store import Store
from some_plans import RUN

PACKAGE = Path(lotterylab.__file__).parent
ASKED = {"study": "some-study", "claims": "ab" * 8}


def by_hand(package: Path) -> str:
    """The hash of a package's sources, from a list of strings."""
    names = sorted(os.path.relpath(f"{top}/{name}", package) for top, _, files in os.walk(package) for name in files)
    parts = [(name.encode(), (package / name).read_bytes()) for name in names if name.endswith(".py")]
    return hashlib.sha256(b"".join(name + b" %d\n" % len(data) + data for name, data in parts)).hexdigest()[:16]


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    """A store in which a worker has computed the run of a study."""
    store = Store(tmp_path_factory.mktemp("workers") / "store")
    assert not run([RUN], store, workers=1, study_facts=ASKED).failed
    return store


@pytest.fixture
def record(store) -> Record:
    record = store.record(RUN.digest)
    assert record
    return record


def aged(record: Record, **facts: str) -> Record:
    """The record as a version wrote it that knew none of these facts, or other ones."""
    return replace(
        record, facts={**{name: fact for name, fact in record.facts.items() if name not in OF_THE_RUN}, **facts}
    )


def test_a_worker_notes_its_source_and_the_study_and_its_claims(record):
    assert {name: record.facts[name] for name in ("study", "claims", "source", "lotterylab")} == {
        **ASKED,
        "source": by_hand(PACKAGE),
        "lotterylab": lotterylab.__version__,
    }
    assert RUN.digest == record.digest and "started" not in record.spec


def test_the_start_is_a_time_in_utc_to_the_second(tmp_path):
    before = datetime.now(UTC).replace(microsecond=0)
    store = Store(tmp_path / "store")
    run_here([RUN], store)
    times = [record.facts["started"] for record in store.records()]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time) for time in times)
    assert all(before <= datetime.fromisoformat(time) <= datetime.now(UTC) for time in times)
    assert len(times) == 3 and not any(
        "study" in record.facts or "claims" in record.facts for record in store.records()
    )


def test_the_same_files_have_the_same_hash_wherever_they_lie(tmp_path):
    there = tmp_path / "site-packages" / "lotterylab"
    shutil.copytree(PACKAGE, there, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (there / "__pycache__" / "rng.cpython-311.pyc", there / "notes.txt"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("not a source")
    (there / ".#rng.py").symlink_to("nobody@nowhere.1234")  # an editor's lock
    assert source_hash(there) == source_hash() == by_hand(PACKAGE)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "rng.py").write_text("# another\n"),
        lambda folder: (folder / "rng.py").rename(folder / "draws.py"),
        lambda folder: (folder / "data" / "more.py").touch(),
        lambda folder: (folder / "rng.py").unlink(),
    ],
    ids=["bytes", "name", "more", "fewer"],
)
def test_other_files_have_another_hash(change, tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "lotterylab", ignore=shutil.ignore_patterns("__pycache__"))
    change(tmp_path / "lotterylab")
    assert source_hash(tmp_path / "lotterylab") != source_hash()


def test_a_repetition_with_the_same_numbers_keeps_the_start_and_the_claims_of_the_first(record, tmp_path):
    path, again = tmp_path / "ledger.jsonl", Store(tmp_path / "store").create()
    first = aged(record, started="2020-01-01T00:00:00Z", claims="cd" * 8, study="some-study")
    path.write_text(f"{first.line()}\n")
    again.commit(record)
    assert otherwise([RUN], again, path) == []
    export([RUN], again, path)
    (kept,) = read(path)
    assert {name: kept.facts.get(name) for name in OF_THE_RUN} == {name: first.facts.get(name) for name in OF_THE_RUN}
    assert kept.facts["torch"] == record.facts["torch"] and kept.blobs == record.blobs


def test_a_repetition_with_other_numbers_has_its_own_start(record, tmp_path):
    path, again = tmp_path / "ledger.jsonl", Store(tmp_path / "store").create()
    path.write_text(f"{aged(record).line()}\n")
    again.commit(replace(record, metrics={**record.metrics, "test_loss": 0.5}))
    export([RUN], again, path)
    assert read(path)[0].facts == record.facts


def test_ledgers_of_two_versions_are_read_and_merged(store, record, tmp_path):
    """An older line lacks the facts, and still does after new lines have come."""
    old, path = aged(record), tmp_path / "ledger.jsonl"
    path.write_text(f"{old.line()}\n")
    empty = Store(tmp_path / "empty")
    assert bring_in(path, empty) == 1 and empty.record(RUN.digest) == old
    assert export([RUN], store, path) == 3
    merged = {line.digest: line for line in read(path)}
    assert merged.pop(RUN.digest).facts == old.facts
    assert all(line.facts["claims"] == ASKED["claims"] for line in merged.values())
    assert (
        line_record(old.line().encode(), RUN.digest) == old
        and line_record(record.line().encode(), RUN.digest) == record
    )


def test_again_compares_bits_and_names_other_sources_where_they_may_be_the_reason(record):
    old = aged(record, started="2020-01-01T00:00:00Z", source="0" * 16, lotterylab="0.0.9")
    assert Again(old, record).same and Again(old, record).facts == {}
    assert "source" not in "\n".join(said(Again(old, record)))
    worse = replace(old, metrics={**old.metrics, "test_accuracy": 0.0})
    text = "\n".join(said(Again(worse, record)))
    assert (
        f"  source: {'0' * 16} in the ledger, {record.facts['source']} here" in text and "0.0.9 in the ledger" in text
    )
    assert Again(aged(record), record).code == {}
