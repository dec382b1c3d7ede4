"""When something is said about a silent worker, and when it is replaced."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from lotterylab.engine import patience
from lotterylab.engine.patience import Doubt, Patience, processor_seconds
from lotterylab.plan.nodes import Node
from lotterylab.plan.user_nodes import Promises, UserTrain
from lotterylab.training.user import UserTraining
from some_plans import DENSE, INIT, MAGNITUDE, RUN

THEIRS = UserTrain(
    start=INIT, mask=DENSE, recipe=UserTraining(label="x", code="x", steps=4, train=print, evaluate=len), order_seed=0
)
OF_A_USER = (THEIRS, THEIRS.at(2), Promises(run=THEIRS))
FLOOR = 0.1


@pytest.fixture
def sleeping():
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process.pid
        process.kill()


@pytest.fixture
def spinning():
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        while not (processor_seconds(process.pid) or 0) > 0.1:
            time.sleep(0.02)
        yield process.pid
        process.kill()


def doubts(watched: Patience, node: Node | None, seconds: float) -> list[Doubt]:
    """All that is said in this time, until the worker is replaced."""
    said: list[Doubt] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until and not (said and said[-1].replaced):
        if doubt := watched.doubt(node):
            said.append(doubt)
        time.sleep(0.01)
    return said


@pytest.mark.parametrize("node", [RUN, RUN.at(2), MAGNITUDE, None], ids=lambda node: type(node).__name__)
def test_a_worker_that_stands_still_is_told_of_once_and_then_replaced(sleeping, node):
    first, last = doubts(Patience(floor=FLOOR, process=sleeping), node, 5.0)
    assert (first.replaced, last.replaced, first.computes) == (False, True, False)
    assert FLOOR <= first.seconds < 2 * FLOOR <= last.seconds and first.replaced_after == 2 * FLOOR
    assert "is replaced" in str(first) and "goes on from its last checkpoint" in str(last)


@pytest.mark.parametrize("node", OF_A_USER, ids=lambda node: type(node).__name__)
def test_a_users_own_training_is_told_of_once_and_never_replaced(sleeping, node):
    (only,) = doubts(Patience(floor=FLOOR, process=sleeping), node, 6 * FLOOR)
    assert not only.replaced and only.replaced_after is None and str(only).endswith("it is not replaced")


def test_a_worker_that_computes_has_ten_times_as_long_and_without_steps_for_ever(spinning):
    watched = Patience(floor=FLOOR, process=spinning)
    watched.heard()  # of a step
    first, last = doubts(watched, RUN, 60 * FLOOR)
    assert first.computes and last.replaced and 10 * FLOOR <= first.seconds < 20 * FLOOR <= last.seconds
    before_its_first_step, without_steps = (Patience(floor=FLOOR, process=spinning) for _ in range(2))
    until = time.monotonic() + 25 * FLOOR
    said: list[Doubt] = []
    while time.monotonic() < until:
        said += filter(None, (before_its_first_step.doubt(RUN), without_steps.doubt(MAGNITUDE)))
        time.sleep(0.01)
    assert len(said) == 2 and not any(one.replaced or one.replaced_after for one in said)


def test_a_worker_that_is_stopped_while_it_computes_stands_still(spinning):
    watched = Patience(floor=FLOOR, process=spinning)
    assert doubts(watched, RUN, 3 * FLOOR) == []
    os.kill(spinning, signal.SIGSTOP)
    first, last = doubts(watched, RUN, 5.0)
    assert not first.computes and last.replaced


def test_a_word_begins_anew_and_the_own_pace_counts(sleeping, monkeypatch):
    monkeypatch.setattr(patience, "BEAT_SECONDS", 0.0)
    watched = Patience(floor=FLOOR, process=sleeping)
    assert len(doubts(watched, RUN, 1.5 * FLOOR)) == 1
    watched.heard()  # after 1.5 floors, so that the next silence may take 15
    assert doubts(watched, RUN, 5 * FLOOR) == []
    quick = Patience(floor=FLOOR, process=sleeping)
    for _ in range(5):
        time.sleep(FLOOR / 20)
        quick.heard()
    assert len(doubts(quick, RUN, 1.5 * FLOOR)) == 1


def test_what_the_parent_missed_is_forgiven(sleeping, monkeypatch):
    monkeypatch.setattr(patience, "MISSED_SECONDS", 2 * FLOOR)
    watched = Patience(floor=FLOOR, process=sleeping)
    time.sleep(3 * FLOOR)  # the parent itself was stopped, with its worker
    assert watched.doubt(RUN) is None
    assert len(doubts(watched, RUN, 1.5 * FLOOR)) == 1


def test_where_the_system_does_not_tell_the_processor_time_only_words_count(sleeping, monkeypatch):
    monkeypatch.setattr(patience, "processor_seconds", lambda process: None)
    watched = Patience(floor=FLOOR, process=sleeping)
    watched.heard()
    first, last = doubts(watched, RUN, 60 * FLOOR)
    assert first.seconds >= 10 * FLOOR and last.replaced
    assert processor_seconds(0) is None
    assert doubts(Patience(floor=FLOOR, process=0), replace(MAGNITUDE, seed=1), 3 * FLOOR) == []
