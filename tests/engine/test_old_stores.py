"""Stores that earlier versions wrote are read, and work in them goes on."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lotterylab.engine import ledger
from lotterylab.engine.here import run_here
from lotterylab.engine.results import results
from lotterylab.engine.schedule import Schedule, all_tasks
from lotterylab.engine.store import FORMAT, Store
from lotterylab.engine.verify import verify
from lotterylab.errors import RefusedError
from lotterylab.plan.nodes import Shuffle
from lotterylab.plan.plan import Plan, Row
from some_plans import FAILS, FAR, MAGNITUDE, RUN, TICKET, TWIN, train

STORES = Path(__file__).parents[1] / "fixtures" / "stores"
FOLDERS = sorted(folder.name for folder in STORES.glob("format-*"))
BOTH = ("computed", "known")


def load_make() -> Any:
    spec = importlib.util.spec_from_file_location("make", STORES / "make.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make = load_make()


@pytest.fixture(params=FOLDERS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of all that one version wrote."""
    return Path(shutil.copytree(STORES / request.param, tmp_path / request.param))


def open_store(folder: Path, name: str) -> Store:
    return Store(folder / name)


def recorded(folder: Path) -> dict[str, Any]:
    """What the version itself wrote into its ledger, read without any code of the package."""
    lines = (folder / "ledger.jsonl").read_text().splitlines()
    records = [json.loads(line[line.index("{") :]) for line in lines]
    return {record["digest"]: record for record in records}


def test_every_earlier_format_has_a_store_among_the_fixtures():
    assert {f"format-{number}" for number in range(1, FORMAT)} | {"format-1"} <= set(FOLDERS)


@pytest.mark.parametrize("name", BOTH)
def test_every_record_is_read_as_it_was_written(folder, name):
    records = {record.digest: record for record in open_store(folder, name).records()}
    assert set(records) >= set(recorded(folder)) >= {task.digest for task in all_tasks(make.FINISHED).values()}
    for digest, line in recorded(folder).items():
        record = records[digest]
        assert (record.kind, record.metrics, record.facts) == (line["kind"], line["metrics"], line["facts"])
        assert (record.blobs, record.spec) == (line["blobs"], line["spec"])


def test_every_tensor_of_a_computed_store_is_read(folder):
    store = open_store(folder, "computed")
    blobs = {blob for line in recorded(folder).values() for blob in line["blobs"].values()}
    assert blobs and all(store.get(blob) for blob in blobs)


def test_a_store_that_knows_only_records_has_none_of_their_tensors(folder):
    store = open_store(folder, "known")
    assert not any(store.has_blob(blob) for line in recorded(folder).values() for blob in line["blobs"].values())


@pytest.mark.parametrize("name", BOTH)
def test_an_old_store_is_not_damaged(folder, name):
    assert list(verify(open_store(folder, name))) == []


@pytest.mark.parametrize("name", BOTH)
def test_a_finished_plan_computes_nothing(folder, name):
    store = open_store(folder, name)
    assert not Schedule(make.FINISHED, store)
    summary = run_here(make.FINISHED, store)
    assert (summary.done, summary.failed) == (0, {})


@pytest.mark.parametrize("name", BOTH)
def test_the_rows_of_a_study_have_the_numbers_of_their_time(folder, name):
    rows = tuple(
        Row(labels={"method": method, "seed": 0}, nodes={"train": node, "distances": FAR})
        for method, node in (("dense", RUN), ("magnitude", TICKET), ("magnitude again", TWIN))
    )
    lines = recorded(folder)
    for result in results(Plan(name="old", title="Old", question="?", rows=rows), open_store(folder, name)):
        assert result.complete
        expected = lines[result.nodes["train"].digest]["metrics"]
        assert result.metric("train.test_accuracy") == expected["test_accuracy"]
        assert result.metric("train.curves") == expected["curves"]


def test_a_ledger_is_read_line_by_line(folder):
    records = ledger.read(folder / "ledger.jsonl")
    assert {record.digest: record.metrics for record in records} == {
        digest: line["metrics"] for digest, line in recorded(folder).items()
    }


def test_an_export_keeps_the_lines_of_an_old_ledger(folder):
    before = (folder / "ledger.jsonl").read_bytes()
    assert ledger.export(make.FINISHED, open_store(folder, "computed"), folder / "ledger.jsonl") == before.count(b"\n")
    assert (folder / "ledger.jsonl").read_bytes() == before


def test_an_unfinished_run_ends_in_the_bits_of_one_that_was_never_stopped(folder, tmp_path):
    old, fresh = open_store(folder, "computed"), Store(tmp_path / "fresh")
    assert old.record(make.UNFINISHED.digest) is None
    assert (old.path / "partial" / make.UNFINISHED.digest / "checkpoint").is_file()
    assert not run_here([make.UNFINISHED], old).failed
    assert not run_here([make.UNFINISHED], fresh).failed
    ended, whole = old.record(make.UNFINISHED.digest), fresh.record(make.UNFINISHED.digest)
    assert ended and whole
    assert (ended.blobs, ended.metrics) == (whole.blobs, whole.metrics)
    assert not (old.path / "partial" / make.UNFINISHED.digest).exists()
    assert list(verify(old)) == []


def test_a_failed_task_is_listed_and_may_be_tried_again(folder):
    store = open_store(folder, "computed")
    assert "needs 99 images" in store.failures()[FAILS.digest]["message"]
    assert set(run_here([FAILS], store).failed) == {FAILS.digest}


@pytest.mark.parametrize("name", BOTH)
def test_new_work_builds_on_old_results_with_or_without_their_tensors(folder, name):
    store, new = open_store(folder, name), train(Shuffle(mask=MAGNITUDE, seed=11))
    assert not run_here([new], store).failed
    assert new.digest in store and list(verify(store)) == []


@pytest.mark.parametrize("more", [{}, {"since": "2.0"}], ids=["the number alone", "with a key of its own"])
def test_a_store_of_a_newer_format_is_refused_and_left_as_it_is(folder, more):
    file = folder / "computed" / "format.json"
    file.write_text(json.dumps({"format": FORMAT + 1, **more}))
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    with pytest.raises(RefusedError, match=f"format {FORMAT + 1}") as error:
        open_store(folder, "computed")
    assert error.value.exit_code == 6
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
