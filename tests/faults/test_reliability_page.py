"""docs/reliability.md: every promise has its row, its tests exist, and the tables are those that the script makes."""

from __future__ import annotations

import json
import re

import pytest

from faults.promises import PROMISES
from faults.summary import NOT_YET, PAGE, ROOT, collected, figure, promises, put, rows, schedules

ROW = {"form": "long", "seconds": 2.0, "machine": "m", "command": "python -m pytest tests/faults/test_kills.py -k long"}


def test_every_promise_has_a_row():
    found = re.findall(r"^\| (R\d+) \| (.+?) \|", PAGE.read_text(), flags=re.M)
    assert [name for name, _ in found] == [f"R{number}" for number in range(1, 16)]
    assert [text for _, text in found] == [promise.text for promise in PROMISES]


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.name)
def test_the_tests_of_a_promise_exist(promise):
    assert promise.tests or promise.name == "R4"
    for test in promise.tests:
        assert (ROOT / test).is_file(), test
        assert test in PAGE.read_text()


def test_several_machines_are_not_promised():
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| R4 ")]
    assert len(lines) == 1 and lines[0].count(NOT_YET) == 2


def test_every_schedule_that_a_promise_names_exists():
    sources = "".join(path.read_text() for path in (ROOT / "tests" / "faults").glob("test_*.py"))
    names = re.findall(r"schedule\(\s*f?\"([^\"]+)\"", sources)
    for promise in PROMISES:
        for beginning in promise.schedules:
            if beginning != "E":  # the name of an errno
                word = beginning.split()[0]
                assert any(name.startswith(word) for name in names), beginning


def test_the_tables_are_made_from_the_results(tmp_path):
    parts = [
        {**ROW, "name": "kill before each call", "tried": 1000, "survived": 999, "found": ["x"], "notes": "3 a, 2 b"},
        {**ROW, "name": "kill before each call", "tried": 10, "survived": 10, "found": [], "notes": "1 a"},
        {**ROW, "name": "kill before each call", "form": "short", "tried": 5, "survived": 5, "found": [], "notes": ""},
    ]
    (tmp_path / "last-run.jsonl").write_text("".join(json.dumps(part) + "\n" for part in parts))
    results = rows(tmp_path / "last-run.jsonl")
    text = "\n".join(schedules(results))
    assert "| kill before each call | 1,010 | 1,009 | 1 | 4 a, 2 b | 4 | `tests/faults/test_kills.py` |" in text
    assert figure(PROMISES[0], results, None) == "1,009 of 1,010 trials"
    assert len(promises(results, lambda tests: 7)) == len(PROMISES) + 2
    assert "7 tests" in "\n".join(promises(results, lambda tests: 7))


def test_a_table_takes_the_place_of_the_last_one():
    page = "a\n<!-- x -->\nold\n<!-- end of x -->\nb"
    assert put(page, "x", ["new"]) == "a\n<!-- x -->\nnew\n<!-- end of x -->\nb"
    assert put(put(page, "x", ["y"]), "x", ["new"]) == put(page, "x", ["new"])


def test_the_number_of_tests_of_a_promise_is_counted():
    assert collected(["tests/faults/test_kills.py"]) == 5
