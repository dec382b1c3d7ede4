"""The shrunk path of the engine against the whole network with the mask held, and its stops and facts."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pytest
import torch

from lotterylab.engine.context import Context
from lotterylab.engine.rules import execute
from lotterylab.engine.store import Store
from lotterylab.engine.trainings import Stopped
from lotterylab.interventions import EarlyBird
from lotterylab.models import PreResNet, ResNet, Vgg
from lotterylab.plan.nodes import Channels, Dense, Init, MaskOf, Train
from lotterylab.reading.costs import _part
from lotterylab.training.losses import ScalesL1
from lotterylab.training.optim import Adam, Sgd
from some_chains import needs_compiler
from some_plans import DATA, RECIPE, compute

BIRD = EarlyBird(sparsity=0.5, masks=2, distance=1.0)
SHAPE = (1, 8, 8)
MODELS: dict[str, Any] = {
    "VGG-11": Vgg(depth=11, width=0.05, shape=SHAPE),
    "ResNet-8": ResNet(depth=8, width=0.5, shape=SHAPE),
    "PreResNet-8": PreResNet(depth=8, width=0.5, shape=SHAPE, shortcut="padding"),
}
OPTIMIZERS = {"sgd": Sgd(lr=0.02, momentum=0.9, weight_decay=1e-3), "adam": Adam(lr=0.003)}
# Adam moves a weight that has next to no gradient by the sign of its rounding
APART = {"sgd": 1e-4, "adam": 0.2}


def ticket(model: Any, optimizer: Any = OPTIMIZERS["sgd"], **changes: Any) -> Train:
    recipe = replace(RECIPE, optimizer=optimizer, loss=ScalesL1(weight=1e-3))
    start, finding = Init(model=model, seed=0), replace(recipe, during=(BIRD,), epochs=2)
    run = Train(start=start, mask=Dense(model=model), data=DATA, recipe=finding, order_seed=0)
    mask = Channels(of=MaskOf(of=run, name=BIRD.name), state=run.at(BIRD.name))
    return Train(
        **{"start": run.at(BIRD.name), "mask": mask, "data": DATA, "recipe": recipe, "order_seed": 0, **changes}
    )


def record(store: Store, node: Any) -> Any:
    found = store.record(node.digest)
    assert found
    return found


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS)
def test_the_shrunk_path_ends_where_the_whole_network_does_up_to_rounding(model, optimizer, tmp_path):
    shrunk = Store(tmp_path / "shrunk")
    recipe = replace(RECIPE, optimizer=OPTIMIZERS[optimizer], epochs=0, steps=5, loss=ScalesL1(weight=1e-3))
    node = ticket(MODELS[model], recipe=recipe)
    compute([node.start.run, node.mask], shrunk)
    shutil.copytree(tmp_path / "shrunk", tmp_path / "whole")
    whole = Store(tmp_path / "whole")
    compute([node], shrunk)
    compute([node], whole, fast=False)
    assert record(shrunk, node).facts["path"].endswith(", shrunk") and record(whole, node).facts["path"] == "plain"
    ours, theirs = (store.get(record(store, node).blobs["final"]) for store in (shrunk, whole))
    start = shrunk.get(record(shrunk, node.start.run).blobs[BIRD.name])
    mask = shrunk.get(record(shrunk, node.mask).blobs["mask"])
    assert ours.keys() == theirs.keys()
    for name, kept in mask.items():
        assert ours[name].shape == theirs[name].shape
        assert not ours[name][~kept].view(torch.int32).any()
    apart, moved = (
        sum(float((theirs[name] - other[name]).mul(kept).square().sum()) for name, kept in mask.items()) ** 0.5
        for other in (ours, start)
    )
    assert apart < APART[optimizer] * moved


@pytest.mark.parametrize("model", MODELS)
def test_a_shrunk_run_that_stops_at_any_step_and_goes_on_gives_the_same_bits(model, tmp_path):
    node = ticket(MODELS[model])
    straight, parts = Store(tmp_path / "straight"), Store(tmp_path / "parts")
    compute([node], straight)
    compute([*map(node.at, (1, 3, 4, 7, 11)), node], parts)
    ours, theirs = record(straight, node), record(parts, node)
    assert ours.facts["path"].endswith("shrunk")
    assert ours.blobs == theirs.blobs and ours.metrics == theirs.metrics
    again = replace(node, start=node.at(7))
    compute([again], parts)
    assert record(parts, again).blobs["final"] == ours.blobs["final"]


@needs_compiler
def test_the_kernel_trains_the_small_network_and_goes_on_with_the_same_bits(tmp_path):
    recipe = replace(RECIPE, optimizer=OPTIMIZERS["sgd"], epochs=0, steps=5)
    node = ticket(MODELS["VGG-11"], recipe=recipe)
    shrunk, parts, whole = (Store(tmp_path / name) for name in ("shrunk", "parts", "whole"))
    compute([node.start.run, node.mask], shrunk)
    for other in (parts, whole):
        shutil.copytree(shrunk.path, other.path)
    compute([node], shrunk)
    compute([node.at(2), node], parts)
    compute([node], whole, fast=False)
    path = record(shrunk, node).facts["path"]
    assert path.startswith("convolution kernel") and path.endswith(", shrunk")
    assert record(shrunk, node).blobs == record(parts, node).blobs
    ours, theirs = (store.get(record(store, node).blobs["final"]) for store in (shrunk, whole))
    for name in whole.get(record(whole, node.mask).blobs["mask"]):  # statistics of removed channels are none of its
        torch.testing.assert_close(ours[name], theirs[name], rtol=0, atol=1e-5)


def test_a_killed_shrunk_run_goes_on_from_its_checkpoint(tmp_path):
    node = ticket(MODELS["ResNet-8"])
    straight, parts = Store(tmp_path / "straight"), Store(tmp_path / "parts")
    compute([node], straight)
    compute([node.start.run, node.mask], parts)
    calls: list[int] = []

    def stopping() -> bool:
        calls.append(1)
        return len(calls) == 2

    with pytest.raises(Stopped):
        execute(node, Context(store=parts, stopping=stopping))
    partial = parts.load_partial(node.digest)
    assert partial and partial[0]["state|conv.weight"].shape == (8, 1, 3, 3)
    seen: list[int] = []
    execute(node, Context(store=parts, progress=lambda node, epoch, of: seen.append(epoch)))
    assert seen == [3, 4] and record(parts, node).blobs == record(straight, node).blobs


def test_the_cost_counts_the_multiplications_of_the_small_network(tmp_path):
    store, node = Store(tmp_path), ticket(MODELS["VGG-11"])
    compute([node], store)
    records = {found.digest: found for found in store.records()}
    counts = records[node.mask.digest].metrics["channels"]
    channels = [1, *(counts[f"norm.{layer}.weight"] for layer in range(8))]
    shapes = {name: weight.shape for name, weight in node.model.build().named_parameters() if weight.dim() == 4}
    dense = dict.fromkeys(shapes, 1000)
    part = _part(node, node.total_steps, records, dense)
    images = node.total_steps * DATA.spec.train / node.steps_per_epoch
    left = [a * b / (shape[0] * shape[1]) for (a, b), shape in zip(pairwise(channels), shapes.values(), strict=True)]
    assert part.macs == pytest.approx(3 * images * 1000 * sum(left))
    assert part.sparse_macs == pytest.approx(part.macs)
    finding = _part(node.start.run, node.start.run.total_steps, records, dense)
    assert finding.macs == 3 * finding.epochs * DATA.spec.train * 1000 * 8


@dataclass(frozen=True, kw_only=True)
class MeanOfAll:
    """A loss that looks at the mean of all weights, those of removed channels among them."""

    def __call__(self, logits, targets, net, parameters):
        return logits.square().mean() + sum(parameter.square().mean() for parameter in parameters.values())


@pytest.mark.parametrize(
    "change",
    [
        {"hold": False},
        {"during": (replace(BIRD, masks=99),)},
        {"loss": MeanOfAll()},
        {"loss": ScalesL1(loss=MeanOfAll())},
    ],
    ids=["a mask that is not held", "interventions", "a loss of one's own", "a loss of one's own with another"],
)
def test_the_whole_network_is_trained_where_the_small_one_would_not_do(change, tmp_path):
    store, node = Store(tmp_path), ticket(MODELS["VGG-11"])
    node = replace(node, recipe=replace(node.recipe, **change))
    compute([node], store)
    assert "shrunk" not in record(store, node).facts["path"]
