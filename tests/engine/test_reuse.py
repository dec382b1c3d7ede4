"""Finished results that are not reused say why: which function's code has changed, or which version."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lotterylab import tickets
from lotterylab.engine.here import run_here
from lotterylab.engine.reuse import not_reused
from lotterylab.engine.store import Store
from lotterylab.plan.nodes import Init
from some_plans import INIT

LOOP = Path(__file__).parent.parent / "some_loop.py"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """A user's loop in a module of its own, trained for two steps after its text was edited."""
    folder = tmp_path / "code"
    folder.mkdir()
    shutil.copy(LOOP.parent / "some_plans.py", folder)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def run(*edits: tuple[str, str], **options: object) -> None:
        text = LOOP.read_text()
        for old, new in edits:
            assert old in text
            text = text.replace(old, new)
        (folder / "own_loop.py").write_text(text)
        sys.modules.pop("own_loop", None)
        importlib.invalidate_caches()
        loop = importlib.import_module("own_loop")
        given = {"steps": 2, "sparsities": [0.5], "seeds": 1, "store": tmp_path / "store", **options}
        tickets(loop.init_fn, loop.train_fn, loop.eval_fn, **given)

    yield run
    sys.modules.pop("own_loop", None)


def test_a_changed_function_is_named_with_the_number_of_trainings(own, capsys):
    own()
    assert capsys.readouterr().err == ""
    own(("loader(run.seed), optimizer", "loader(run.seed + 0), optimizer"))
    said = capsys.readouterr().err
    assert "the code of 'own_loop.init_fn' has changed (train_by): 2 finished trainings under other code in" in said
    assert said.count("\n") == 1 and said.strip().endswith("are kept, and not reused.")


def test_a_comment_is_not_said_to_be_a_change_and_everything_is_reused(own, capsys, monkeypatch):
    own()
    monkeypatch.setattr("lotterylab.engine.user_training.call", lambda *given: pytest.fail("it was trained again"))
    own(("    batches, rate =", "    # a comment\n\n    batches, rate ="))
    assert capsys.readouterr().err == ""


def test_a_new_version_and_new_and_lost_functions_are_named(own, capsys):
    own()
    own(version=2)
    assert "has changed (version=2, was 1)" in capsys.readouterr().err
    own(
        ("    train_by(torch.optim.SGD", "    helper()\n    train_by(torch.optim.SGD"),
        ("T, K, ", "def helper(): ...\n\n\nT, K, "),
    )
    assert "(train_fn, helper is new" in capsys.readouterr().err
    own()
    assert capsys.readouterr().err == "", "its results are there"


def test_nothing_is_said_of_a_plan_without_code_of_the_user_s(tmp_path):
    store = Store(tmp_path).create()
    run_here([INIT], store)
    assert not_reused([Init(model=INIT.model, seed=5)], store) == []
