"""What a ticket costs: steps of every run behind it, against the sums that the procedures imply."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lotterylab.analysis import Macs
from lotterylab.analysis.macs import macs
from lotterylab.criteria import Grasp, Magnitude, Snip, SynFlow
from lotterylab.data.scoring import PerClass
from lotterylab.engine.results import results
from lotterylab.engine.store import Store
from lotterylab.interventions import Gradual
from lotterylab.masks.counts import Rate
from lotterylab.plan.nodes import Measure, Node, Train
from lotterylab.plan.plan import Plan, Row
from lotterylab.procedures import at_initialisation, control, fine_tuning, iterative, learning_rate_rewinding, one_shot
from lotterylab.reading.costs import costs, trainings
from lotterylab.reading.rows import Rows
from lotterylab.studies.controls import CONTROLS
from some_plans import DATA, INIT, MODEL, RECIPE, RUN, compute

T = RUN.total_steps
CUT: dict[str, Any] = {"criterion": Magnitude(), "scope": "layerwise", "seed": 0}
LEVELS = [Rate(share=0.5)] * 3
RESET = iterative(RUN, LEVELS, **CUT)


def steps(run: Train) -> int:
    return sum(trainings(run).values())


def test_the_dense_run_costs_itself_and_a_round_one_training_more():
    assert steps(RUN) == T
    assert [steps(ticket.run) for ticket in RESET] == [2 * T, 3 * T, 4 * T]
    assert [steps(ticket.run) for ticket in one_shot(RUN, LEVELS, **CUT)] == [2 * T] * 3
    assert all(sum(trainings(one.run).values()) == T * (1 + len(one.found_by)) for one in RESET)


def test_rewinding_and_fine_tuning_cost_what_they_train():
    rewound = iterative(RUN, LEVELS, rewind_to=lambda round: T // 4, **CUT)
    assert [steps(ticket.run) for ticket in rewound] == [T + round * (T - T // 4) for round in (1, 2, 3)]
    again = learning_rate_rewinding(RUN, LEVELS, rewind_to=lambda round: T // 4, **CUT)
    assert [steps(ticket.run) for ticket in again] == [T + round * (T - T // 4) for round in (1, 2, 3)]
    tuned = fine_tuning(RUN, LEVELS, RECIPE.longer(0.25), **CUT)
    assert [steps(ticket.run) for ticket in tuned] == [T + round * (T // 4) for round in (1, 2, 3)]


def test_controls_cost_what_their_masks_cost():
    last = RESET[-1]
    same = {word: steps(control(word, last, 0, CONTROLS)) for word in ("reinitialised", "random-mask", "permuted")}
    assert set(same.values()) == {4 * T}
    assert steps(control("small-dense", last, 0, CONTROLS)) == T
    assert steps(control("dense-same-cost", last, 0, CONTROLS)) == 4 * T
    assert steps(control("corrupted-labels", last, 0, CONTROLS)) == 4 * T


def test_a_point_in_the_middle_costs_what_leads_to_it():
    half = Train(start=RUN.at(T // 2), mask=RUN.mask, data=DATA, recipe=RECIPE, order_seed=5)
    assert trainings(half) == {RUN: T // 2, half: T - T // 2}


def test_arithmetic_is_that_of_the_layers(tmp_path):
    store = Store(tmp_path / "store").create()
    once = one_shot(RUN, [0.5], criterion=Magnitude(), seed=0)[0]
    counted = Measure(quantity=Macs(), of={"state": INIT}, data=DATA)
    parts: list[dict[str, Node]] = [{"train": RUN, "macs": counted}, {"train": once.run, "prune": once.mask}]
    labels = {"protocol": "p", "activation": "relu", "method": "m", "control": "", "sparsity": 0.0, "seed": 0}
    rows = tuple(Row(labels=labels, nodes=nodes) for nodes in parts)
    compute([node for row in rows for node in row.nodes.values()], store)
    found = results(Plan(name="s", title="", question="", rows=rows), store)
    dense, ticket = costs(Rows(found))
    layers = macs(MODEL.build(), MODEL.shape)
    assert found[0].metric("macs.dense") == layers
    images = RECIPE.epochs * DATA.spec.train
    assert dense is not None and ticket is not None
    assert dense.macs == dense.sparse_macs == 3 * images * sum(layers.values())
    assert (dense.epochs, dense.epochs_to_find, ticket.epochs, ticket.epochs_to_find) == (4, 0, 8, 4)
    assert ticket.macs == 2 * dense.macs
    kept = found[1].metric("prune.layers")
    sparse = 3 * images * sum(count * kept[name] for name, count in layers.items())
    assert ticket.sparse_macs == pytest.approx(dense.macs + sparse, rel=1e-12)
    assert ticket.seconds == pytest.approx(sum(found[i].records["train"].seconds for i in (0, 1)))


def test_a_mask_costs_what_comes_before_its_last_change(tmp_path):
    """Runs before, passes over the scored images, and the share of the own run, written out for each way to a mask."""
    store = Store(tmp_path / "store").create()
    batch: dict[str, Any] = {"data": DATA, "batch": PerClass(count=2), "seed": 0}
    grasp = at_initialisation(RUN, [0.5], criterion=Grasp(), **batch)[0].run
    iterated = iterative(RUN, [0.5, 0.75], criterion=Snip(), **batch)[-1].run
    flow = at_initialisation(RUN, [0.5], criterion=SynFlow(), rounds=5, seed=0)[0].run
    rule = Gradual(sparsity=0.5, begin_step=0, end_step=T // 2, every=2)
    gradual = replace(RUN, recipe=replace(RECIPE, during=(rule,)))
    runs = {"dense": RUN, "grasp": grasp, "snip in rounds": iterated, "synflow": flow, "gradual": gradual}
    counted = Measure(quantity=Macs(), of={"state": INIT}, data=DATA)
    behind = [node for run in runs.values() for node in (run, run.mask, getattr(run.mask, "mask", None)) if node]
    parts = [{"train": run, "macs": counted} for run in runs.values()]
    parts += [{"train": run, "prune": run.mask} for run in (grasp, flow, iterated)]
    parts += [{"train": iterated, "prune": iterated.mask.mask}, {"train": iterated.mask.of.run}]
    labels = {"protocol": "p", "activation": "relu", "method": "m", "control": "", "sparsity": 0.0, "seed": 0}
    rows = tuple(Row(labels=labels, nodes=nodes) for nodes in parts)
    compute([*behind, counted], store)
    found = dict(zip(runs, costs(Rows(results(Plan(name="s", title="", question="", rows=rows), store))), strict=False))
    whole = sum(macs(MODEL.build(), MODEL.shape).values())
    run, images = 3 * RECIPE.epochs * DATA.spec.train * whole, 2 * DATA.spec.classes
    wanted = {
        "dense": 0,
        "grasp": 9 * images * whole,
        "snip in rounds": 2 * run + 2 * 3 * images * whole,
        "synflow": 5 * 3 * whole,
        "gradual": run / 2,
    }
    assert {name: cost.macs_to_mask for name, cost in found.items()} == pytest.approx(wanted)
    seconds = {name: cost.seconds_to_mask for name, cost in found.items()}
    assert seconds["dense"] == 0 and seconds["grasp"] > 0 and 0 < seconds["gradual"] < found["gradual"].seconds
