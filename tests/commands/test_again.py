"""``again``: one result of a ledger is computed anew and compared, with equal facts, other facts, and damage."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from commands.test_reports import STUDY
from lotterylab.commands.main import main
from lotterylab.engine import ledger
from lotterylab.engine.again import Again
from lotterylab.engine.records import Record
from lotterylab.engine.store import Store
from lotterylab.reading.registered import claims_digest
from lotterylab.studies.activations import OUTLINE, PREDICTIONS

HOW = ["--workers", "1", "--progress", "none"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder of results: study.toml, and the ledger of a run on digits."""
    home = tmp_path_factory.mktemp("again")
    (home / "study.toml").write_text(STUDY)
    words = ["--config", str(home / "study.toml"), "--ledger", str(home / "ledger.jsonl")]
    assert main(["run", "activations", *words, "--store", str(home / "store"), *HOW]) == 0
    return home


def dense_run(folder: Path) -> Record:
    """The first training that needs no other."""
    return next(record for record in ledger.read(folder / "ledger.jsonl") if record.kind == "Train")


def changed(folder: Path, tmp_path: Path, record: Record, **changes: Any) -> Path:
    """The folder with another ledger, in which one record was changed and sealed again."""
    (tmp_path / "study.toml").write_text(STUDY)
    records = [one for one in ledger.read(folder / "ledger.jsonl") if one.digest != record.digest]
    lines = [one.line() for one in (*records, replace(record, **changes))]
    (tmp_path / "ledger.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return tmp_path / "ledger.jsonl"


def test_the_same_machine_gives_the_same_bits(folder, capsys):
    record, before = dense_run(folder), (folder / "ledger.jsonl").read_bytes()
    assert main(["again", record.digest[:12], "--ledger", str(folder / "ledger.jsonl"), *HOW]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"Train {record.digest[:16]}: equal to the bit, ") and out.count("\n") == 1
    noted = {tuple(map(one.facts.get, ("study", "claims"))) for one in ledger.read(folder / "ledger.jsonl")}
    assert noted == {("activations", claims_digest(OUTLINE, PREDICTIONS))}
    assert "To train: " in err and (folder / "ledger.jsonl").read_bytes() == before


def test_other_numbers_under_the_same_facts_are_a_fault(folder, tmp_path, capsys):
    record = dense_run(folder)
    metrics = {**record.metrics, "test_accuracy": record.metrics["test_accuracy"] + 0.125}
    file = changed(folder, tmp_path, record, metrics=metrics, blobs={**record.blobs, "final": "0" * 64})
    assert main(["again", record.digest[:12], "--ledger", str(file), *HOW]) == 3
    out, _ = capsys.readouterr()
    assert "equal within 0.125 in accuracy; 1 of " in out and "1 of " in out.split(" and ")[1]
    assert f"test_accuracy: {metrics['test_accuracy']} in the ledger" in out and "please report that" in out


def test_other_facts_are_named_and_no_fault(folder, tmp_path, capsys):
    record = dense_run(folder)
    metrics = {**record.metrics, "test_accuracy": record.metrics["test_accuracy"] + 0.125}
    facts = {**record.facts, "processor": "another one"}
    file = changed(folder, tmp_path, record, metrics=metrics, facts=facts)
    assert main(["again", record.digest[:12], "--ledger", str(file), *HOW]) == 0
    out, _ = capsys.readouterr()
    assert "under other facts:\n  processor: another one in the ledger" in out and "please report" not in out


def test_equal_bits_under_another_torch_are_equal_and_the_facts_are_named(folder, tmp_path, capsys):
    record = dense_run(folder)
    facts = {**record.facts, "torch": "1.0.0", "instruction_set": "\x1b[2J", "source": "0" * 16}
    assert (
        main(["again", record.digest[:12], "--ledger", str(changed(folder, tmp_path, record, facts=facts)), *HOW]) == 0
    )
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith(f"Train {record.digest[:16]}: equal to the bit, ") and first.endswith(" under other facts:")
    assert rest[0].startswith("  torch: 1.0.0 in the ledger, ") and r"instruction_set: \x1b[2J in the ledger" in rest[1]
    assert len(rest) == 2, "the source is no fact on which bits depend"


def test_a_store_that_has_the_result_is_compared_after_its_tensors_were_read(folder, tmp_path, capsys):
    record = dense_run(folder)
    store = Store(Path(shutil.copytree(folder / "store", tmp_path / "store")))
    words = [record.digest[:12], "--ledger", str(folder / "ledger.jsonl"), "--store", str(store.path), *HOW]
    assert main(["again", *words]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert "equal to the bit" in first
    assert last == f"Nothing was computed: the store {store.path} had this result. Leave --store out for that."
    blob = store.blob_path(record.blobs["final"])
    whole = blob.read_bytes()
    blob.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert main(["again", *words]) == 5
    out, err = capsys.readouterr()
    assert out == "" and blob.name[:12] in err
    blob.unlink()
    assert main(["again", *words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "has the numbers of" in err and "not its tensors" in err and "Leave --store out" in err


def test_a_store_with_the_ledger_s_own_numbers_is_no_second_computation(folder, tmp_path, capsys):
    record, store = dense_run(folder), Store(tmp_path / "store").create()
    store.keep_known([record])
    words = ["--ledger", str(folder / "ledger.jsonl"), "--store", str(store.path), *HOW]
    assert main(["again", record.digest[:12], *words]) == 2
    assert "not its tensors: nothing would be computed again" in capsys.readouterr().err


def test_a_record_without_tensors_is_compared_by_its_numbers(folder, tmp_path, capsys):
    record = dense_run(folder)
    words = ["--store", str(folder / "store"), "--ledger", str(changed(folder, tmp_path, record, blobs={})), *HOW]
    assert main(["again", record.digest[:12], *words]) == 0
    assert " numbers and 0 tensors." in capsys.readouterr().out


def test_data_that_are_absent_are_refused_by_name(tmp_path, monkeypatch, capsys):
    kept = Path(__file__).parents[2] / "results" / "glorot"
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("LOTTERYLAB_DATA", str(tmp_path / "empty"))
    digest = ledger.read(kept / "ledger.jsonl")[0].digest
    assert main(["again", digest[:12], "--ledger", str(kept / "ledger.jsonl"), *HOW]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "MNIST" in err and str(tmp_path / "empty") in err and err.count("\n") == 1


def test_other_data_than_the_ledger_s_are_refused(folder, tmp_path, capsys):
    (tmp_path / "other.toml").write_text(f'data = "cifar10"\n{STUDY}')
    words = [dense_run(folder).digest[:12], "--ledger", str(folder / "ledger.jsonl"), *HOW]
    assert main(["again", *words, "--study-file", str(tmp_path / "other.toml")]) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("digest", "words"),
    [("ffffffffffff", "none begins so"), ("", "none begins so")],
)
def test_a_digest_that_the_ledger_does_not_have_is_refused(folder, digest, words, capsys):
    assert main(["again", digest, "--ledger", str(folder / "ledger.jsonl"), *HOW]) == 2
    assert words in capsys.readouterr().err


def test_without_its_study_a_ledger_cannot_be_computed(folder, tmp_path, capsys):
    (tmp_path / "ledger.jsonl").write_bytes((folder / "ledger.jsonl").read_bytes())
    words = [dense_run(folder).digest[:12], "--ledger", str(tmp_path / "ledger.jsonl"), *HOW]
    assert main(["again", *words]) == 2
    assert "study.toml. Name the file with its study and options: --study-file FILE" in capsys.readouterr().err
    other = tmp_path / "other.toml"
    other.write_text(STUDY.replace("dense_epochs = 1", "dense_epochs = 2"))
    assert main(["again", *words, "--study-file", str(other)]) == 2
    assert "has no result" in capsys.readouterr().err


def test_a_ledger_that_is_absent_or_damaged_is_refused_before_anything_is_computed(folder, tmp_path, capsys):
    digest, file = dense_run(folder).digest, tmp_path / "ledger.jsonl"
    (tmp_path / "study.toml").write_text(STUDY)
    for harm, words in (
        (lambda: None, "no ledger"),
        (lambda: file.write_bytes((folder / "ledger.jsonl").read_bytes()[:-9]), "is damaged"),
    ):
        harm()
        assert main(["again", digest[:12], "--ledger", str(file), *HOW]) == 2
        out, err = capsys.readouterr()
        assert out == "" and words in err and "To train" not in err


def test_damage_in_the_ledger_is_named(folder, tmp_path, capsys):
    (tmp_path / "study.toml").write_text(STUDY)
    lines = (folder / "ledger.jsonl").read_bytes()
    (tmp_path / "ledger.jsonl").write_bytes(lines.replace(b"test_accuracy", b"test_accurasy", 1))
    digest = dense_run(folder).digest[:12]
    assert main(["again", digest, "--ledger", str(tmp_path / "ledger.jsonl"), *HOW]) == 2
    assert "line 1, is damaged" in capsys.readouterr().err


def test_numbers_that_only_one_record_has_are_not_compared():
    """A later version may measure more."""
    parts: dict[str, Any] = {"digest": "", "kind": "Train", "facts": {}}
    old = Record(metrics={"a": 1.0, "curves": {"b": [1.0, float("nan")]}}, blobs={"final": "x"}, **parts)
    new = Record(metrics={"a": 1.0, "curves": {"b": [1.0, float("nan")]}, "c": 2}, blobs={"final": "x"}, **parts)
    assert Again(old, new).same and Again(old, new).compared == (3, 1) and Again(old, new).gap is None
