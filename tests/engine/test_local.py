"""Worker processes: the same bits with one or two of them, however often killed; failures; interrupts.

What can be killed runs as a script of its own; a worker takes seconds to start, so one run answers several questions.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from ast import literal_eval
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import some_plans
from lotterylab.engine.here import run_here
from lotterylab.engine.local import Event, run
from lotterylab.engine.store import Store
from lotterylab.engine.verify import verify
from lotterylab.errors import RefusedError
from some_endings import is_alone
from some_plans import DENSE, FAILS, FINE, INIT, PLANS, RUN, TICKET, TWIN, hashes

WHOLE = PLANS["whole"]


@contextmanager
def script(store: Store, workers: int = 1, plan: str = "whole") -> Iterator[subprocess.Popen[str]]:
    """The script in a process group of its own, killed in the end if it still runs."""
    command = [sys.executable, some_plans.__file__, str(store.path), str(workers), plan]
    paths = os.pathsep.join(path for path in sys.path if path)
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        with process:
            yield process
    finally:
        kill_group(process)


def kill_group(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def lines(process: subprocess.Popen[str]) -> Iterator[list[str]]:
    assert process.stdout
    for line in process.stdout:
        yield line.split(maxsplit=3)


def summary(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0 and err == "", err
    return literal_eval(out.splitlines()[-1].removeprefix("summary "))


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory) -> Store:
    store = Store(tmp_path_factory.mktemp("unbroken"))
    with script(store, workers=1) as process:
        found = summary(process)
    assert found == {"done": len(list(store.records())), "failed": {}, "skipped": 0, "interrupted": 0}
    return store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_two_workers_give_the_same_bits_as_one(unbroken, store):
    with script(store, workers=2) as process:
        assert summary(process)["failed"] == {}
    assert hashes(store) == hashes(unbroken)


def test_identical_masks_are_trained_once_and_a_finished_store_starts_no_worker(unbroken):
    one, other = (unbroken.record(node.digest) for node in (TICKET, TWIN))
    assert one and other and {one.same_as, other.same_as} == {"", (other if other.same_as == "" else one).digest}
    before = set(multiprocessing.active_children())
    assert run(WHOLE, unbroken).done == 0 and set(multiprocessing.active_children()) == before


# killed


def killed_at(instant: int, pause: float, store: Store) -> int:
    """Run, and kill the whole group a moment after its n-th line; how many lines there were."""
    with script(store, workers=2) as process:
        seen = 0
        for seen, _ in enumerate(lines(process), start=1):
            if seen == instant:
                time.sleep(pause)
                break
        kill_group(process)
    return seen


def check_kills(unbroken: Store, store: Store, kills: int, seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(kills):
        killed_at(draw.randint(1, 25), draw.uniform(0, 0.05), store)
        assert list(verify(store)) == []
    with script(store, workers=2) as process:
        assert summary(process)["failed"] == {}
    assert hashes(store) == hashes(unbroken)


def test_killed_at_three_instants_it_ends_with_the_bits_of_one_that_was_not(unbroken, store):
    check_kills(unbroken, store, kills=3, seed=0)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(1, 6))
def test_killed_at_twenty_instants_it_ends_with_the_bits_of_one_that_was_not(unbroken, store, seed):
    check_kills(unbroken, store, kills=4, seed=seed)


def test_a_worker_that_is_killed_is_replaced_and_the_run_finishes(store):
    kills: list[int] = []

    def listen(event: Event) -> None:
        victims = [one.pid for one in multiprocessing.active_children() if one.name.startswith("SpawnProcess")]
        if event.word == "progress" and not kills:  # while it trains; what it has is saved
            kills.extend(pid for pid in victims if pid)
            os.kill(kills[0], signal.SIGKILL)

    found = run([RUN], store, workers=1, save_every_seconds=0.0, listen=listen)
    assert len(kills) == 1 and (found.done, found.failed, found.interrupted) == (3, {}, 0)
    assert {record.digest for record in store.records()} == {INIT.digest, DENSE.digest, RUN.digest}


# interrupted


ENDINGS = [(signal.SIGINT,), (signal.SIGTERM,), (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM)]


@pytest.mark.parametrize("numbers", ENDINGS, ids=lambda numbers: numbers[0].name)
def test_a_signal_to_the_group_ends_it_and_leaves_a_store_that_goes_on(store, numbers):
    long = PLANS["long"][0]
    with script(store, plan="long") as process:
        epochs = (words for words in lines(process) if words[0] == "progress")
        first = next(epochs)
        for number in numbers:  # a terminal that closes may send its signal twice, and a batch system more
            os.killpg(process.pid, number)
        assert process.stdout and process.stderr
        rest = process.stdout.read()
        assert process.wait(60) == 0 and process.stderr.read() == "" and is_alone(process)
        found = literal_eval(rest.splitlines()[-1].removeprefix("summary "))
    assert found == {"done": 2, "failed": {}, "skipped": 0, "interrupted": found["interrupted"]}
    assert found["interrupted"] in numbers
    assert first[2] == long.digest and long.digest not in store
    partial = store.load_partial(long.digest)
    assert partial and partial[1]["step"] > 0
    with store.lock():
        pass


def test_a_second_interrupt_ends_it_at_once_and_under_nohup_a_closed_terminal_does_not(store):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does, for the process that starts now
    with script(store, plan="long") as process:
        signal.signal(signal.SIGHUP, before)
        next(words for words in lines(process) if words[0] == "progress")
        os.killpg(process.pid, signal.SIGHUP)
        for _ in range(20):
            assert next(lines(process))[0] == "progress"
        began = time.monotonic()
        for _ in range(2):
            os.kill(process.pid, signal.SIGINT)
            time.sleep(0.01)  # else the system may deliver one for both
        out, err = process.communicate(timeout=60)
        assert time.monotonic() - began < 10 and is_alone(process)
    assert "'interrupted': 2" in out and err == ""


def test_interrupted_while_its_workers_start_it_ends_without_a_word_from_them(store):
    with script(store, plan="long") as process:
        assert next(lines(process))[0] == "started"
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert "'failed': {}" in out and "'interrupted': 2" in out and err == ""


# failures


def test_a_node_that_fails_is_reported_what_needs_it_skipped_and_the_rest_done(store):
    events: list[Event] = []
    found = run(PLANS["fails"], store, workers=1, listen=events.append)
    assert list(found.failed) == [FAILS.digest]
    assert "UsageError: the scoring batch needs 99 images of class 0" in found.failed[FAILS.digest]
    assert found.skipped == 3 and FINE.digest in store  # a training, a shuffled mask and its training
    (failure,) = [event for event in events if event.word == "failed"]
    assert failure.node == FAILS and "Traceback" in failure.detail[1]
    assert FAILS.digest not in store  # so that the next run tries again


def test_a_store_in_use_is_refused_and_outside_the_main_thread_signals_stay_whose_they_were(store, unbroken):
    store.create()
    with store.lock(), pytest.raises(RefusedError, match="in use by another call in this process"):
        run(WHOLE, store)
    before, found = signal.getsignal(signal.SIGINT), []
    thread = threading.Thread(target=lambda: found.append(run(WHOLE, unbroken)))
    thread.start()
    thread.join()
    assert found[0].done == 0 and signal.getsignal(signal.SIGINT) is before


def test_in_this_process_it_gives_the_bits_of_the_workers(tmp_path):
    apart, here = Store(tmp_path / "apart"), Store(tmp_path / "here")
    targets = [RUN, TICKET, FAILS]
    assert (
        run(targets, apart, workers=1).failed.keys() == run_here(targets, here).failed.keys() == here.failures().keys()
    )
    assert hashes(apart) == hashes(here)
    assert run_here([RUN, TICKET], here).done == 0
