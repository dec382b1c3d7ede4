"""Kills at random instants, of the parent, of workers and of both; processes that are stopped; clocks that jump."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree

import pytest

from faults.checks import Whole, explained
from faults.schedules import FORMS, forms_of, schedule
from faults.shim import Fault
from lotterylab.engine.store import Store
from lotterylab.engine.verify import verify

WORKERS = {"short": 2, "long": 8}
PLAN = {"short": "whole", "long": "workers"}
SPREAD = {"short": 0.3, "long": 5.0}  # seconds after the first worker's start in which the strikes fall
STOPS = ("a worker, for a while", "the parent, for a while")
ORPHANS = 120.0  # seconds that workers may take to end without their parent; those that start import torch first


@pytest.fixture(scope="module")
def wholes(lab, shelf) -> dict[str, Whole]:
    return {form: Whole.of(lab, plan, shelf / f"whole-{plan}") for form, plan in PLAN.items()}


@pytest.fixture
def whole(wholes, form) -> Whole:
    return wholes[form]


@forms_of("whom", short=["parent", "workers"], long=["parent", "workers", "both"])
def test_kills_at_random_instants_change_no_result(lab, shelf, whole, form, whom):
    with schedule(f"random kills: {whom}", form, __file__) as trials:
        trials.notes = f"{WORKERS[form]} workers"
        for number, seed in trials.some(range(34), short=1):
            store = shelf / f"{whom}-{number}"

            def check(store: Path = store, seed: int = seed) -> Iterator[str]:
                given = (store, PLAN[form], WORKERS[form], whom, seed, SPREAD[form])
                first = lab.call("compute_under_strikes", *given, seconds=300, linger=ORPHANS)
                if not first.in_time:
                    yield f"hangs after the kill of {whom}"
                if whom == "workers":
                    yield from whole.finished(first)
                elif first.signal not in (signal.SIGKILL, 0):
                    yield f"the killed run {first}"
                if first.left_behind:
                    yield f"workers are still there {ORPHANS:.0f} s after the end of the run"
                if store.exists() and (damaged := list(verify(Store(store)))):
                    yield f"verify finds damage after the kill: {damaged[0]}"
                yield from whole.finished(lab.call("compute", store, PLAN[form]))
                yield from whole.problems(store)

            trials.guarded(f"[{number}] {whom}", check)
            rmtree(store, ignore_errors=True)


@forms_of("whom", short=STOPS[:1], long=STOPS)
def test_a_stopped_process_that_continues_changes_no_result(lab, shelf, whole, form, whom):
    with schedule(f"stopped: {whom}", form, __file__) as trials:
        for number, seed in trials.some(range(8), short=1):
            store = shelf / f"stop-{whom[:4]}-{number}"

            def check(store: Path = store, seed: int = seed) -> Iterator[str]:
                given = (store, PLAN[form], 2, whom, seed, SPREAD[form])
                yield from whole.finished(lab.call("compute_under_strikes", *given, seconds=300, linger=ORPHANS))
                yield from whole.problems(store)

            trials.guarded(f"[{number}] {whom}", check)
            rmtree(store, ignore_errors=True)


@pytest.mark.nightly
@pytest.mark.parametrize("form", ["long"])
def test_a_worker_that_is_stopped_for_good_is_replaced(lab, shelf, whole, form):
    with schedule("stopped: a worker, for good", form, __file__) as trials:
        for number, seed in trials.some(range(4), short=1):
            store = shelf / f"hang-{number}"

            def check(store: Path = store, seed: int = seed) -> Iterator[str]:
                given = (store, "workers", 2, "a worker, for good", seed, 2.0)
                yield from whole.finished(lab.call("compute_under_strikes", *given, seconds=400, linger=ORPHANS))
                yield from whole.problems(store)

            trials.guarded(f"[{number}] a worker, for good", check)
            rmtree(store, ignore_errors=True)


DAY = 86_400


@pytest.fixture(scope="module")
def small(lab, shelf) -> Whole:
    return Whole.of(lab, "writes", shelf / "small")


@FORMS
def test_a_clock_that_jumps_changes_no_result(lab, shelf, small, form):
    total = lab.call("compute", shelf / "clock", "writes", fault=Fault(), folder=shelf / "clock").calls
    jumps = [(at, clock) for at in range(0, total, 3) for clock in (DAY, -DAY, -60 * 366 * DAY)]
    with schedule("a clock that jumps", form, __file__) as trials:
        trials.notes = "by a day forwards and backwards, and to before 1970"
        for number, (at, clock) in trials.some(jumps, short=4):
            store, jump = shelf / f"clock-{number}", Fault(action="clock", at=at, clock=clock)
            kill = Fault(action="kill", at=min(total - 1, at + 20), clock=clock)

            def check(store: Path = store, jump: Fault = jump, kill: Fault = kill) -> Iterator[str]:
                lab.call("compute", store, "writes", fault=kill, folder=store)
                ending = lab.call("compute", store, "writes", fault=jump, folder=store)
                yield from explained(ending)
                yield from small.finished(ending)
                yield from small.problems(store)

            trials.guarded(f"[{number}] {clock} s at call {at}", check)
            rmtree(store, ignore_errors=True)
