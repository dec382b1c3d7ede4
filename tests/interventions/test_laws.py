"""Laws that every intervention keeps: exact resumption, held masks, and no effect at a neutral setting."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from lotterylab.criteria import Magnitude, Random
from lotterylab.engine import ledger
from lotterylab.engine.ledger import export
from lotterylab.engine.local import run
from lotterylab.engine.results import Result
from lotterylab.engine.store import Store
from lotterylab.interventions import (
    ALL,
    DeepR,
    Dsr,
    EarlyBird,
    Gradual,
    RandomOut,
    ReDo,
    RigL,
    SameResets,
    Set,
    TopK,
    random_out,
)
from lotterylab.plan.nodes import Dense, Init, MaskOf, Node, Prune, ResetsOf, Train
from lotterylab.reading.alarms import alarms_of
from lotterylab.reading.costs import costs
from lotterylab.reading.rows import Rows
from lotterylab.training.optim import Adam
from some_networks import CONV, MODELS, SGD, VGG
from some_plans import DATA, RECIPE, compute

OPTIMIZERS = {"sgd": SGD, "adam": Adam(lr=0.003)}
# settings at which each one acts in a run of 16 steps, 4 an epoch, and settings at which it does nothing
ACTIVE: dict[str, Any] = {
    "random-out": RandomOut(threshold=0.9, rule="median", reset_optimizer=True),
    "early-bird": EarlyBird(sparsity=0.5, masks=2, distance=0.3),
    "gradual": Gradual(sparsity=0.8, begin_step=2, end_step=12, every=5),
    "set": Set(every=3, fraction=0.4),
    "rigl": RigL(every=3, fraction=0.4),
    "dsr": Dsr(every=3, fraction=0.2, threshold=0.02),
    "deep-r": DeepR(alpha=0.02, temperature=1e-5),
    "top-k": TopK(sparsity=0.8, begin_step=2, end_step=9, per_unit=2),
    "redo": ReDo(threshold=0.7, every=3),
}
NEUTRAL: dict[str, Any] = {
    "random-out": RandomOut(threshold=0.0),
    "early-bird": EarlyBird(sparsity=0.5, masks=99),
    "gradual": Gradual(sparsity=0.0, begin_step=2, end_step=12, every=5),
    "set": Set(fraction=0.0),
    "rigl": RigL(fraction=0.0),
    "dsr": Dsr(every=3, threshold=0.0),
    "deep-r": DeepR(until=0.0),
    "top-k": TopK(sparsity=0.0, end_step=9),
    "redo": ReDo(every=99),
}
NAMES = pytest.mark.parametrize("name", ALL)


def training(intervention: Any, optimizer: Any = OPTIMIZERS["sgd"], model: Any = VGG, **changes: Any) -> Train:
    """A run from a mask with half of the weights."""
    start = Init(model=model, seed=0)
    if isinstance(intervention, EarlyBird) and model is CONV:
        intervention = replace(intervention, scores="filters")
    mask: Node = Prune(criterion=Random(), of=start, sparsity=0.5, seed=0, scope="erk")
    if isinstance(intervention, Gradual):
        mask = Dense(model=model)
    during = (intervention,) if intervention else ()
    recipe = replace(RECIPE, optimizer=optimizer, during=during)
    return Train(**{"start": start, "mask": mask, "data": DATA, "recipe": recipe, "order_seed": 0, **changes})


def result(node: Train, store: Store) -> tuple[Any, Any]:
    record = store.record(node.digest)
    assert record
    return record.blobs, record.metrics


def test_every_intervention_has_settings():
    assert ACTIVE.keys() == NEUTRAL.keys() == ALL.keys()
    assert all(type(ACTIVE[name]) is kind and type(NEUTRAL[name]) is kind for name, kind in ALL.items())


@NAMES
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS)
def test_a_run_that_stops_at_any_step_and_goes_on_gives_the_same_bits(name, model, optimizer, tmp_path):
    straight, parts = Store(tmp_path / "straight"), Store(tmp_path / "parts")
    node = training(ACTIVE[name], OPTIMIZERS[optimizer], MODELS[model])
    compute([node], straight)
    compute([*map(node.at, (1, 3, 4, 6, 10, 11, 15)), node], parts)
    assert result(node, straight) == result(node, parts)
    plain = training(None, OPTIMIZERS[optimizer], MODELS[model], mask=node.mask)
    compute([plain], straight)
    assert result(node, straight)[0] != result(plain, straight)[0], "it acts"


@NAMES
def test_the_record_of_a_run_passes_through_a_ledger(name, tmp_path):
    """Events and kept steps are metrics of their own, so that each curve is a number or a list of numbers."""
    store, node = Store(tmp_path / "store"), training(ACTIVE[name])
    compute([node], store)
    export([node], store, tmp_path / "ledger.jsonl")
    (record,) = (one for one in ledger.read(tmp_path / "ledger.jsonl") if one.digest == node.digest)
    assert record.metrics == result(node, store)[1]
    kept_at = record.metrics.get("kept_at", {})
    assert kept_at.keys() <= set(ACTIVE[name].keeps) and all(0 < step <= node.total_steps for step in kept_at.values())


@NAMES
def test_from_a_step_with_the_mask_of_that_step_a_run_goes_on_as_before(name, tmp_path):
    store, node = Store(tmp_path), training(ACTIVE[name])
    point = node.at(7)
    again = replace(node, start=point, mask=MaskOf(of=point))
    compute([node, again], store)
    assert result(again, store)[0]["final"] == result(node, store)[0]["final"]


@NAMES
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS)  # the first by the compiled kernel, the second by torch
def test_a_neutral_setting_is_the_plain_run_to_the_bit(name, model, optimizer, tmp_path):
    store = Store(tmp_path)
    neutral = training(NEUTRAL[name], OPTIMIZERS[optimizer], MODELS[model])
    plain = training(None, OPTIMIZERS[optimizer], MODELS[model], mask=neutral.mask)
    compute([neutral, plain], store)
    assert result(neutral, store)[0]["final"] == result(plain, store)[0]["final"]
    assert result(neutral, store)[1]["curves"] == result(plain, store)[1]["curves"]


@NAMES
def test_held_weights_stay_zero_and_the_mask_is_a_node_of_the_plan(name, tmp_path):
    store, node = Store(tmp_path), training(ACTIVE[name])
    later = replace(training(None), mask=MaskOf(of=node))
    compute([node, later], store)
    blobs = result(node, store)[0]
    mask = store.get(blobs["mask"] if "mask" in blobs else store.record(node.mask.digest).blobs["mask"])
    for run_of in (node, later):
        final = store.get(result(run_of, store)[0]["final"])
        for weight, kept in mask.items():
            assert not final[weight][~kept].view(torch.int32).any()


@pytest.mark.parametrize("name", ["set", "rigl", "dsr", "deep-r"])
def test_the_number_of_active_weights_is_constant(name, tmp_path):
    """SET and RigL keep it in each layer, DSR and Deep-R over all layers; the mask moves."""
    store, node = Store(tmp_path), training(ACTIVE[name])
    counts, digests = [], set()
    for record in _records([node.at(step) for step in (3, 6, 10, 15)], store):
        mask = store.get(record.blobs["mask"])
        layers = [int(kept.sum()) for kept in mask.values()]
        counts.append(layers if name in ("set", "rigl") else sum(layers))
        digests.add(record.blobs["mask"])
    start = store.get(store.record(node.mask.digest).blobs["mask"])
    layers = [int(start[weight].sum()) for weight in mask]
    assert counts == [layers if name in ("set", "rigl") else sum(layers)] * 4
    assert len(digests) >= 3, "SET and RigL end at step 12"


@NAMES
def test_the_mask_stays_after_the_last_change(name, tmp_path):
    store, node = Store(tmp_path), training(ACTIVE[name])
    masks = [record.blobs.get("mask") for record in _records([node.at(step) for step in range(1, 17)], store)]
    changed = [step for step, (before, after) in enumerate(pairwise(masks), start=2) if before != after]
    last = node.recipe.during[0].last_change(node.total_steps)
    assert max(changed, default=0) <= last
    if name in ("gradual", "set", "rigl"):
        assert max(changed) == last


def test_the_mask_of_top_k_is_found_and_every_weight_outside_it_is_zero(tmp_path):
    store, node = Store(tmp_path), training(ACTIVE["top-k"])
    later = replace(training(None), mask=MaskOf(of=node, name="top-k"))
    compute([later], store)
    blobs = result(node, store)[0]
    assert "mask" not in blobs, "no mask is held"
    mask, final = store.get(blobs["mask:top-k"]), store.get(blobs["final"])
    after = store.get(result(later, store)[0]["final"])
    for weight, kept in mask.items():
        rows = len(kept)
        most = kept.numel() - int(0.8 * kept.numel() + 0.5)
        assert int(kept.sum()) <= max(most, 2 * rows) and int(kept.sum()) < kept.numel() / 2
        assert not final[weight][~kept].view(torch.int32).any() and not after[weight][~kept].any()


def test_one_and_two_workers_give_the_same_bits(tmp_path):
    nodes = [training(intervention) for intervention in ACTIVE.values()]
    one, two = Store(tmp_path / "one"), Store(tmp_path / "two")
    assert not run(nodes, one, workers=1).failed
    assert not run(nodes, two, workers=2).failed
    assert [result(node, one) for node in nodes] == [result(node, two) for node in nodes]


def test_the_control_draws_as_many_filters_at_the_same_steps(tmp_path):
    store, node = Store(tmp_path), training(ACTIVE["random-out"])
    control = training(SameResets(log=ResetsOf(run=node)))
    compute([node, control], store)
    resets, same = (result(run_of, store)[1]["resets"] for run_of in (node, control))
    assert sum(resets.values()) and same == resets
    logs = [store.get(result(run_of, store)[0]["carry"]) for run_of in (node, control)]
    for layer in resets:
        steps, others = (log[f"0/log/{layer}"] for log in logs)
        assert sorted(steps[:, 0].tolist()) == sorted(others[:, 0].tolist())
    assert any(not torch.equal(logs[0][f"0/log/{layer}"], logs[1][f"0/log/{layer}"]) for layer in resets)


def test_several_interventions_of_one_run_do_not_meet(tmp_path):
    store = Store(tmp_path)
    birds = tuple(replace(ACTIVE["early-bird"], sparsity=p, stop=False) for p in (0.3, 0.5, 0.7))
    together = replace(training(None), recipe=replace(RECIPE, during=birds))
    alone = [replace(training(None), recipe=replace(RECIPE, during=(bird,))) for bird in birds]
    compute([together, *alone], store)
    for bird, node in zip(birds, alone, strict=True):
        assert result(together, store)[1][bird.name] == result(node, store)[1][bird.name]
        for part in (bird.name, f"mask:{bird.name}"):
            assert result(together, store)[0][part] == result(node, store)[0][part]


def test_magnitude_of_a_kept_state_can_be_scored(tmp_path):
    store, node = Store(tmp_path), training(ACTIVE["random-out"])
    ticket = Prune(criterion=Magnitude(), of=node.final, sparsity=0.9, seed=0)
    reset = replace(training(None), start=node.at("amended"), mask=ticket)
    compute([reset], store)
    amended = store.get(result(node, store)[0]["amended"])
    initial = store.get(store.record(node.start.digest).blobs["state"])
    log = store.get(result(node, store)[0]["carry"])
    for name, tensor in amended.items():
        changed = (tensor != initial[name]).flatten(1).any(1) if tensor.dim() == 4 else torch.zeros(1, dtype=torch.bool)
        drawn = set(log[f"0/log/{name}"][:, 1].tolist()) if f"0/log/{name}" in log else set()
        assert set(changed.nonzero().flatten().tolist()) == drawn


def test_an_intervention_is_one_short_file():
    """CONTRIBUTING says how long: RandomOut's is counted."""
    lines = Path(random_out.__file__).read_text().splitlines()
    assert len(lines) <= 60


def test_the_record_has_the_density_over_the_steps_and_the_cost_uses_it(tmp_path):
    """Gradual pruning's mean density from its schedule, and the cost of a run that an intervention ended."""
    store = Store(tmp_path)
    gradual, bird = training(ACTIVE["gradual"]), training(ACTIVE["early-bird"])
    compute([gradual, bird], store)
    masks = [store.get(record.blobs["mask"]) for record in _records([gradual.at(step) for step in (8, 13)], store)]
    mean_kept = result(gradual, store)[1]["mean_kept"]
    for name, entry in mean_kept.items():
        first, second = (float(mask[name].double().mean()) for mask in masks)
        # dense until the change after step 7, which the next five steps see, and four steps with the mask of step 12
        assert entry == pytest.approx((7 + 5 * first + 4 * second) / 16)
    stopped = result(bird, store)[1]["stopped_step"]
    row = Result(labels={}, records={"train": store.record(bird.digest)}, nodes={"train": bird})
    (cost,) = costs(Rows([row]))
    assert cost is not None and cost.epochs == stopped / 4 < 4


def _records(nodes: list[Node], store: Store) -> list[Any]:
    compute(nodes, store)
    return [store.record(node.digest) for node in nodes]


def test_the_row_of_a_doubtful_early_bird_has_an_alarm(tmp_path):
    store, node = Store(tmp_path), training(EarlyBird(sparsity=0.05, masks=2))
    compute([node], store)
    labels = {"protocol": "x", "activation": "relu", "method": "early-bird", "control": "", "sparsity": 0.0, "seed": 0}
    rows = Rows([Result(labels=labels, records={"train": store.record(node.digest)}, nodes={"train": node})])
    assert "drawn-by-chance" in [alarm.code for alarm in alarms_of(rows)]
