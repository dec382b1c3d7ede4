"""Laws that every gate keeps: gates at 1 are the plain run, what is frozen stays to the bit, exact resumption."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
import torch

from lotterylab.data.loader import Loader
from lotterylab.engine.store import Store
from lotterylab.gates import (
    ALL,
    GATE,
    LEARNED,
    ContinuousSparsification,
    EdgePopup,
    IteRand,
    Supermask,
    gated,
    learned,
    learned_mask,
    with_gates,
    without_gates,
)
from lotterylab.network import network, state_of
from lotterylab.plan.nodes import Dense, Init, MaskOf, Train
from lotterylab.training.loop import train
from lotterylab.training.optim import Adam
from lotterylab.training.recipe import Recipe
from lotterylab.training.watch import evaluate
from some_networks import MODELS, SGD, VGG
from some_plans import DATA, RECIPE, compute

OPTIMIZERS = {"sgd": SGD, "adam": Adam(lr=0.003, weight_decay=0.01)}
# settings that act in a run of 16 steps, 4 an epoch, and settings at which every gate is 1
ACTIVE: dict[str, Any] = {
    "supermask": Supermask(start=0.3, rescale=True),
    "edge-popup": EdgePopup(keep=0.6),
    "iterand": IteRand(keep=0.6, every=3, share=0.5),
    "continuous-sparsification": ContinuousSparsification(penalty=1e-3, rounds=2),
}
OPEN: dict[str, Any] = {
    "supermask": Supermask(start=200.0, trains="weights"),
    "edge-popup": EdgePopup(keep=1.0, trains="weights"),
    "iterand": IteRand(keep=1.0, every=3, share=0.5, trains="weights"),
    "continuous-sparsification": ContinuousSparsification(start=200.0, penalty=0.0, trains="weights"),
}
NAMES = pytest.mark.parametrize("name", ALL)


def training(gate: Any, optimizer: Any = OPTIMIZERS["sgd"], model: Any = VGG, **changes: Any) -> Train:
    recipe = replace(RECIPE, optimizer=optimizer, pick=None, gate=gate)
    fields = {"start": Init(model=model, seed=0), "mask": Dense(model=model), "data": DATA, "recipe": recipe}
    return Train(**{**fields, "order_seed": 0, **changes})


def blobs(node: Any, store: Store) -> Any:
    record = store.record(node.digest)
    assert record
    return record.blobs


def test_every_gate_has_settings():
    assert ACTIVE.keys() == OPEN.keys() == ALL.keys()
    assert all(type(ACTIVE[name]) is kind and type(OPEN[name]) is kind for name, kind in ALL.items())


@NAMES
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS)
def test_gates_at_one_are_the_plain_run_to_the_bit(name, model, optimizer, tmp_path, torch_steps):
    store = Store(tmp_path)
    open_, plain = (training(gate, OPTIMIZERS[optimizer], MODELS[model]) for gate in (OPEN[name], None))
    compute([open_, plain], store)
    assert blobs(open_, store)["final"] == blobs(plain, store)["final"] == blobs(open_, store)[LEARNED]
    ours, theirs = (store.record(node.digest) for node in (open_, plain))
    assert ours and theirs and ours.metrics["curves"] == theirs.metrics["curves"]
    # a mask of the default layout makes kernels of that layout, with which a convolution rounds otherwise
    assert ours.metrics["test_loss"] == pytest.approx(theirs.metrics["test_loss"], rel=1e-6)


@NAMES
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS)
def test_a_run_that_stops_at_any_step_and_goes_on_gives_the_same_bits(name, model, optimizer, tmp_path):
    straight, parts = Store(tmp_path / "straight"), Store(tmp_path / "parts")
    node = training(ACTIVE[name], OPTIMIZERS[optimizer], MODELS[model])
    compute([node], straight)
    compute([*map(node.at, (1, 3, 4, 6, 8, 11, 15)), node], parts)
    assert blobs(node, straight) == blobs(node, parts)
    again = replace(node, start=node.at(7))
    compute([again], straight)
    assert blobs(again, straight) == blobs(node, straight)


@NAMES
@pytest.mark.parametrize("model", MODELS)
def test_what_is_not_trained_stays_to_the_bit(name, model):
    net, gate = network(MODELS[model].build()), ACTIVE[name]
    gates_only, weights_only = replace(gate, trains="gates"), replace(gate, trains="weights")
    start = MODELS[model].initial(0, "init", "named")
    runs = {}
    for each in (gates_only, weights_only, replace(gate, trains="both")):
        runs[each.trains] = _trained(each, MODELS[model])
    begin = with_gates(net, gate, start, 0)
    for parameter in net.parameters:
        drawn_anew = isinstance(gate, IteRand) and parameter in net.prunable
        assert drawn_anew or torch.equal(runs["gates"][parameter], begin[parameter]), parameter
    for weight in net.prunable:
        moves = isinstance(gate, ContinuousSparsification)  # a new round begins with other gates
        assert moves or torch.equal(runs["weights"][GATE + weight], begin[GATE + weight])
        assert not torch.equal(runs["both"][weight], begin[weight])
        assert not torch.equal(runs["both"][GATE + weight], begin[GATE + weight])
        assert not torch.equal(runs["gates"][GATE + weight], begin[GATE + weight])


def _trained(gate: Any, model: Any) -> Any:
    """The state, gates included, after the 16 steps of the recipe."""
    node = training(gate, model=model)
    net, start = network(model.build()), model.initial(0, "init", "named")
    steps = train(
        *(net, start, None, _loader(node.recipe), cast(Recipe, node.recipe)),
        fresh=lambda *names: model.initial(1, " ".join(map(str, names)), "named"),
    )
    return [last.state for last in steps][-1]


@NAMES
def test_the_learned_network_is_the_weights_under_the_learned_mask(name, tmp_path):
    store, node = Store(tmp_path), training(ACTIVE[name])
    mask = MaskOf(of=node, name=LEARNED)
    ticket, on = training(None, mask=mask), training(None, mask=mask, start=node.at(LEARNED))
    compute([ticket, on], store)
    kept, final, seen = (store.get(blobs(node, store)[part]) for part in (f"mask:{LEARNED}", "final", LEARNED))
    assert sorted(kept) == sorted(name for name in final if name in network(VGG.build()).prunable)
    for weight, entries in kept.items():
        assert 0 < int(entries.sum()) < entries.numel()
        scale = ACTIVE[name].factor(entries)
        torch.testing.assert_close(seen[weight], final[weight] * scale * entries, rtol=0, atol=0)
        for run in (ticket, on):
            held = store.get(blobs(run, store)["final"])[weight]
            assert torch.equal(held != 0, entries & (held != 0)) and bool((held[~entries] == 0).all())
    metrics = store.record(node.digest).metrics  # type: ignore[union-attr]
    assert metrics["learned_layers"] == {name: float(mask.double().mean()) for name, mask in kept.items()}
    entries = torch.cat([mask.flatten() for mask in kept.values()])
    assert metrics["learned_density"] == float(entries.double().mean())
    assert metrics["test_accuracy"] == pytest.approx(_accuracy_of(seen))


def _accuracy_of(state: Any) -> float:
    return evaluate(network(VGG.build()), state, _loader(RECIPE), "test").accuracy


def _loader(recipe: Any) -> Loader:
    return Loader(DATA.spec.load(None), augment=recipe.augment, stream=recipe.stream, seed=0, batch_size=16)


@NAMES
def test_gates_are_set_beside_the_weights_and_taken_away(name):
    module = VGG.build()
    net, state = network(module), state_of(module)
    opened = with_gates(net, ACTIVE[name], state, 0)
    assert without_gates(opened).keys() == state.keys() and opened.keys() > state.keys()
    assert with_gates(net, ACTIVE[name], opened, 1).items() == opened.items(), "gates that are there stay"
    mask, seen = learned_mask(net, ACTIVE[name], opened), learned(net, ACTIVE[name], opened)
    assert mask.keys() == set(net.prunable) and seen.keys() == state.keys()
    inputs = torch.rand(5, 1, 8, 8)
    with torch.no_grad():
        ours, _ = gated(net, ACTIVE[name]).forward(opened, inputs, False)
        theirs, _ = net.forward(seen, inputs, False)
    assert torch.equal(ours, theirs)
