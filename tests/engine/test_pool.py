"""The pool of workers: safe against every error, with a word about workers that stand still, and an end to them."""

from __future__ import annotations

import errno
import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lotterylab.engine import local
from lotterylab.engine.here import run_here
from lotterylab.engine.local import Event, run
from lotterylab.engine.pool import Pool
from lotterylab.engine.store import Store
from lotterylab.errors import LotteryError, SystemRefusal
from lotterylab.plan.nodes import Node
from some_endings import Ends, is_alone, process
from some_plans import DENSE, FINE, INIT, MAGNITUDE, RUN, hashes


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def ends(how: str) -> Node:
    return replace(MAGNITUDE, criterion=Ends(how=how), of=INIT)


def workers() -> list[int]:
    return [one.pid for one in multiprocessing.active_children() if one.pid and one.name.startswith("SpawnProcess")]


def refusing(monkeypatch: pytest.MonkeyPatch, number: int, first: int) -> None:
    """Let the system refuse to start the worker ``first`` and all after it."""
    real: Callable[[Pool], None] = Pool.add
    calls: list[None] = []

    def add(self: Pool) -> None:
        calls.append(None)
        if len(calls) >= first:
            raise OSError(number, os.strerror(number))
        real(self)

    monkeypatch.setattr(Pool, "add", add)


REFUSED = (errno.EAGAIN, errno.EMFILE, errno.ENOMEM)


@pytest.mark.parametrize("number", REFUSED, ids=lambda number: errno.errorcode[number])
def test_where_no_worker_can_start_it_is_refused_in_a_sentence_and_the_store_is_free(store, monkeypatch, number):
    refusing(monkeypatch, number, first=1)
    with pytest.raises(SystemRefusal, match=f"to start a worker process: .*{errno.errorcode[number]}") as refused:
        run([INIT], store, workers=2)
    assert refused.value.exit_code == 4 and workers() == []
    with store.lock():
        pass


def test_where_the_second_worker_cannot_start_one_computes_all_and_that_is_said_once(store, monkeypatch):
    refusing(monkeypatch, errno.EAGAIN, first=2)
    events: list[Event] = []
    found = run([RUN, FINE], store, workers=3, listen=events.append)
    assert (found.done, found.failed) == (4, {}) and workers() == []
    (fewer,) = [event.detail for event in events if event.word == "fewer"]
    assert fewer[:2] == (1, 3) and "ulimit -u" in fewer[2]


@pytest.mark.parametrize("instant", ["start", "listen", "check"])
def test_an_error_at_any_point_leaves_no_worker_and_a_free_store(store, monkeypatch, instant):
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    def fail_at_the_second(pool: Pool) -> None:
        if pool.workers:
            raise ZeroDivisionError
        real(pool)

    real = Pool.add
    if instant == "start":
        monkeypatch.setattr(Pool, "add", fail_at_the_second)
    if instant == "check":
        monkeypatch.setattr(local.Lock, "check", fail)
    with pytest.raises(ZeroDivisionError):
        run([INIT, DENSE], store, workers=2, listen=fail if instant == "listen" else lambda event: None)
    assert workers() == []
    with store.lock():
        pass


SCRIPT = """
import resource, sys
from dataclasses import dataclass, fields, replace
from lotterylab.engine.local import run
from lotterylab.engine.store import Store
from lotterylab.errors import LotteryError
from some_plans import DENSE, INIT

@dataclass(frozen=True, kw_only=True)
class Mine(type(INIT.model)):
    pass

OWN = replace(INIT, model=Mine(**{field.name: getattr(INIT.model, field.name) for field in fields(INIT.model)}))

def main(*nodes):
    if sys.argv[2] != "0":
        resource.setrlimit(getattr(resource, sys.argv[2]), (int(sys.argv[3]),) * 2)
    try:
        print(run(nodes, Store(sys.argv[1]), workers=2, listen=lambda event: print(event.word, event.detail)))
    except LotteryError as error:
        print(type(error).__name__, error.exit_code, error)

CALL
"""
GUARDED, OWN_GUARDED = (f'if __name__ == "__main__": main({nodes})' for nodes in ("INIT, DENSE", "OWN"))


def script(tmp_path: Path, store: Store, *words: str, call: str = GUARDED) -> list[str]:
    file = tmp_path / "script.py"
    file.write_text(SCRIPT.replace("CALL", call))
    return [sys.executable, str(file), str(store.path), *(words or ("0",))]


@pytest.mark.parametrize("files", [10, 14])
def test_with_too_few_open_files_it_ends_with_a_sentence(tmp_path, store, files):
    with process(script(tmp_path, store, "RLIMIT_NOFILE", str(files))) as running:
        out, err = running.communicate(timeout=60)
        assert running.returncode == 0 and err == "" and is_alone(running)
    assert out.startswith("SystemRefusal 4 the system refused to start a worker process: Too many open files (EMFILE)")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may start as many processes as it likes")
def test_with_too_few_processes_it_ends_with_a_sentence(tmp_path, store):
    with process(script(tmp_path, store, "RLIMIT_NPROC", "1")) as running:
        out, err = running.communicate(timeout=60)
        assert running.returncode == 0 and err == "" and is_alone(running)
    assert out.startswith("SystemRefusal 4 the system refused to start a worker process: ") and "ulimit -u" in out


def test_workers_that_die_while_they_start_stop_the_run_with_their_last_words(tmp_path, store):
    broken = f"{OWN_GUARDED}\nelse: import a_package_that_is_not_here"
    with process(script(tmp_path, store, call=broken)) as running:
        out, err = running.communicate(timeout=120)
        assert running.returncode == 0 and err == "" and is_alone(running)
    assert out.startswith("LotteryError 1 ") and "died before they could begin" in out
    assert out.endswith("| ModuleNotFoundError: No module named 'a_package_that_is_not_here'\n")


def test_workers_that_die_of_every_task_stop_the_run_before_all_were_tried(store, monkeypatch):
    tasks = [replace(INIT, seed=seed) for seed in range(1, 5)]

    kills: list[Node] = []

    def listen(event: Event) -> None:
        if event.word == "started":
            kills.append(event.node)
            os.kill(workers()[-1], signal.SIGKILL)

    monkeypatch.setattr(local, "ATTEMPTS", 1)
    with pytest.raises(LotteryError, match="3 worker processes in a row died before they could begin"):
        run(tasks, store, workers=1, listen=listen)
    assert kills == tasks[:3] and workers() == []


# workers that stand still


def stopping_once(how: signal.Signals) -> tuple[Callable[[Event], None], list[Event]]:
    """Listens, and sends a signal to the worker at its first word of progress."""
    events: list[Event] = []

    def listen(event: Event) -> None:
        if event.word == "progress" and not any(one.word == "progress" for one in events):
            os.kill(workers()[0], how)
        events.append(event)

    return listen, events


def test_a_stopped_worker_is_told_of_and_then_replaced_and_the_run_ends_with_the_same_bits(store, tmp_path):
    listen, events = stopping_once(signal.SIGSTOP)
    found = run([RUN], store, workers=1, save_every_seconds=0.0, patience_seconds=1.0, listen=listen)
    assert (found.done, found.failed) == (3, {}) and workers() == []
    first, last = (event.detail for event in events if event.word == "silent")
    assert not first.replaced and last.replaced and 1.0 <= first.seconds < last.seconds
    assert "has used no processor time; after 2 s it is replaced" in str(first)
    assert [event.word for event in events if event.node == RUN].count("started") == 2
    again = Store(tmp_path / "again")
    run_here([RUN], again)
    assert hashes(store) == hashes(again)


def test_tasks_that_end_their_worker_or_never_end_fail_and_all_others_are_done(store, monkeypatch):
    monkeypatch.setattr(local, "ATTEMPTS", 2)
    sleeps, exits = ends("sleeps"), ends("exits")
    found = run([sleeps, exits, FINE], store, workers=2, patience_seconds=1.0)
    assert found.done == 2 and found.failed.keys() == {sleeps.digest, exits.digest}
    assert "hung and was replaced 2 times" in found.failed[sleeps.digest]
    assert "died 2 times" in found.failed[exits.digest]
    assert store.failures().keys() == found.failed.keys() and workers() == []


def test_a_task_without_steps_that_computes_is_waited_for(store):
    events: list[Event] = []

    def listen(event: Event) -> None:
        events.append(event)
        if event.word == "silent":
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    found = run([ends("spins")], store, workers=1, patience_seconds=0.2, listen=listen)
    (silent,) = [event.detail for event in events if event.word == "silent"]
    assert (
        silent.computes and silent.replaced_after is None and str(silent).endswith("but computes; it is not replaced")
    )
    assert found.interrupted == signal.SIGINT and found.failed == {} and workers() == []


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit of the size of files")
def test_a_file_that_grows_too_large_fails_its_task_in_a_sentence(tmp_path, store):
    with process(script(tmp_path, store, "RLIMIT_FSIZE", "600")) as running:
        out, err = running.communicate(timeout=120)
        assert running.returncode == 0 and err == "" and is_alone(running)
    assert "failed={" in out and "SystemRefusal: the system refused " in out and "(EFBIG)" in out
