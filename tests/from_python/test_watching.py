"""Progress of a call from Python, and its end by an interrupt: one line, and the same call goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lotterylab import run_study, tickets
from lotterylab.engine.here import run_here
from lotterylab.engine.local import Event
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.from_python.watching import watched
from lotterylab.plan.plan import Plan, Row
from lotterylab.report.progress import names_of
from some_loop import eval_fn, init_fn, train_fn
from some_plans import FAILS, INIT, RUN

SMALL: dict[str, Any] = {
    "data": "digits",
    "preset": "small",
    "seeds": 1,
    "activations": ("tanh",),
    "sparsities": (0.5,),
    "dense_epochs": 1,
    "pruned_epochs": 1,
    "rates": (0.1,),
    "protocols": ("corrected",),
    "methods": ("random",),
}


def find(store: Path, **changes: Any) -> Any:
    return tickets(init_fn, train_fn, eval_fn, steps=4, sparsities=[0.5], seeds=1, store=store, **changes)


def test_a_word_that_is_no_kind_of_progress_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no kind of progress is named 'bar'\. Did you mean 'bars'"):
        find(tmp_path / "store", progress="bar")
    with pytest.raises(UsageError, match="no kind of progress is named 'lines'"):
        run_study("activations", store=tmp_path / "store", progress="lines", **SMALL)  # type: ignore[arg-type]
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("kind", ["auto", "none"])
def test_away_from_a_terminal_nothing_is_said_unless_asked(kind: Any, tmp_path: Path, capfd: Any) -> None:
    find(tmp_path, progress=kind)
    assert capfd.readouterr().err == ""


def test_plain_lines_count_the_runs_of_a_loop(tmp_path: Path, capfd: Any) -> None:
    find(tmp_path, progress="plain")
    err = capfd.readouterr().err
    assert "of 2 runs" in err and err.count("\n") <= 3, "one line every ten seconds"


def test_bars_show_and_leave_no_trace(tmp_path: Path, capfd: Any) -> None:
    assert find(tmp_path, progress="bars").rows.trained
    assert "FAULT" not in capfd.readouterr().err


@pytest.mark.parametrize("workers", [0, 1])
def test_a_study_shows_its_progress_in_this_process_and_in_workers(workers: int, tmp_path: Path, capfd: Any) -> None:
    rows = run_study("activations", store=tmp_path, workers=workers, progress="plain", **SMALL)
    assert all(row.complete for row in rows)
    assert " runs, " in capfd.readouterr().err


def test_this_process_tells_of_every_task_and_its_progress(tmp_path: Path) -> None:
    events: list[Event] = []
    summary = run_here([RUN, FAILS], Store(tmp_path), listen=events.append)
    words = [(event.word, event.node) for event in events]
    assert words.count(("started", RUN)) == words.count(("done", RUN)) == 1
    assert ("progress", RUN) in words and words.count(("failed", FAILS)) == 1
    assert sum(word == "done" for word, _ in words) == summary.done
    (failed,) = [event for event in events if event.word == "failed"]
    assert failed.detail[0] == summary.failed[FAILS.digest] and "Traceback" in failed.detail[1]


def test_a_loop_reports_its_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lotterylab.engine.here.EVERY_SECONDS", 0.0)
    heard: list[tuple[int, int]] = []
    node = find(tmp_path / "first").rows[0].nodes["train"]
    run_here(
        [node],
        Store(tmp_path / "second"),
        listen=lambda event: heard.append(event.detail) if event.word == "progress" else None,
    )
    assert heard == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_runs_of_a_plan_of_one_s_own_have_their_labels_as_names() -> None:
    rows = (
        Row(labels={"arm": "dense", "seed": 3}, nodes={"train": RUN}),
        Row(labels={"seed": 3}, nodes={"init": INIT}),
    )
    assert names_of(Plan(name="mine", rows=rows)) == {RUN.digest: "dense seed 3"}


def test_an_interrupt_becomes_one_line_without_the_frames_of_what_it_interrupted(tmp_path: Path) -> None:
    plan, store = Plan(name="mine", rows=(Row(labels={"seed": 0}, nodes={"train": RUN}),)), Store(tmp_path / "store")
    with pytest.raises(KeyboardInterrupt) as interrupt, watched("none", plan, store):
        raise KeyboardInterrupt
    text = str(interrupt.value)
    assert text == f"Interrupted. What is done is kept in {tmp_path / 'store'}; the same call goes on."
    assert interrupt.value.__suppress_context__


SCRIPT = """
import sys, time
import some_loop
from lotterylab import tickets

def train_fn(module, run):
    print("training", flush=True)
    time.sleep(float(sys.argv[2]))
    some_loop.train_fn(module, run)

functions = some_loop.init_fn, train_fn, some_loop.eval_fn
found = tickets(*functions, steps=2, sparsities=[0.5], seeds=1, store=sys.argv[1])
print("finished", len(found.rows.trained))
"""


def test_a_script_that_is_interrupted_ends_with_the_line_and_goes_on_the_next_time(tmp_path: Path) -> None:
    script, store = tmp_path / "script.py", tmp_path / "store"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, str(script), str(store)]
    with subprocess.Popen(
        [*command, "60"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "training\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode in (130, -signal.SIGINT)
    last = err.strip().splitlines()[-1]
    assert last == f"KeyboardInterrupt: Interrupted. What is done is kept in {store}; the same call goes on."
    assert "time.sleep" not in err and err.count("File") <= 5, err
    done = subprocess.run([*command, "0"], capture_output=True, text=True, env=environment, timeout=120)
    assert done.stdout.splitlines()[-1] == "finished 2", done.stderr
