"""Where a run was asked for: a script with and without its guard, a console, a notebook, another pool, a thread."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest

from engine.test_pool import OWN_GUARDED, SCRIPT
from lotterylab import tickets
from lotterylab.engine.here import run_here
from lotterylab.engine.local import run
from lotterylab.engine.store import Store
from lotterylab.engine.surroundings import is_daemonic, main_hidden
from lotterylab.errors import RefusedError, UsageError
from lotterylab.from_python.studies import computed
from lotterylab.models.custom import CustomModel
from lotterylab.plan.plan import Plan, Row
from some_cells import run_cell
from some_plans import DENSE, INIT, RUN

FOLDERS = os.pathsep.join(path for path in sys.path if path)

# (how the script is called, what it calls) -> the beginning of its last line, and what else that line has
PLACES: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "a script": ("script", 'if __name__ == "__main__": main(INIT, DENSE)', "Summary(done=2, failed={}", ()),
    "a script without a guard": ("script", "main(INIT, DENSE)", "Summary(done=2, failed={}", ()),
    "standard input": ("stdin", "main(INIT, DENSE)", "Summary(done=2, failed={}", ()),
    "python -c": ("-c", "main(INIT, DENSE)", "Summary(done=2, failed={}", ()),
    "a script with a class": ("script", OWN_GUARDED, "Summary(done=1, failed={}", ()),
    "a class without a guard": (
        "script",
        "main(OWN)",
        "UsageError 2 script.py defines 'Mine'",
        ("outside if __name__ == '__main__'", "Put the call under it", "workers=0"),
    ),
    "a class from standard input": (
        "stdin",
        "main(OWN)",
        "UsageError 2 'Mine' is defined in a notebook or a console",
        ("workers=0", "define it in a module"),
    ),
    "a class from python -c": ("-c", "main(OWN)", "UsageError 2 'Mine' is defined in a notebook", ("workers=0",)),
    "a class in a function": (
        "script",
        "def inside():\n    class Inner(Mine): pass\n    main(replace(INIT, model=Inner(**vars(INIT.model))))\n"
        'if __name__ == "__main__": inside()',
        "UsageError 2 'inside.<locals>.Inner' is defined inside a function",
        ("workers=0", "top level"),
    ),
}


@pytest.mark.parametrize("where", PLACES)
def test_it_works_or_one_line_says_what_to_do(where: str, tmp_path: Path) -> None:
    how, call, begins, words = PLACES[where]
    text = SCRIPT.replace("CALL", call).replace("lambda event: print(event.word, event.detail)", "lambda event: None")
    (tmp_path / "script.py").write_text(text)
    command = {"script": ["script.py"], "stdin": ["-"], "-c": ["-c", text]}[how]
    done = subprocess.run(
        [sys.executable, *command, "store", "0"],
        input=text if how == "stdin" else "",
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": FOLDERS},
        timeout=120,
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    (line,) = done.stdout.splitlines()
    assert line.startswith(begins) and all(word in line for word in words), line
    if begins.startswith("UsageError"):
        assert not (tmp_path / "store").exists()


def in_a_pool(store: str, workers: int | None) -> tuple[str, str]:
    assert workers == 1 or is_daemonic() or not workers
    plan = Plan(name="one", rows=(Row(labels={"seed": 0}, nodes={"init": INIT, "mask": DENSE}),))
    try:
        rows = computed(plan, Store(store), data_dir=None, workers=workers)
        return "done", str(rows[0].complete)
    except BaseException as error:
        return type(error).__name__, str(error)


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("workers", [None, 0, 1])
def test_in_the_worker_of_another_pool_the_default_computes_there(
    method: str, workers: int | None, tmp_path: Path
) -> None:
    with multiprocessing.get_context(method).Pool(1) as pool:
        word, text = pool.apply_async(in_a_pool, (str(tmp_path / "store"), workers)).get(120)
    if workers == 1:
        assert word == "UsageError" and "the worker of another pool" in text and "Give workers=0" in text
        assert not (tmp_path / "store").exists(), "and no store is left locked"
    else:
        assert (word, text) == ("done", "True")


def test_the_worker_of_an_executor_may_start_workers(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        assert pool.submit(in_a_pool, str(tmp_path / "store"), 1).result(120) == ("done", "True")


def test_the_main_module_is_as_it_was_after_it_was_hidden() -> None:
    main = sys.modules["__main__"]
    before = dict(vars(main))
    with main_hidden(True):
        assert main.__spec__ is None and "__file__" not in vars(main)
    assert dict(vars(main)) == before
    with main_hidden(False):
        assert dict(vars(main)) == before


# threads


def test_threads_compute_one_after_another_with_the_bits_of_one(tmp_path: Path) -> None:
    run_here([RUN], Store(tmp_path / "alone"))
    stores = [Store(tmp_path / name) for name in ("a", "b", "c", "c")]  # two of them in one store
    threads = [threading.Thread(target=run_here, args=([RUN], store)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    wanted = Store(tmp_path / "alone").record(RUN.digest)
    assert wanted is not None
    for store in stores:
        record = Store(store.path).record(RUN.digest)
        assert record is not None and record.blobs == wanted.blobs


def test_a_store_in_use_by_another_call_of_this_process_is_refused_in_these_words(tmp_path: Path) -> None:
    store = Store(tmp_path).create()
    with store.lock(), pytest.raises(RefusedError, match="in use by another call in this process"):
        run([INIT], store, workers=1)


# a notebook: functions that stand in cells

CELL = """
import torch
RATE = 0.5

def init_fn(seed):
    torch.manual_seed(seed)
    return torch.nn.Linear(4, 2)

def train_fn(module, run):
    optimizer = torch.optim.SGD(module.parameters(), lr=RATE)
    with run.hold(optimizer):
        for step in run.steps:
            x = torch.randn(8, 4, generator=torch.Generator().manual_seed(1000 * run.seed + step))
            torch.nn.functional.cross_entropy(module(x), (x[:, 0] > 0).long()).backward()
            optimizer.step(); optimizer.zero_grad()

def eval_fn(module):
    x = torch.randn(64, 4, generator=torch.Generator().manual_seed(7))
    return (module(x).argmax(1) == (x[:, 0] > 0)).double().mean()
"""


def test_functions_of_a_notebook_s_cells_are_computed_and_named(tmp_path: Path, capsys: Any) -> None:
    def found(names: dict[str, Any]) -> str:
        functions = [names[name] for name in ("init_fn", "train_fn", "eval_fn")]
        result = tickets(*functions, steps=4, sparsities=[0.5], seeds=1, store=tmp_path)
        assert not result.failed
        return result.rows[0].nodes["train"].digest

    names: dict[str, Any] = {"__name__": "__main__"}
    run_cell(CELL, 1, names)
    first = found(names)
    run_cell(f"# the cell again, with a comment\n{CELL}", 2, names)
    assert found(names) == first and capsys.readouterr().err == ""
    run_cell("RATE = 0.1", 3, names)
    assert found(names) != first
    assert "has changed (train_fn): 2 finished trainings" in capsys.readouterr().err


@dataclass(frozen=True, kw_only=True)
class Own(type(INIT.model)):
    """A model of a test module."""


def test_a_class_of_an_imported_module_needs_no_script(tmp_path: Path) -> None:
    own = Own(**{field.name: getattr(INIT.model, field.name) for field in fields(INIT.model)})
    assert not run([replace(INIT, model=own)], Store(tmp_path), workers=1).failed


def test_a_reference_to_the_script_needs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    own = replace(INIT, model=CustomModel(source="__main__:net", code="", shape=(1, 8, 8)))
    with pytest.raises(UsageError, match=r"'net' is defined in a notebook or a console"):
        run([own], Store(tmp_path), workers=1)
