"""Which tasks are missing, in what order they come, and what a failure takes with it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from lotterylab.engine.records import Record
from lotterylab.engine.schedule import Schedule, task_inputs, tasks_behind
from lotterylab.engine.store import Store
from lotterylab.plan.nodes import At, Node
from some_plans import (
    AGAIN,
    CHOSEN,
    DENSE,
    FAR,
    GRASP,
    INIT,
    MAGNITUDE,
    PLANS,
    RATE,
    RUN,
    TICKET,
    TRIALS,
    TWIN,
    train,
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store").create()


def finish(store: Store, *nodes: Node, with_tensors: bool = True) -> None:
    import torch

    for node in nodes:
        blobs = {"state": store.put({"x": torch.zeros(1)}) if with_tensors else "f" * 64}
        store.commit(Record(digest=node.digest, kind=type(node).__name__, metrics={}, facts={}, blobs=blobs))


def drain(schedule: Schedule) -> list[Node]:
    order = []
    while (task := schedule.next()) is not None:
        order.append(task)
        schedule.done(task.digest)
    return order


def test_every_task_comes_once_and_after_its_inputs(store):
    order = drain(Schedule(PLANS["whole"], store))
    places = {task: place for place, task in enumerate(order)}
    assert len(places) == len(order)
    for task in order:
        assert all(places[one] < places[task] for one in task_inputs(task))
    assert {INIT, DENSE, RUN, MAGNITUDE, AGAIN, GRASP, TICKET, TWIN, FAR, RATE, CHOSEN, *TRIALS} < set(order)


@pytest.mark.parametrize("workers", [1, 2, 8])
@pytest.mark.parametrize("seed", range(5))
def test_with_several_workers_nothing_starts_before_its_inputs_are_done(store, workers, seed):
    schedule, draw = Schedule(PLANS["whole"], store), random.Random(seed)
    running: list[Node] = []
    done: set[Node] = set()
    while schedule:
        while len(running) < workers and (task := schedule.next()) is not None:
            assert set(task_inputs(task)) <= done
            running.append(task)
        assert running, "something is left that nothing can start"
        one = running.pop(draw.randrange(len(running)))
        if draw.random() < 0.2:  # its worker died
            schedule.give_back(one.digest)
        else:
            schedule.done(one.digest)
            done.add(one)
    assert done == set(drain(Schedule(PLANS["whole"], store)))


def test_a_task_given_back_is_the_next_one(store):
    schedule = Schedule(PLANS["whole"], store)
    first, second = schedule.next(), schedule.next()
    assert first and second
    schedule.give_back(second.digest)
    assert schedule.next() == second


def test_what_is_in_the_store_is_not_computed_again(store):
    finish(store, INIT, DENSE, RUN)
    assert drain(Schedule([RUN], store)) == []
    assert drain(Schedule([FAR], store)) == [MAGNITUDE, TICKET, FAR]


def test_a_point_of_a_run_stands_for_the_run_and_its_start_for_what_is_there_before_it():
    assert list(tasks_behind(TICKET.final)) == list(tasks_behind(TICKET.best)) == [TICKET]
    assert list(tasks_behind(At(run=TICKET, point="start"))) == [INIT, MAGNITUDE]
    later = train(start=RUN.final)
    assert list(tasks_behind(At(run=later, point="start"))) == [RUN, DENSE]


def test_a_record_without_tensors_is_enough_until_a_missing_task_needs_them(store):
    finish(store, INIT, DENSE, RUN, *TRIALS, with_tensors=False)  # as from a ledger
    assert drain(Schedule([RUN], store)) == []
    assert drain(Schedule([RATE], store)) == [RATE]  # a choice needs numbers alone
    assert drain(Schedule([MAGNITUDE], store)) == [INIT, DENSE, RUN, MAGNITUDE]
    finish(store, INIT, DENSE)
    assert drain(Schedule([MAGNITUDE], store)) == [RUN, MAGNITUDE]
    assert drain(Schedule([RATE, MAGNITUDE], store)) == [RATE, RUN, MAGNITUDE]


def test_a_failure_skips_all_that_need_it_and_nothing_else(store):
    schedule = Schedule(PLANS["whole"], store)
    while (task := schedule.next()) != RUN:
        assert task
        schedule.done(task.digest)
    schedule.fail(RUN.digest)
    rest = drain(schedule)
    assert set(schedule.failed) == {RUN.digest} and not schedule
    assert {MAGNITUDE.digest, AGAIN.digest, TICKET.digest, TWIN.digest, FAR.digest} < set(schedule.skipped)
    assert set(rest) >= {GRASP, RATE, CHOSEN, *TRIALS} and not {task.digest for task in rest} & set(schedule.skipped)


def test_what_runs_beside_a_failure_and_needs_nothing_of_it_is_finished(store):
    schedule = Schedule([*TRIALS, RATE], store)
    init, mask = schedule.next(), schedule.next()
    assert init and mask
    schedule.done(init.digest)
    schedule.done(mask.digest)
    one, other = schedule.next(), schedule.next()
    assert one and other
    schedule.fail(one.digest)
    assert schedule.next() is None and schedule  # the other trial is still running
    schedule.done(other.digest)
    assert not schedule and set(schedule.skipped) == {RATE.digest}
