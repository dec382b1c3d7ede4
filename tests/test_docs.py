"""The documents do what they say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lotterylab.asking.catalogue import STUDIES, study_named
from lotterylab.commands import line
from lotterylab.commands.study import Plan, Run

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


APART = {"extending.md"}  # it adds to the tables of the package, which other tests read


def blocks(page):
    return re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.S)


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in APART], ids=lambda page: page.name)
def test_the_python_of_a_page_runs(page, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in blocks(page):
        exec(compile(block, str(page), "exec"), names)


@pytest.mark.parametrize("name", sorted(APART))
def test_the_python_of_a_page_that_extends_the_package_runs_in_a_process_of_its_own(name, tmp_path):
    for study in re.findall(r"```python study\n(.*?)```", (ROOT / "docs" / name).read_text(), flags=re.S):
        (tmp_path / "small_mlp.py").write_text(study)
    script = tmp_path / "page.py"
    script.write_text("\n".join(blocks(ROOT / "docs" / name)))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_readme_prints_what_it_promises(monkeypatch, tmp_path, capsys):
    test_the_python_of_a_page_runs(ROOT / "README.md", monkeypatch, tmp_path, capsys)
    said = capsys.readouterr().out
    assert said.startswith("0.8999")
    assert "moved | 1 of 2 removed weights" in said


def test_the_plan_of_ten_lines_prints_what_its_page_shows(monkeypatch, tmp_path, capsys):
    page = ROOT / "docs" / "plans.md"
    first, *_ = blocks(page)
    assert len([line for line in first.splitlines() if line.strip()]) <= 10
    monkeypatch.chdir(tmp_path)
    exec(compile(first, str(page), "exec"), {})
    shown, *_ = re.findall(r"```text\n(.*?)```", page.read_text(), flags=re.S)
    printed = capsys.readouterr().out
    pace = re.compile(r"About .+? here")  # the time differs by machine, and the accuracy may in its last digits
    assert pace.sub("", printed).splitlines()[:2] == pace.sub("", shown).splitlines()[:2]
    assert float(printed.splitlines()[2].split()[0]) == pytest.approx(float(shown.splitlines()[2].split()[0]), abs=0.05)


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name
)
def test_links_and_named_files_are_there(page):
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target
    for name in re.findall(r"`((?:engine|plan|studies|training|data)/\w+\.py)`", text):
        assert (ROOT / "src" / "lotterylab" / name).is_file(), name


def test_each_of_the_eight_works_has_a_command_that_names_its_study():
    bibliography = " ".join((ROOT / "src" / "lotterylab" / "references.bib").read_text().split())
    titles = re.sub("[{}]", "", bibliography)
    listed = re.findall(r"^\| ([^|]+?) \| `lotterylab run ([^`]+)` \|$", (ROOT / "README.md").read_text(), flags=re.M)
    assert len(listed) == len({words for _, words in listed}) == 8
    for work, words in listed:
        name, *options = words.split()
        assert name in STUDIES
        asked = line.command(Run, options, program="lotterylab run", study=name)
        assert asked.study is study_named(name)
        title = re.split(r": GraSP| \(", work)[0]
        assert title in titles or work.startswith("A published activation study"), title


def test_every_cited_work_is_in_the_bibliography():
    known = set(re.findall(r"@\w+\{(\w+),", (ROOT / "src" / "lotterylab" / "references.bib").read_text()))
    cited = set()
    for source in (ROOT / "src").rglob("*.py"):
        cited |= set(re.findall(r"\[([a-z]+\d{4}[a-z]+)", source.read_text()))
    assert cited <= known, cited - known


def test_the_parameters_files_of_a_page_are_read(tmp_path):
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "command.md").read_text(), flags=re.S)
    assert blocks
    for block in blocks:
        (tmp_path / "study.toml").write_text(block)
        plan = line.command(Plan, ["--config", str(tmp_path / "study.toml")], program="lotterylab plan activations")
        assert plan.options.model_options == {"widths": (16, 32, 64)} and plan.options.seeds == 2


def test_every_option_of_the_command_is_documented_or_in_its_help():
    page = (ROOT / "docs" / "command.md").read_text()
    for option in (
        "--data",
        "--data-dir",
        "--preset",
        "--protocols",
        "--seeds",
        "--sparsities",
        "--workers",
        "--path",
        "--ledger",
    ):
        assert option in page
