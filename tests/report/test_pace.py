"""How long the runs of a plan take, by kind."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lotterylab.criteria import Magnitude
from lotterylab.data import Augment, Digits
from lotterylab.engine.facts import processor
from lotterylab.engine.pace import _answer, measure
from lotterylab.engine.records import Record
from lotterylab.engine.store import Store
from lotterylab.gates import Supermask
from lotterylab.interventions import Gradual
from lotterylab.masks.counts import Rate
from lotterylab.models import LeNet300100
from lotterylab.plan.cuts import Prune, Shuffle
from lotterylab.plan.nodes import Data, Dense, Init, Train
from lotterylab.report.pace import Pace, kind_of, pace_of, share_of, work
from some_plans import RECIPE

DATA = Data(spec=Digits(train=900, validation=97, test=300), content="as if read")
MODEL = LeNet300100(shape=(1, 8, 8))
INIT = Init(model=MODEL, seed=0)


def train(mask: Any = None, **changes: Any) -> Train:
    recipe = replace(RECIPE, epochs=20, watch=(), pick=None)
    made = Train(start=INIT, mask=mask or Dense(model=MODEL), data=DATA, recipe=recipe, order_seed=0)
    return replace(made, **changes)


def cut(sparsity: Any, mask: Any = None) -> Prune:
    return Prune(criterion=Magnitude(), of=INIT, sparsity=sparsity, seed=0, mask=mask)


def test_the_share_that_a_mask_keeps_is_read_off_the_plan() -> None:
    assert share_of(None) == share_of(Dense(model=MODEL)) == 1.0
    assert share_of(cut(0.9)) == pytest.approx(0.1)
    twice = cut(Rate(share=0.2), cut(Rate(share=0.2)))
    assert share_of(twice) == pytest.approx(0.64) and share_of(Shuffle(mask=twice, seed=1)) == pytest.approx(0.64)
    assert share_of(cut(Rate(share=0.2, rounds=3))) == pytest.approx(0.512)


def test_a_kind_is_what_the_time_of_a_step_depends_on() -> None:
    recipe = train().recipe
    assert kind_of(train()) == kind_of(train(order_seed=3)) == kind_of(train(recipe=replace(recipe, epochs=3)))
    assert kind_of(train(cut(0.4))) == kind_of(train())  # too many are kept to leave any out
    others = (train(cut(0.9)), train(cut(0.95)), train(recipe=replace(recipe, batch_size=8)))
    assert len({kind_of(train()), *map(kind_of, others)}) == 4


def test_a_kind_without_a_time_takes_that_of_the_next_denser_one() -> None:
    pace = Pace(mean=9.0, kinds={kind_of(train()): 2.0, kind_of(train(cut(0.9))): 1.0})
    assert pace.seconds(train(cut(0.98))) == work(train())
    assert pace.seconds(train(cut(0.7))) == 2 * work(train())
    assert pace.seconds(train(recipe=replace(RECIPE, batch_size=8))) == 9 * work(train(recipe=RECIPE))
    assert pace.seconds(INIT) == 0.0


def test_finished_runs_of_a_kind_tell_its_time_and_steps_that_of_others(tmp_path) -> None:
    store, dense, sparse = Store(tmp_path).create(), train(), train(cut(0.9))
    facts = {"processor": processor()}
    store.commit(Record(digest=dense.digest, kind="Train", metrics={}, facts=facts, seconds=3 * work(dense)))
    again = train(order_seed=1)
    pace, words = pace_of([again], [dense, again], store, None)
    assert pace and pace.seconds(again) == pytest.approx(3 * work(again)) and words == "from finished runs"
    pace, words = pace_of([again, sparse], [dense, again, sparse], store, None)
    assert pace and 0 < pace.seconds(sparse) < work(sparse)
    assert words == "from finished runs and from a few steps just now"
    assert pace_of([INIT], [], store, None) == (None, "")


RECIPES = {
    "by the kernel": replace(RECIPE, augment=Augment(), hold=True),
    "by torch": replace(RECIPE, augment=Augment(crop_padding=1, flip=True)),
    "gates": replace(RECIPE, gate=Supermask(), pick=None),
    "an intervention": replace(RECIPE, during=(Gradual(sparsity=0.5, begin_step=1, end_step=9, every=4),)),
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_few_steps_of_any_training_are_timed(recipe: Any) -> None:
    for share in (1.0, 0.1) if recipe.gate is None else (1.0,):
        speed = measure(train(recipe=recipe), None, fast=True, share=share)
        assert speed.trained > 0 and speed.evaluated > 0


# a process without torch stays without it

WITHOUT_TORCH = """
import sys
from pathlib import Path
from report.test_pace import train
from lotterylab.data import Mnist
from lotterylab.engine.store import Store
from lotterylab.plan.nodes import Data
from lotterylab.report.pace import pace_of, work
from dataclasses import replace

assert "torch" not in sys.modules
node = train()
pace, words = pace_of([node], [node], Store(Path(sys.argv[1])).create(), None)
assert 0 < pace.seconds(node) < work(node) and words == "from a few steps just now"
absent = replace(node, data=Data(spec=Mnist(train=100, validation=10, test=10), content="as if read"))
try:
    pace_of([absent], [absent], Store(Path(sys.argv[1])), Path(sys.argv[1]))
except Exception as error:
    print(type(error).__name__, error)
assert "torch" not in sys.modules
"""


def test_a_process_whose_asker_has_gone_ends_in_silence() -> None:
    ours, theirs = multiprocessing.Pipe(duplex=False)
    ours.close()
    _answer(theirs, [], None, {"fast": True, "device": "cpu", "seconds": 0.0})


def test_another_process_measures_for_one_without_torch_and_passes_errors_on(tmp_path) -> None:
    path = os.pathsep.join((*sys.path, str(Path(__file__).parents[1])))
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-c", WITHOUT_TORCH, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("UsageError") and "MNIST" in done.stdout
