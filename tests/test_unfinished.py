"""The ledgers below results/unfinished/: each row belongs to the study's plan, and nothing of them is reported."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lotterylab.asking.catalogue import STUDIES
from lotterylab.commands import line
from lotterylab.commands.main import main
from lotterylab.commands.study import Report
from lotterylab.engine import ledger
from lotterylab.engine.records import Record
from lotterylab.engine.schedule import all_tasks
from lotterylab.errors import UsageError
from lotterylab.plan.digest import encode
from lotterylab.types import Fingerprint
from test_results import RESULTS, ROOT, tracked

FOLDER = RESULTS / "unfinished"
LEDGERS = sorted(FOLDER.glob("*.jsonl"))
SMALL = """\
size = "quick"
seeds = 2
steps = 2
width = 4
depths = [1]
rates = [0.1]
activations = ["tanh"]
data = "digits"
"""


def foreign(path: Path) -> list[str]:
    """The digests of a ledger that are not in the plan of the study that gives it its name."""
    config = ["--config", str(path.with_suffix(".toml"))] if path.with_suffix(".toml").exists() else []
    asked = line.command(Report, config, program="lotterylab report", study=path.stem)
    records = ledger.read(path)
    spec = asked.study.data(asked.options) if callable(asked.study.data) else asked.study.data
    used = [data for record in records for data in data_in(record.spec)]
    contents = {
        data["content"] for data in used if plain(spec) in [data["spec"], data["spec"].get("spec")]
    }  # or a part
    assert len(contents) == 1, f"{path.name} is of {len(contents)} versions of the study's data"
    plan = asked.study.resolve(asked.options, Fingerprint(content=contents.pop(), files=(), warnings=())).plan
    known = all_tasks(plan.targets())
    return [record.digest for record in records if record.digest not in known]


def plain(spec: Any) -> Any:
    return json.loads(encode(spec))


def data_in(value: Any) -> Iterator[dict[str, Any]]:
    """All data in a spec, with their content."""
    if isinstance(value, dict):
        if value.get("is") == "Data":
            yield value
        for inner in value.values():
            yield from data_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from data_in(inner)


@pytest.mark.parametrize("path", LEDGERS, ids=lambda path: path.stem)
def test_each_row_is_whole_and_of_the_study_s_plan(path):
    assert path.stem in STUDIES
    assert foreign(path) == []


def test_there_is_no_page_and_no_figure():
    files = {path.relative_to(FOLDER).as_posix() for path in tracked() if FOLDER in path.parents}
    names = {path.stem for path in LEDGERS}
    assert files <= {"README.md", *(f"{name}{suffix}" for name in names for suffix in (".jsonl", ".toml"))}


def test_no_other_page_shows_it():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *RESULTS.rglob("*.md")]
    linked = [link for page in pages for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8"))]
    assert [link for link in linked if re.search(r"unfinished/(?!README\.md)", link)] == []


@pytest.fixture(scope="module")
def part(tmp_path_factory) -> Path:
    """The ledger of the first of two seeds, with its options beside it."""
    folder = tmp_path_factory.mktemp("part")
    (folder / "glorot.toml").write_text(SMALL)
    words = ["--config", str(folder / "glorot.toml"), "--seeds", "1", "--ledger", str(folder / "glorot.jsonl")]
    how = ["--store", str(folder / "store"), "--workers", "1", "--progress", "none"]
    assert main(["run", "glorot", *words, *how]) == 0
    return folder / "glorot.jsonl"


def test_the_ledger_of_a_part_is_accepted(part):
    assert len(ledger.read(part)) > 1
    assert foreign(part) == []


def test_a_row_of_another_study_is_named(part, tmp_path):
    stranger = Record(digest="0" * 64, kind="At", metrics={"step": 1}, facts={})
    (tmp_path / "glorot.toml").write_text(SMALL)
    (tmp_path / "glorot.jsonl").write_text(f"{part.read_text()}{stranger.line()}\n")
    assert foreign(tmp_path / "glorot.jsonl") == ["0" * 64]


def test_a_row_that_was_changed_is_refused(part, tmp_path):
    (tmp_path / "glorot.toml").write_text(SMALL)
    (tmp_path / "glorot.jsonl").write_text(part.read_text().replace('"steps":', '"step":', 1))
    with pytest.raises(UsageError, match=r"line \d+, is damaged: it does not match its checksum"):
        foreign(tmp_path / "glorot.jsonl")
