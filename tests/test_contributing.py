"""CONTRIBUTING's table "where new things go" says numbers that are measured here, on the examples of the docs."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXTENDING = (ROOT / "docs" / "extending.md").read_text()


def table() -> dict[str, int]:
    """The number of lines that the table names, by what is new."""
    text = (ROOT / "CONTRIBUTING.md").read_text().partition("## Where new things go")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in text.splitlines() if row.startswith("| ")]
    return {row[0]: int(row[2]) for row in rows[1:] if row[2].isdigit()}


def lines_of(code: str) -> int:
    """Lines with something on them, without imports and docstrings."""
    tree = ast.parse(code)
    left_out: set[int] = set()
    for node in ast.walk(tree):
        of_a_body = getattr(node, "body", None)
        first = of_a_body[0] if isinstance(of_a_body, list) and of_a_body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            left_out |= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
        if isinstance(node, ast.Import | ast.ImportFrom):
            left_out |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return sum(bool(line.strip()) for number, line in enumerate(code.splitlines(), start=1) if number not in left_out)


def example(word: str) -> str:
    """The block of docs/extending.md in which a word stands."""
    return next(
        block for block in re.findall(r"```python(?: study)?\n(.*?)```", EXTENDING, flags=re.S) if word in block
    )


MEASURED = {
    "criterion": lambda: lines_of(example("class Taylor")),
    "intervention": lambda: lines_of(example("class Brush")),
    "activation": lambda: lines_of(example("ACTIVATIONS[")),
    "model": lambda: lines_of(example("class TwoLayers")),
    "study": lambda: lines_of(example("STUDY = Study(")),
    "option of a study": lambda: lines_of('width: int = option(32, help="Units of the hidden layer", most=4096)'),
}


def test_the_table_has_a_number_for_each_that_is_measured():
    assert set(table()) == set(MEASURED)


@pytest.mark.parametrize("what", MEASURED)
def test_the_number_is_that_of_the_example(what):
    assert table()[what] == MEASURED[what]()
