"""The folders below results/: light, whole, and each with a study.toml that fits its ledger."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lotterylab.commands import line, parameters
from lotterylab.commands.reports import study_folders
from lotterylab.commands.study import Report
from lotterylab.data.kept import kept
from lotterylab.engine.known import DIGEST

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
UNFINISHED = RESULTS / "unfinished"  # ledgers that wait for their last seeds (test_unfinished.py)
FOLDERS = [folder for folder in study_folders(RESULTS) if folder != UNFINISHED]
MOST_MB = 60  # of all tracked files below results/
names = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(RESULTS)))


def tracked() -> set[Path]:
    """The files of results/ that git keeps, and those that it would take up."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("this is not a clone")
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", "results"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    return {ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).exists()}


def test_no_ledger_is_without_its_study():
    assert {file.parent for file in RESULTS.rglob("ledger.jsonl")} == set(FOLDERS)
    assert {file.parent for file in RESULTS.rglob("study.toml")} == set(FOLDERS)


@names
def test_a_study_toml_fits_its_ledger_and_data_without_the_data(folder, monkeypatch):
    monkeypatch.delenv("LOTTERYLAB_DATA", raising=False)
    file = folder / "study.toml"
    study = parameters.read(file)["study"]
    asked = line.command(Report, ["--config", str(file)], program="lotterylab report", study=study)
    plan = asked.study.resolve(asked.options, kept(folder / "data.json")).plan
    known = {match.decode() for match in DIGEST.findall((folder / "ledger.jsonl").read_bytes())}
    runs = [row.nodes["train"].digest for row in plan.rows]
    assert sum(run in known for run in runs) > 0.8 * len(runs)  # a control that was added later may be missing


def test_what_is_kept_is_ledgers_readmes_and_the_figures_that_they_show():
    shown = {
        (page.parent / target).resolve()
        for page in [ROOT / "README.md", *RESULTS.rglob("README.md")]
        for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    }
    texts = {"README.md", "PREDICTIONS.md", "related-work.md", "ledger.jsonl", "study.toml", "data.json"}
    files = {path.resolve() for path in tracked()}
    assert {path for path in files if path.name not in texts and path.parent != UNFINISHED} == shown
    assert sum(path.stat().st_size for path in files) < MOST_MB * 1e6


@pytest.mark.parametrize("page", sorted(RESULTS.rglob("*.md")), ids=lambda page: str(page.relative_to(RESULTS)))
def test_the_links_of_a_page_lead_to_files_that_are_kept(page):
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8"))]
    targets = {(page.parent / link).resolve() for link in links if "://" not in link}
    assert {target for target in targets if not target.exists()} == set()
    inside = {target for target in targets if RESULTS in target.parents}
    assert inside <= {path.resolve() for path in tracked()}
