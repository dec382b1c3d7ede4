"""``tickets`` around a user's loop: the engine's hashes, going on after a kill, and promises that are broken."""

from __future__ import annotations

import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy
import numpy as np
import pytest
import torch
from torch import nn

from lotterylab import sparsity as share_removed
from lotterylab import tickets
from lotterylab.criteria import Grasp, Magnitude
from lotterylab.engine.context import Context
from lotterylab.engine.facts import facts
from lotterylab.engine.here import run_here
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.masks.counts import Rate
from lotterylab.own_code.naming import code_of
from lotterylab.plan.nodes import Dense, Init, Prune, Train
from lotterylab.plan.user_nodes import UserTrain
from lotterylab.procedures import control, iterative, learning_rate_rewinding, one_shot
from lotterylab.statistics import t_interval
from lotterylab.training.user import UserModel, UserTraining
from some_loop import ENGINE, ENGINE_ADAM, SPARSITIES, K, T, ends, eval_fn, find, init_fn, train_fn, train_fn_adam
from some_plans import DENSE, INIT, train


def by_engine(
    store: Path, procedure: Any, rewind_to: int, words: tuple[str, ...], recipe: Any = ENGINE
) -> dict[Any, str]:
    """The blobs of the same plan, trained by the engine's loop along its plain path."""
    dense = train(DENSE, recipe=recipe)
    found = procedure(dense, SPARSITIES, criterion=Magnitude(), rewind_to=lambda round: rewind_to, seed=0)
    runs = {("dense", "", 0.0): dense}
    for ticket, sparsity in zip(found, SPARSITIES, strict=True):
        runs["ticket", "", sparsity] = ticket.run
        runs |= {("ticket", word.replace("-", " "), sparsity): control(word, ticket, 0) for word in words}
    place = Store(store).create()
    run_here(runs.values(), place, fast=False)
    return {key: ends(run, place) for key, run in runs.items()}


PROCEDURES = {"iterative": iterative, "one-shot": one_shot, "learning-rate-rewinding": learning_rate_rewinding}


@pytest.mark.parametrize("loop", [(train_fn, ENGINE), (train_fn_adam, ENGINE_ADAM)], ids=["SGD", "Adam"])
@pytest.mark.parametrize("rewind_to", [0, K])
@pytest.mark.parametrize("name", PROCEDURES)
def test_a_loop_that_does_what_the_engine_does_gives_its_hashes(name, rewind_to, loop, tmp_path):
    words = ("random-mask", "permuted", "inverted")
    user_fn, recipe = loop
    wanted = by_engine(tmp_path / "engine", PROCEDURES[name], rewind_to, words, recipe)
    found = find(tmp_path / "user", train_fn=user_fn, procedure=name, rewind_to=rewind_to, controls=words)
    rows = {
        ("dense" if row.labels["method"] == "dense" else "ticket", row.labels["control"], row.labels["sparsity"]): row
        for row in found.rows
    }
    assert {key: ends(row.nodes["train"], found.store) for key, row in rows.items()} == wanted
    assert not found.failed and [alarm for alarm in found.alarms if alarm.severity == "fault"] == []


def test_the_numbers_are_those_of_eval_fn_with_intervals_over_seeds(tmp_path):
    found = find(tmp_path, seeds=(3, 5, 8))
    values = found.values(method="iterative", control="", sparsity=0.75)
    assert list(values) == [3, 5, 8] and found.interval(sparsity=0.75) == t_interval(values.values())
    mask, start, end = found.ticket(sparsity=0.75, seed=5)
    module = init_fn(5)
    for name, kept in mask.items():
        assert torch.equal(start[name], module.state_dict()[name] * kept)
        assert not bool(end[name][~kept].any())
    module.load_state_dict(end)
    assert eval_fn(module) == values[5]
    dense = found.difference({"control": "", "sparsity": 0.75}, {"method": "dense"})
    assert dense.n == 3 and "iterative" in str(found)


def test_steps_and_seeds_of_numpy_name_the_same_results(tmp_path):
    found = find(tmp_path, steps=3, seeds=(1, 2))
    again = find(tmp_path, steps=np.int64(3), seeds=np.arange(1, 3))
    assert [node.digest for node in found.study.targets()] == [node.digest for node in again.study.targets()]
    assert found.values(method="dense") == again.values(method="dense")


def test_labels_have_to_leave_one_row_for_each_seed(tmp_path):
    found = find(tmp_path, controls=("random-mask",), steps=2)
    assert found.values(control="random-mask", sparsity=0.5) == found.values(control="random mask", sparsity=0.5)
    with pytest.raises(UsageError, match=r"several rows of one seed. There are: sparsity 0.5, 0.75"):
        found.values(control="", method="iterative")
    with pytest.raises(UsageError, match=r"no row. There are: method 'dense', 'iterative'; control"):
        found.interval(control="random-masks")
    with pytest.raises(UsageError, match="Did you mean 'sparsity'"):
        found.difference({"sparsty": 0.5}, {"method": "dense"})


def test_what_is_finished_is_not_done_again(tmp_path, monkeypatch):
    first = find(tmp_path)
    calls: list[range] = []
    monkeypatch.setattr("lotterylab.engine.user_training.call", lambda *args: calls.append(args))
    again = find(tmp_path)
    assert calls == [] and str(again) == str(first)


def test_killed_and_run_again_it_ends_with_the_same_hashes(tmp_path):
    find(tmp_path / "whole", seeds=2)
    script, place = Path(__file__).parent / "some_loop.py", tmp_path / "killed"
    for patience in (2.5, 3.2, 4.0):
        process = subprocess.Popen([sys.executable, str(script), str(place)], stdout=subprocess.DEVNULL)
        time.sleep(patience)
        process.kill()
        process.wait()
    done = subprocess.run([sys.executable, str(script), str(place)], capture_output=True, text=True, check=True)
    assert "iterative" in done.stdout
    finals = [
        {record.blobs["final"] for record in Store(tmp_path / name).records() if record.kind == "UserTrain"}
        for name in ("whole", "killed")
    ]
    assert finals[0] == finals[1] and len(finals[0]) == 6


# what it is called, and what is refused


def other_eval_fn(module):
    return 0.5


def test_another_source_or_version_is_another_result(tmp_path):
    names = {
        find(tmp_path, sparsities=[], steps=1, **changes).rows[0].nodes["train"].digest
        for changes in ({}, {"eval_fn": other_eval_fn}, {"version": 2}, {"name": "mine"})
    }
    assert len(names) == 4
    assert code_of(eval_fn) != code_of(other_eval_fn)


def test_where_rounds_go_back_to(tmp_path):
    starts = {}
    for rewind_to in (4, 0.25, lambda round: 2 * round):
        found = find(tmp_path, rewind_to=rewind_to)
        runs = [row.nodes["train"] for row in found.rows if row.labels["method"] == "iterative"]
        starts[str(rewind_to)[:5]] = [run.first_step for run in runs if isinstance(run, Train)]
    assert list(starts.values()) == [[4, 4], [4, 4], [2, 4]]


def test_a_sparsity_that_is_a_fraction_or_a_text_is_labelled_by_its_number(tmp_path):
    found = find(tmp_path, sparsities=[Fraction(1, 2), "3/4"], steps=1, seeds=1)
    assert found.rows.labels("sparsity") == [0.0, 0.5, 0.75]
    assert len(found.values(sparsity=0.5)) == 1
    mask, _, _ = found.ticket(sparsity=0.5, seed=0)
    assert share_removed(mask) == 0.5
    with pytest.raises(UsageError, match="they have to rise"):
        find(tmp_path, sparsities=[Fraction(1, 2), 0.4], steps=1)


def test_rates_are_sparsities_too(tmp_path):
    found = find(tmp_path, sparsities=[Rate(share=0.5)] * 2)
    rows = [row for row in found.rows if row.labels["method"] == "iterative"]
    assert [round(row.metric("prune.reached"), 2) for row in rows] == [0.5, 0.75]
    assert [row.labels["sparsity"] for row in rows] == [1.0, 2.0], "a round is called by its number"
    assert isinstance(rows[0].nodes["prune"], Prune)
    assert "identical-masks" not in {alarm.code for alarm in found.alarms} and "2" in str(found)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"procedure": "itertive"}, "Did you mean 'iterative'"),
        ({"controls": ("random",)}, "no control is named 'random'"),
        ({"criterion": Grasp()}, "Grasp scores on data, which only your functions see"),
        ({"steps": 0}, "steps=0: a whole number of at least 1"),
        ({"sparsities": [0.75, 0.5]}, "have to rise"),
        ({"sparsities": [90]}, r"sparsity 90(\.0)? was asked for.* Did you mean 0\.9\?"),
        ({"sparsities": [0.5, 0.5], "procedure": "one-shot"}, "a level twice"),
        ({"seeds": [3, 3]}, r"seeds are \[3, 3\]"),
        ({"seeds": 0}, "give at least one"),
        ({"rewind_to": 6.7}, "rewind_to gives 6.7"),
        ({"rewind_to": lambda round: "6"}, "rewind_to gives '6'"),
        ({"eval_fn": lambda module: 0.0}, "a lambda has no name"),
        ({"eval_fn": len}, "len has no source"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_runs(changes, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        find(tmp_path, **changes)


def test_an_initial_state_comes_from_the_seed(tmp_path):
    found = find(tmp_path, sparsities=[], steps=1, seeds=(7,))
    state = INIT.model.initial(7, "init", "named")
    start = found.store.get(found.store.record(found.rows[0].nodes["train"].start.digest).blobs["state"])
    assert all(torch.equal(start[name], state[name]) for name in state)


def test_a_dense_control_is_not_said_to_be_pruned(tmp_path):
    found = tickets(
        init_fn, train_fn, eval_fn, steps=4, sparsities=[0.5], controls=["dense-same-cost"], seeds=1, store=tmp_path
    )
    last = found.rows[-1]
    assert last.labels["control"] == "dense same cost" and set(last.records) == {"train"}
    run = last.nodes["train"]
    assert isinstance(run, Train) and run.total_steps == 8 and run.mask == found.rows[0].nodes["train"].mask  # type: ignore[attr-defined]


def test_a_rewind_function_may_give_shares_and_numpy_numbers(tmp_path):
    wanted = find(tmp_path / "a", rewind_to=K)
    for number, way in enumerate((lambda round: K / T, lambda round: numpy.int64(K))):
        found = find(tmp_path / str(number), rewind_to=way)
        assert [row.nodes["train"] for row in found.rows] == [row.nodes["train"] for row in wanted.rows]


class HeadFirst(nn.Module):
    """Its last layer comes first in the alphabet."""

    def __init__(self) -> None:
        super().__init__()
        self.layer1, self.layer2, self.head = nn.Linear(8, 20), nn.Linear(20, 20), nn.Linear(20, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer2(self.layer1(x).relu()).relu())


def head_first(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return HeadFirst()


def one_step(module: nn.Module, run: Any) -> None:
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with run.hold(optimizer):
        for step in run.steps:
            optimizer.zero_grad()
            module(torch.full((4, 8), step + 1.0)).square().mean().backward()
            optimizer.step()


def always_half(module: nn.Module) -> float:
    return 0.5


def test_the_output_layer_is_the_modules_last_in_every_round_whatever_its_name(tmp_path):
    rate = Rate(share=0.5, output=0.1)
    found = tickets(
        head_first, one_step, always_half, steps=2, sparsities=[rate] * 3, scope="layerwise", seeds=1, store=tmp_path
    )
    masks_of = [found.ticket(sparsity=number, seed=0)[0] for number in (1.0, 2.0, 3.0)]
    kept = [{name: int(one.sum()) for name, one in mask.items()} for mask in masks_of]
    assert [one["head.weight"] for one in kept] == [36, 32, 29], "of 40: a tenth a round, rounded half up"
    assert [one["layer2.weight"] for one in kept] == [200, 100, 50]
    assert not any(alarm.code == "reached-is-not-requested" for alarm in found.alarms), str(found)


def elsewhere(seed):
    return nn.Linear(2, 2, device="meta")  # stands for a GPU: a device that is not the CPU


def test_the_device_of_a_user_s_training_is_that_of_the_network(tmp_path):
    context = Context(store=Store(tmp_path))
    for function, device in ((init_fn, "cpu"), (elsewhere, "meta")):
        model = UserModel(label="", code=code_of(function).digest, function=function)
        recipe = UserTraining(label="", code="", steps=1, train=train_fn, evaluate=eval_fn)
        run = UserTrain(start=Init(model=model, seed=0), mask=Dense(model=model), recipe=recipe, order_seed=0)
        assert context.device_of(run) == facts(context.device_of(run))["device"] == device
