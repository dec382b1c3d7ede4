"""The commands on tickets of a user's own loop, from the store alone, and the list of what a store holds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from from_python.test_found import fails, find
from lotterylab.commands.main import main
from lotterylab.engine.kept_plans import kept
from lotterylab.engine.store import Store
from lotterylab.from_python.found import Tickets


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Tickets:
    return find(tmp_path_factory.mktemp("loop") / "store", rewind_to=4)


@pytest.fixture
def store(found: Tickets, tmp_path: Path) -> Path:
    shutil.copytree(found.store.path, tmp_path / "copy")
    return tmp_path / "copy"


def said(capsys: Any, *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    return (code, *capsys.readouterr())


def test_table_shows_what_print_shows(found: Tickets, store: Path, capsys: Any) -> None:
    code, out, err = said(capsys, "table", "--store", str(store))
    assert code == 0 and err == "" and str(found) in out
    code, out, _ = said(capsys, "table", f"--store={store}", "--json")
    assert said(capsys, "table", "--json", "--store", str(store)) == (0, out, "")
    (table,) = json.loads(out)
    assert code == 0 and len(table["rows"]) == 15 and table["alarms"] == []


def test_status_counts_the_trainings_by_seed(store: Path, capsys: Any) -> None:
    code, out, _ = said(capsys, "status", "--store", str(store))
    assert code == 0 and "15 of 15 trainings finished; no process computes" in out and "5 of 5" in out


def test_report_writes_the_page_into_the_store_or_a_folder(store: Path, capsys: Any, tmp_path: Path) -> None:
    code, out, _ = said(capsys, "report", "--store", str(store))
    assert code == 0 and Path(out.strip()).is_file() and store in Path(out.strip()).parents
    code, out, _ = said(capsys, "report", "--store", str(store), "--out", str(tmp_path / "page"))
    assert code == 0 and out.strip() == str(tmp_path / "page" / "index.html")


def test_failed_runs_are_shown_with_their_messages(tmp_path: Path, capsys: Any) -> None:
    find(tmp_path / "store", train_fn=fails, seeds=1)
    code, out, _ = said(capsys, "status", "--store", str(tmp_path / "store"))
    assert code == 0 and "ValueError: no data here" in out and "the same call tries these again" in out
    _, out, _ = said(capsys, "table", "--store", str(tmp_path / "store"))
    assert "FAULT failed" in out and "no data here" in " ".join(out.split())


def test_of_two_plans_of_a_loop_the_last_is_shown_and_others_by_their_digits(store: Path, capsys: Any) -> None:
    find(store, sparsities=[0.25], seeds=1, rewind_to=4)
    code, out, _ = said(capsys, "table", "--store", str(store))
    assert code == 0 and out.count("Tickets of") == 2 and "0.25" in out and "0.8" not in out
    _, listed, _ = said(capsys, "store", "list", "--store", str(store))
    names = [line.split()[0] for line in listed.splitlines() if ": 15 of 15 rows" in line]
    _, out, _ = said(capsys, "table", "--store", str(store), "--plan", names[0])
    assert "0.8" in out and "0.25" not in out
    find(store, name="another", sparsities=[], seeds=1)
    code, _, err = said(capsys, "report", "--store", str(store), "--out", "page")
    assert code == 2 and "--out takes one page, and the store holds 2 loops. Name a plan" in err
    code, _, err = said(capsys, "table", "--store", str(store), "--plan", "abcdefg")
    assert code == 2 and "holds no plan 'abcdefg...'" in err


@pytest.mark.parametrize("command", ["status", "table", "report"])
def test_a_store_without_tickets_is_refused_in_a_sentence(command: str, tmp_path: Path, capsys: Any) -> None:
    Store(tmp_path).create()
    code, _, err = said(capsys, command, "--store", str(tmp_path))
    assert code == 2 and "holds no tickets of a loop of your own. Name a study" in err and err.count("\n") == 1
    code, _, err = said(capsys, command, "--store", str(tmp_path / "nothing"))
    assert code == 2 and "nothing was run there" in err


def test_a_study_that_follows_its_options_is_still_named(capsys: Any) -> None:
    code, _, err = said(capsys, "table", "--store", "somewhere", "activations")
    assert code == 2 and "Put the study first: lotterylab table activations --store somewhere" in err


def test_a_store_may_have_the_name_of_a_study(found: Tickets, tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    shutil.copytree(found.store.path, tmp_path / "activations")
    monkeypatch.chdir(tmp_path)
    code, out, _ = said(capsys, "table", "--store", "activations")
    assert code == 0 and "15 of 15 rows" in out


def test_the_list_of_a_store_names_studies_tickets_and_what_is_unfinished(store: Path, capsys: Any) -> None:
    code, out, _ = said(capsys, "store", "list", "--store", str(store))
    assert code == 0 and "Tickets of your own loops: " in out and "15 of 15 rows finished, last called 20" in out
    assert "15 of them trainings" in out and "Failed tasks: 0. Set aside: 0." in out
    code, out, _ = said(capsys, "store", "list", "--store", str(store), "--json")
    held = json.loads(out)
    assert held["results"] == sum(part["results"] for part in held["studies"]) and held["loops"][0]["rows"] == 15


def test_the_list_names_the_studies_of_a_store(tmp_path: Path, capsys: Any) -> None:
    words = ("activations", "--data", "digits", "--preset", "small", "--seeds", "1", "--activations", "tanh")
    words += ("--sparsities", "0.5", "--dense-epochs", "1", "--pruned-epochs", "1", "--rates", "0.1")
    words += ("--protocols", "corrected", "--methods", "random", "--workers", "1", "--progress", "none")
    assert main(["run", *words, "--store", str(tmp_path)]) == 0
    capsys.readouterr()
    _, out, _ = said(capsys, "store", "list", "--store", str(tmp_path))
    assert "Studies:\n  activations: " in out and "Tickets" not in out


def test_the_help_of_the_form_names_its_options(capsys: Any) -> None:
    with pytest.raises(SystemExit):
        main(["table", "--store", "x", "--help"])
    assert "--plan DIGEST" in capsys.readouterr().out
    assert main(["table", "--help"]) == 0
    assert "lotterylab table --store FOLDER [options]  (tickets of your own loop)" in capsys.readouterr().out


def test_a_plan_is_remembered_again_when_all_is_finished(store: Path) -> None:
    shutil.rmtree(store / "plans")
    find(store, rewind_to=4)
    (plan,) = kept(Store(store))
    assert len(plan.plan.rows) == 15
    shutil.rmtree(store / "plans")
    (store / "plans").symlink_to(store / "elsewhere")
    assert len(find(store, rewind_to=4).rows.trained) == 15, "finished results need no place to write"
