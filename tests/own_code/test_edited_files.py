"""A file that is edited while its old code runs: a result is named by the code that runs."""

from __future__ import annotations

import ast
import importlib
import linecache
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lotterylab.own_code.naming import code_of
from some_own_code import LOOP, imported, importing_from


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with importing_from(tmp_path) as folder:
        yield folder


def test_code_whose_file_was_edited_keeps_its_name_if_it_had_one(folder: Path) -> None:
    loop = imported(folder)
    before = code_of(loop.train)
    (folder / "loop.py").write_text(LOOP.replace("x + 1", "x + 2"))
    assert code_of(loop.train) == before
    (folder / "loop.py").unlink()
    assert code_of(loop.train) == before


def test_code_whose_file_was_edited_before_it_was_named_has_a_name_of_its_own(folder: Path) -> None:
    original = code_of(imported(folder).train)
    old = imported(folder, LOOP.replace("x + 1", "x + 4"))
    (folder / "loop.py").write_text(LOOP.replace("x + 1", "x + 5"))
    named = code_of(old.train)
    assert named.compiled == ("inner_helper",) and "edited after it was imported" in named.note()
    assert named.digest not in {original.digest, code_of(imported(folder, LOOP.replace("x + 1", "x + 5")).train).digest}


def test_a_comment_in_an_edited_file_changes_nothing(folder: Path) -> None:
    expected = code_of(imported(folder).train)
    loop = imported(folder, LOOP.replace("x + 1", "x + 6"))
    (folder / "loop.py").write_text("# a new first line\n\n" + LOOP.replace("x + 1", "x + 6  # six"))
    named = code_of(loop.train)
    assert named.compiled == () and named != expected
    assert named == code_of(imported(folder, LOOP.replace("x + 1", "x + 6")).train)


def test_a_reloaded_module_has_the_name_of_its_new_code(folder: Path) -> None:
    loop = imported(folder)
    before = code_of(loop.train)
    (folder / "loop.py").write_text(LOOP.replace("x + 1", "x + 7"))
    importlib.reload(loop)
    after = code_of(loop.train)
    assert after != before and after.compiled == ()
    assert after == code_of(imported(folder, LOOP.replace("x + 1", "x + 7")).train)


def test_values_that_were_changed_while_it_runs_count_as_they_are(folder: Path) -> None:
    loop = imported(folder)
    before = code_of(loop.train)
    loop.RATE = 0.7
    assert code_of(loop.train) == code_of(imported(folder, LOOP.replace("RATE = 0.1", "RATE = 0.7")).train) != before


ASKS = "import sys; sys.path.insert(0, {folder!r}); from lotterylab.own_code.naming import code_of; import loop; "


@pytest.mark.parametrize("edit", ["", "open('loop.py', 'w').write('');"])
def test_every_process_gives_the_same_name(edit: str, folder: Path) -> None:
    imported(folder)
    names = set()
    for seed in ("1", "2"):
        (folder / "loop.py").write_text(LOOP.replace("max(x, 0)", "x in {'a', 'b', 'c'} and max(x, 0)"))
        code = ASKS.format(folder=str(folder)) + edit + "print(code_of(loop.train).digest)"
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
        names.add(subprocess.check_output([sys.executable, "-c", code], cwd=folder, env=environment, text=True))
    assert len(names) == 1


def test_functions_without_a_file_are_named_by_their_compiled_form() -> None:
    made: dict[str, Callable[..., object]] = {}
    exec("RATE = 0.1\ndef train(x):\n    return x * RATE", made)
    other: dict[str, Callable[..., object]] = {}
    exec("# a comment\n\nRATE = 0.1\ndef train(x):\n    return (x * RATE)", other)
    third: dict[str, Callable[..., object]] = {}
    exec("RATE = 0.2\ndef train(x):\n    return x * RATE", third)
    assert code_of(made["train"]) == code_of(other["train"]) != code_of(third["train"])
    assert code_of(made["train"]).note() == ""


def test_a_cell_whose_statements_are_compiled_one_after_another_is_named_by_its_tree() -> None:
    """Its calls of an imported module have other bytecode than those of a file, and equal names."""
    functions = (
        "def train(x):\n    return math.floor(x)\nclass Net:\n    def build(self):\n        return math.ceil(2)\n"
    )
    text = f"import math\n{functions}"
    filename, apart, whole = "/tmp/ipykernel_0/1.py", {"__name__": "__main__"}, {"__name__": "__main__"}
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    for statement in ast.parse(text).body:
        exec(compile(ast.Module([statement], []), filename, "exec"), apart)
    exec(compile(text, filename, "exec"), whole)
    for name in ("train", "Net"):
        assert code_of(apart[name]) == code_of(whole[name]) and code_of(apart[name]).compiled == ()  # type: ignore[arg-type]
