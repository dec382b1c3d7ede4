"""``report --all``: each study folder is built from its own files alone, and a wrong one stops no other."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lotterylab.commands.main import main

STUDY = """\
study = "activations"
preset = "small"
seeds = 1
activations = ["sigmoid"]
sparsities = [0.9]
dense_epochs = 1
pruned_epochs = 1
rates = [0.03]
protocols = ["corrected"]
methods = ["magnitude", "random"]
controls = ["none"]

[model]
name = "shallow-cnn"
widths = [4, 4, 8]
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A study folder before its first report: study.toml, and the ledger of a run."""
    home = tmp_path_factory.mktemp("made")
    folder = home / "study"
    folder.mkdir()
    (folder / "study.toml").write_text(STUDY)
    words = ["--config", str(folder / "study.toml"), "--ledger", str(folder / "ledger.jsonl")]
    how = ["--store", str(home / "store"), "--workers", "1", "--progress", "none"]
    assert main(["run", "activations", *words, *how]) == 0
    return folder


@pytest.fixture
def home(made, tmp_path, monkeypatch) -> Path:
    """The current folder, with results/fine in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOTTERYLAB_STORE", str(tmp_path / "store"))
    shutil.copytree(made, tmp_path / "results" / "fine")
    return tmp_path


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_wrong_study_folder_is_named_and_the_others_are_built(home, capsys):
    wrong = home / "results" / "a-wrong-one"
    shutil.copytree(home / "results" / "fine", wrong)
    (wrong / "study.toml").write_text(STUDY.replace("seeds = 1", "seedz = 1"))
    (home / "results" / "group" / "notes").mkdir(parents=True)
    (home / "results" / "group" / "README.md").write_text("no study")
    assert main(["report", "--all"]) == 2
    out, err = capsys.readouterr()
    assert out.splitlines() == ["results/fine/index.html", "1 built, 1 failed, 1 skipped."]
    refused, skipped = err.splitlines()
    assert refused.startswith("lotterylab: results/a-wrong-one: results/a-wrong-one/study.toml, line 3: no option")
    assert "Did you mean 'seeds'?" in refused
    assert skipped == "results/group: skipped, it has no study.toml."
    assert {path.name for path in wrong.iterdir()} == {"study.toml", "ledger.jsonl"}


def test_it_builds_all_files_from_the_ledger_and_touches_neither_the_ledger_nor_a_store(home):
    before = digests(home)
    assert main(["report", "--all"]) == 0
    after = digests(home)
    assert {name: after[name] for name in before} == before
    files = {name.partition("results/fine/")[2] for name in after.keys() - before.keys()}
    assert {"index.html", "README.md", "results.csv", "curves.csv", "data.json", ".figures.json"} <= files
    assert all(name.startswith("figures/") or "/" not in name for name in files)
    assert not (home / "store").exists() and not (home / "lotterylab-store").exists()


def test_a_second_build_and_a_build_without_the_index_of_figures_give_the_same_bytes(home):
    assert main(["report", "--all"]) == 0
    first = digests(home)
    assert main(["report", "--all"]) == 0
    assert digests(home) == first
    shutil.rmtree(home / "results" / "fine" / "figures")
    (home / "results" / "fine" / ".figures.json").unlink()
    assert main(["report", "--all"]) == 0
    assert digests(home) == first


def test_the_numbers_are_those_of_the_report_of_the_one_study(home):
    words = ["--config", "results/fine/study.toml", "--ledger", "results/fine/ledger.jsonl"]
    assert main(["report", "activations", *words, "--out", "alone"]) == 0
    assert main(["report", "--all", "results/fine", "--out", "together"]) == 0
    alone, together = digests(home / "alone"), digests(home / "together")
    assert together.pop("data.json") and alone.keys() == together.keys()
    differing = {name for name in alone if alone[name] != together[name]}
    assert differing == {"README.md"}
    text = (home / "together" / "README.md").read_text()
    assert "    lotterylab report --all results/fine\n" in text and "](index.html)" not in text
    assert "](index.html)" in (home / "alone" / "README.md").read_text()
    assert {path.name for path in (home / "results" / "fine").iterdir()} == {"study.toml", "ledger.jsonl"}


def test_the_data_are_those_of_data_json_and_are_not_read(home, capsys):
    folder = home / "results" / "fine"
    assert main(["report", "--all"]) == 0
    described = json.loads((folder / "data.json").read_text())
    (folder / "data.json").write_text(json.dumps({**described, "warnings": ["17 images are <approximate>."]}))
    assert main(["report", "--all"]) == 0
    assert "17 images are &lt;approximate&gt;." in (folder / "index.html").read_text()
    assert "17 images are <approximate>." in (folder / "README.md").read_text()
    before = digests(folder)
    for text, says in (
        (json.dumps({**described, "content": "0" * 64}), "no run in results/fine/ledger.jsonl belongs to the study"),
        (json.dumps({**described, "content": "../" * 8}), "data.json does not describe data"),
        (json.dumps({**described, "files": [["a", 1]]}), "data.json does not describe data"),
        (json.dumps({"content": described["content"]}), "data.json does not describe data"),
        ("[" * 100_000, "data.json does not describe data"),
    ):
        (folder / "data.json").write_text(text)
        capsys.readouterr()
        assert main(["report", "--all"]) == 2
        assert says in capsys.readouterr().err
        assert {**digests(folder), "data.json": ""} == {**before, "data.json": ""}


WRONG = [
    (STUDY.replace('study = "activations"\n', ""), "the key study is missing. Name the study"),
    (STUDY.replace('"activations"', "3", 1), "the key study is 3. Name the study"),
    (STUDY.replace('"activations"', '"activation"', 1), "Did you mean 'activations'"),
    (f'ledger = "other.jsonl"\n{STUDY}', "study.toml, line 1: 'ledger' has no place here"),
    (f"{STUDY}".replace("seeds = 1", 'seeds = 1\nout = "."'), "study.toml, line 4: 'out' has no place here"),
    (STUDY.replace("0.9", "1.9"), "study.toml, line 5: "),
    (STUDY.replace("seeds = 1", "seeds = 1\nfirst_seed = 90"), "Write the options that the ledger was made with."),
    ("study =", "study.toml is not TOML"),
]


@pytest.mark.parametrize(("text", "says"), WRONG)
def test_a_wrong_study_toml_is_told_what_to_write(home, capsys, text, says):
    (home / "results" / "fine" / "study.toml").write_text(text)
    assert main(["report", "--all"]) == 2
    out, err = capsys.readouterr()
    assert says in err and len(err.splitlines()) == 1 and out == "0 built, 1 failed, 0 skipped.\n"
    assert {path.name for path in (home / "results" / "fine").iterdir()} == {"study.toml", "ledger.jsonl"}


def test_a_study_folder_without_its_ledger_fails(home, capsys):
    (home / "results" / "fine" / "ledger.jsonl").unlink()
    assert main(["report", "--all"]) == 2
    assert "no ledger results/fine/ledger.jsonl" in capsys.readouterr().err


def test_a_folder_without_any_study_is_wrong_usage(home, capsys):
    (home / "empty").mkdir()
    assert main(["report", "--all", "empty"]) == 2
    assert "no folder below empty has a study.toml" in capsys.readouterr().err
    assert main(["report", "activations", "--all"]) == 2
    assert "no folder activations. report --all takes a folder" in capsys.readouterr().err
    assert main(["report", "--all", "--seeds", "3"]) == 2
    assert "no option is named '--seeds'" in capsys.readouterr().err


def test_a_printed_parameters_file_is_a_study_toml_and_is_refused_for_another_study(home, capsys):
    with pytest.raises(SystemExit):
        main(["report", "activations", "--config", "results/fine/study.toml", "--print-config"])
    printed = capsys.readouterr().out
    assert printed.startswith('study = "activations"\n')
    (home / "results" / "fine" / "study.toml").write_text(printed)
    assert main(["report", "--all"]) == 0
    assert main(["plan", "lth-mnist", "--config", "results/fine/study.toml"]) == 2
    said = capsys.readouterr().err
    assert "study.toml, line 1: the file is for the study 'activations'; 'lth-mnist' was asked for" in said


def test_help_and_completion_name_it(capsys):
    assert main(["report", "--help"]) == 0
    assert "lotterylab report --all [options]" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["report", "--all", "--help"])
    shown = capsys.readouterr().out
    assert shown.startswith("usage: lotterylab report --all [FOLDER] [options]")
    assert "(default results)" in " ".join(shown.split())
    assert main(["completion", "bash"]) == 0
    (case,) = [line for line in capsys.readouterr().out.splitlines() if line.strip().startswith("report)")]
    assert {"--all", "--out", "--seeds"} <= set(case.strip().removesuffix('" ;;').split())


def test_it_imports_no_torch(home):
    assert main(["report", "--all"]) == 0
    script = (
        "import sys; from lotterylab.commands.main import main\n"
        "assert main(['report', '--all']) == 0; assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_page_of_related_work_is_written_anew_where_there_is_one(home, capsys):
    page = home / "results" / "related-work.md"
    assert main(["report", "--all"]) == 0 and not page.exists()
    page.write_text("")
    assert main(["report", "--all"]) == 0
    assert "results/related-work.md" in capsys.readouterr().out.splitlines()
    assert "Not run yet: `lotterylab run glorot`" in page.read_text(encoding="utf-8")
    assert main(["report", "--all", "--out", "pages"]) == 0
    assert (home / "pages" / "related-work.md").read_bytes() == page.read_bytes()


def test_related_work_of_a_wrong_study_folder_is_refused_and_the_old_page_stays(home, capsys):
    shutil.copytree(home / "results" / "fine", home / "results" / "glorot")
    page = home / "results" / "related-work.md"
    page.write_text("as it was")
    (home / "results" / "glorot" / "study.toml").write_text(STUDY.replace("seeds = 1", "seedz = 1"))
    assert main(["report", "--all"]) == 2
    out, err = capsys.readouterr()
    assert "lotterylab: results/related-work.md: results/glorot/study.toml, line 3: no option" in err
    assert out.splitlines()[-1] == "1 built, 1 failed, 0 skipped." and page.read_text() == "as it was"
