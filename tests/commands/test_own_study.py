"""A study and a criterion from outside the package, as docs/extending.md writes them."""

from __future__ import annotations

import csv
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lotterylab import run_study
from lotterylab.asking.methods import method
from lotterylab.commands.main import main
from lotterylab.plan.digest import digest

DOC = (Path(__file__).parents[2] / "docs" / "extending.md").read_text()
STUDY = re.search(r"```python study\n(.*?)```", DOC, flags=re.S).group(1)  # type: ignore[union-attr]
CRITERION = re.search(r"```python\n(.*?class Taylor.*?)```", DOC, flags=re.S).group(1)  # type: ignore[union-attr]
QUICK = ("small_mlp:STUDY", "--size", "quick", "--seeds", "1", "--epochs", "1")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The current folder, with the study and the criterion of the page in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    (tmp_path / "small_mlp.py").write_text(STUDY)
    (tmp_path / "mine.py").write_text(CRITERION)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name in ("small_mlp", "mine") or name.startswith("broken"):
            del sys.modules[name]


def test_the_study_of_the_page_is_short():
    code = [line for line in STUDY.splitlines() if line.strip() and not line.startswith(("from", "import"))]
    assert len(code) <= 30 and len(list(filter(None, STUDY.splitlines()))) <= 45


def test_it_is_planned_run_shown_and_exported_as_the_studies_of_the_package_are(home, capsys):
    assert main(["plan", *QUICK]) == 0
    planned = capsys.readouterr().out
    assert "Tickets of a small MLP on digits" in planned and "To train: 5 runs" in planned
    assert main(["run", *QUICK, "--workers", "1", "--progress", "none", "--ledger", "book.jsonl"]) == 0
    said = capsys.readouterr()
    assert "5 of 5 rows finished" in said.out
    assert "smaller than" not in said.err  # the seeds and epochs were asked for
    assert main(["status", *QUICK]) == 0
    assert "5 of 5 trainings finished" in capsys.readouterr().out
    assert main(["plan", *QUICK]) == 0  # it goes on from what is there
    assert "Nothing is left to train" in capsys.readouterr().out
    assert main(["table", *QUICK, "--json"]) == 0
    digests = [row["digests"]["train"] for row in json.loads(capsys.readouterr().out)["rows"]]
    rows = run_study("small_mlp:STUDY", size="quick", seeds=1, epochs=1, store="lotterylab-store", workers=0)
    assert [row.records["train"].digest for row in rows] == digests
    assert main(["report", *QUICK, "--out", "page"]) == 0
    assert (
        "lotterylab run small_mlp:STUDY --epochs 1 --seeds 1 --size quick" in (home / "page" / "index.html").read_text()
    )
    with open(home / "page" / "results.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) >= 5
    assert "The study plans no comparison." in (home / "page" / "README.md").read_text()
    assert main(["checkpoints", *QUICK, "--out", "runs"]) == 0
    assert main(["cite", *QUICK]) == 0
    assert main(["store", "export", *QUICK, "--out", "study.tar"]) == 0
    assert capsys.readouterr().err == "" and (home / "study.tar").stat().st_size > 1000


def test_a_criterion_of_one_s_own_is_a_method_by_its_reference(home, capsys):
    short = shlex.split(
        "--seeds 1 --activations relu --sparsities 0.5 --protocols corrected --controls none --rates 0.03 "
        "--dense-epochs 1 --pruned-epochs 1 --model.widths 4 4 8"
    )
    asked = ["activations", *short, "--methods", "mine:Taylor"]
    assert main(["run", *asked, "--workers", "1", "--progress", "none"]) == 0
    assert "mine:Taylor" in capsys.readouterr().out
    assert main(["report", *asked, "--out", "page"]) == 0


def test_a_change_of_the_criterion_s_code_is_another_result_and_a_comment_is_not(home):
    named = method("mine:Taylor")
    assert named.scores == "initial" and named.criterion.needs_batch and not named.criterion.needs_initial
    before = digest(named.criterion)
    assert digest(method("mine:Taylor").criterion) == before
    script = (
        "from lotterylab.asking.methods import method; from lotterylab.plan.digest import digest; "
        "print(digest(method('mine:Taylor').criterion))"
    )
    names = []
    for text in (CRITERION + "\n# changed\n", CRITERION.replace("return", "return 2 *", 1)):
        (home / "mine.py").write_text(text)
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=home)
        names.append(done.stdout.strip())
    assert names[0] == before and names[1] not in ("", before)


BROKEN = {
    "no study": ("NUMBER = 3\n", "'broken:STUDY': broken has no 'STUDY'"),
    "a number": ("STUDY = 3\n", "'broken:STUDY' is an int, not a Study"),
    "an error in the module": ("1 / 0\n", "importing broken failed: ZeroDivisionError: division by zero"),
    "a line without help": (
        STUDY.replace('option(32, help="Units of the hidden layer", most=4096)', "32"),
        "Options.width says nothing about itself",
    ),
    "a line without a size": (
        STUDY.replace("quick=2, standard=20, paper=100,", "quick=2, standard=20,"),
        "Options.epochs has a value for quick, standard; the sizes are quick, standard, paper",
    ),
    "two lines with one name": (
        STUDY.replace("    width: int", '    epochs: int = option(3, help="Again")\n    width: int'),
        "two lines declare the option 'epochs'",
    ),
    "an option that the command has": (
        STUDY.replace("    width: int", "    workers: int").replace("options.width", "options.workers"),
        "two lines declare the option 'workers'",
    ),
    "no dataclass": (STUDY.replace("@dataclass(frozen=True, kw_only=True)\n", ""), "are not a dataclass of options"),
    "a name that is no file's": (STUDY.replace('name="small-mlp"', 'name="../up"'), "a study is named '../up'"),
    "no plan": (STUDY.replace("return Plan(", "return dict("), "returned a dict. Return a Plan."),
    "an error in build": (STUDY.replace("    rows = []", "    rows = 1 / 0"), "failed: ZeroDivisionError"),
    "a row without a training": (
        STUDY.replace("return Plan(", "del rows[0].nodes['train']\n    return Plan("),
        "row 0 of the study 'small-mlp' has no train",
    ),
}


@pytest.mark.parametrize(("text", "says"), BROKEN.values(), ids=BROKEN)
def test_what_is_wrong_with_a_study_is_one_error_before_anything_runs(home, capsys, text, says):
    (home / "broken.py").write_text(text)
    assert main(["run", "broken:STUDY", "--workers", "2"]) == 2
    err = capsys.readouterr().err
    assert says in err and "Traceback" not in err and len(err.splitlines()) == 1
    assert not (home / "lotterylab-store").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("small_mlp:STUDYY",), "Did you mean 'STUDY'"),
        (("smal_mlp:STUDY",), "Did you mean 'small_mlp'"),
        (("small_mlp:STUDY", "--width", "5000"), "width is 5000; at most 4,096"),
        (("small_mlp:STUDY", "--widht", "5"), "Did you mean '--width'"),
        (("activations", "--methods", "mine:Tailor"), "Did you mean 'Taylor'"),
        (("activations", "--methods", "small_mlp:Options"), "it has no __call__(view)"),
    ],
)
def test_what_is_typed_wrong_gets_the_nearest(home, capsys, words, says):
    assert main(["plan", *words]) == 2
    assert says in capsys.readouterr().err
