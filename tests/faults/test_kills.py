"""A kill before and after each file-system call: the same command then gives the results of an unbroken run."""

from __future__ import annotations

import signal
from pathlib import Path
from shutil import rmtree

import pytest

from faults.checks import Whole
from faults.lab import Lab
from faults.plans import KINDS
from faults.schedules import FORMS, schedule
from faults.shim import Fault
from lotterylab.engine.schedule import all_tasks
from lotterylab.engine.store import Store
from lotterylab.engine.verify import verify


@pytest.fixture(scope="module")
def whole(lab, shelf) -> Whole:
    return Whole.of(lab, "kinds", shelf / "whole")


def calls_of(lab: Lab, path: Path, plan: str) -> int:
    ending = lab.call("compute", path, plan, fault=Fault(), folder=path)
    assert ending.code == 0
    return ending.calls


def test_the_plan_has_every_kind_of_node_and_more_than_twenty_tasks():
    from lotterylab.engine.rules import RULES

    tasks = all_tasks(KINDS["kinds"]).values()
    assert len(tasks) >= 20 and {type(task) for task in tasks} == set(RULES)


@FORMS
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_kill_at_each_call_changes_no_result(lab, shelf, whole, form, after):
    total = calls_of(lab, shelf / f"counted-{after}", "kinds")
    with schedule(f"kill {'after' if after else 'before'} each file-system call", form, __file__) as trials:
        trials.notes = f"{total} calls of a plan of {len(whole.hashes)} tasks"
        for number, call in trials.some(range(total), short=3):
            store = shelf / f"{after}-{number}"
            fault = Fault(action="kill", at=call, after=after)
            first = lab.call("compute", store, "kinds", fault=fault, folder=store)

            def check(store: Path = store, first=first):
                if first.signal != signal.SIGKILL:
                    yield f"was not killed: {first}"
                if store.exists() and (damaged := list(verify(Store(store)))):
                    yield f"verify finds damage after the kill: {damaged[0]}"
                yield from whole.finished(lab.call("compute", store, "kinds"))
                yield from whole.problems(store)

            trials.guarded(f"[{number}] {fault}", check)
            rmtree(store, ignore_errors=True)
