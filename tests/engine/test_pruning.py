"""Prune nodes: the same masks as from Python, the scores that made them, and what is said of filters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import lotterylab as ll
from lotterylab import masks
from lotterylab.criteria import Magnitude, Movement, Snip, SynFlow
from lotterylab.engine.context import Context
from lotterylab.engine.pruning import prune_state, score_state
from lotterylab.engine.results import Result
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.masks.counts import Rate
from lotterylab.masks.select import select
from lotterylab.plan.nodes import Prune
from lotterylab.reading.alarms import alarms_of
from some_plans import GRASP, INIT, MODEL, RUN, compute


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(store=Store(tmp_path / "store").create())


def module_at(state: Any) -> torch.nn.Module:
    module = MODEL.build()
    module.load_state_dict(state)
    return module


RULES: list[dict[str, Any]] = [
    {},
    {"rounds": 5},
    {"rounds": 3, "schedule": "linear", "scope": "erk"},
    {"rounds": 2, "granularity": "block:2x3"},
    {"granularity": "2:4"},
]


@pytest.mark.filterwarnings("ignore::lotterylab.errors.LotteryWarning")  # rows of the output layer go
@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("criterion", [Snip(), SynFlow()])
def test_a_node_and_the_library_give_the_same_mask(context, criterion, rule):
    node = replace(GRASP, criterion=criterion, **rule)
    compute([INIT], context.store)
    mask, metrics = prune_state(node, context)
    batch = node.batch.draw(context.dataset(node.data), node.seed)
    module = module_at(context.state(INIT)).train()
    again = ll.prune(module, criterion, 0.5, batch=batch, input_shape=MODEL.shape, **rule)
    assert masks.digest(mask) == masks.digest(again)
    assert metrics["removed"] == metrics["requested_removed"]


def test_the_scores_of_rounds_are_those_of_the_last_one(context):
    node = replace(GRASP, criterion=Snip(), rounds=4, sparsity=0.75)
    compute([INIT], context.store)
    mask, _ = prune_state(node, context)
    scores, gradients = score_state(node, context)
    assert masks.digest(select(scores, 0.75)) == masks.digest(mask)  # what went before scores 0
    first, same = score_state(replace(node, rounds=1), context)
    assert not torch.equal(scores["conv1.weight"], first["conv1.weight"])
    assert all(torch.equal(gradients[name], same[name]) for name in same)


def test_movement_is_that_from_the_initial_state_of_the_run(context):
    compute([RUN.final, INIT], context.store)
    node = Prune(criterion=Movement(), of=RUN.final, sparsity=0.5, seed=0)
    final, initial = context.state(RUN.final), context.state(INIT)
    moved = {name: (final[name] - initial[name]).abs() for name in score_state(node, context)[0]}
    assert masks.digest(prune_state(node, context)[0]) == masks.digest(select(moved, 0.5))  # type: ignore[arg-type]


@pytest.mark.parametrize("granularity", ["filter", "block:2x2", "2:4"])
def test_filters_blocks_and_patterns_raise_no_alarm_of_counts_or_biases(context, granularity):
    node = Prune(criterion=Magnitude(), of=INIT, sparsity=0.5, seed=0, granularity=granularity)
    compute([node], context.store)
    names = ("protocol", "activation", "method", "control")
    labels = {**dict.fromkeys(names, ""), "sparsity": 0.5, "seed": 0}
    result = Result(labels=labels, records={"prune": context.record(node)}, nodes={"prune": node})
    assert not {"reached-is-not-requested", "biases-pruned"} & {alarm.code for alarm in alarms_of([result])}


def test_layers_that_are_counted_apart_are_judged_by_their_counts(context):
    node = replace(GRASP, criterion=Magnitude(), batch=None, data=None, scope="layerwise", sparsity=0.8)
    compute([INIT, node], context.store)
    record = context.record(node)
    asked = record.metrics["requested_removed"]
    assert asked != round(0.8 * record.metrics["entries"]), "rounded in each layer"
    labels = {"protocol": "p", "activation": "a", "method": "m", "control": "", "sparsity": 0.8, "seed": 0}
    assert alarms_of([Result(labels=labels, nodes={"prune": node}, records={"prune": record})]) == []


def test_a_rate_counts_weights():
    with pytest.raises(UsageError, match="a Rate counts single weights, and granularity 'filter'"):
        replace(GRASP, sparsity=Rate(share=0.2), granularity="filter")
