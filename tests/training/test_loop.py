"""The training loop holds masks, stops and goes on, and agrees with torch's own optimizers."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lotterylab import masks
from lotterylab.data import TorchGlobalStream
from lotterylab.network import network, state_of
from lotterylab.training.optim import Adam, Sgd
from lotterylab.training.recipe import Recipe
from lotterylab.training.schedules import EpochDrops
from lotterylab.training.slots import by_parameter, by_slot
from lotterylab.training.watch import evaluate
from lotterylab.types import Mask
from some_trainings import DATA, RECIPE, InFloat64, bits, checkpoints, cnn, half, loader, normed

ADAM = replace(RECIPE, optimizer=Adam(lr=0.01, weight_decay=0.1))
SHARED = replace(RECIPE, stream=TorchGlobalStream(drawn_before=11, scoring_batch=16))
MODULES = {"cnn": cnn, "normed": normed}
RECIPES = {"sgd": RECIPE, "adam": ADAM, "shared stream": SHARED}


# masks


@pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)
def test_a_mask_of_ones_changes_no_bit(make):
    module = make()
    ones = masks.ones(state_of(module), network(module).prunable)
    for one, other in zip(checkpoints(module), checkpoints(module, mask=ones), strict=True):
        assert bits(one) == bits(other) and one.metrics == other.metrics


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("recipe", [RECIPE, ADAM], ids=["sgd", "adam"])
@pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)
def test_pruned_weights_and_their_optimizer_state_are_positive_zero_at_every_epoch(make, recipe, channels_last):
    module = make()
    mask = half(module)
    for one in checkpoints(module, recipe, mask, channels_last=channels_last):
        groups = [one.state, *one.kept.values(), *by_slot(one.optimizer).values()]
        for tensors in groups:
            for name, kept in mask.items():
                assert not bool(tensors[name][~kept].contiguous().view(torch.int32).any()), name
                assert bool((tensors[name][kept] != 0).any()), name


def test_not_held_they_start_at_zero_and_grow_back():
    module = cnn()
    mask = half(module)
    (*_, last) = checkpoints(module, replace(RECIPE, hold=False), mask)
    still = replace(RECIPE, hold=False, optimizer=Sgd(lr=0.0))
    (*_, unmoved) = checkpoints(module, still, mask)
    for name, kept in mask.items():
        assert bool((unmoved.state[name][~kept] == 0).all())
        assert kept.all() or float((last.state[name][~kept] != 0).double().mean()) > 0.9


# stopping and going on


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)
def test_going_on_from_any_epoch_is_straight_through_to_the_bit(make, recipe):
    module = make()
    mask = half(module)
    straight = checkpoints(module, recipe, mask)
    assert len(straight) == recipe.epochs
    for stopped in straight:
        rest = checkpoints(module, recipe, mask, resume=stopped)
        assert [one.step for one in rest] == [one.step for one in straight if one.step > stopped.step]
        for one, other in zip(rest, straight[len(straight) - len(rest) :], strict=True):
            assert bits(one) == bits(other) and one.metrics == other.metrics


def test_neither_the_start_nor_the_checkpoint_gone_on_from_is_changed():
    module = normed()
    start = bits(checkpoints(module, replace(RECIPE, optimizer=Sgd(lr=0.0)))[0])
    first = checkpoints(module)[0]
    before = bits(first)
    checkpoints(module, resume=first)
    assert bits(first) == before
    assert bits(checkpoints(module, replace(RECIPE, optimizer=Sgd(lr=0.0)))[0]) == start


# an independent loop


def plain(module: nn.Module, recipe: Recipe, make_optimizer: Any, at: tuple[int, ...], kind: Any) -> list[dict]:
    """Train the same batches in a plain loop, and return the state after each epoch."""
    batches, states = loader(recipe, kind=kind), []
    optimizer = make_optimizer(module.parameters())
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, list(at), gamma=0.1)
    for epoch in range(recipe.epochs):
        module.train()
        for batch in batches.batches(epoch):
            optimizer.zero_grad()
            cross_entropy(module(batch.inputs), batch.targets).backward()
            optimizer.step()
        scheduler.step()
        states.append(state_of(module))
    return states


ORACLES = {
    "sgd": (RECIPE, lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=5e-4)),
    "nesterov": (
        replace(RECIPE, optimizer=Sgd(lr=0.05, momentum=0.9, nesterov=True)),
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    ),
    "adamw": (ADAM, lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1)),
}


@pytest.mark.parametrize(("recipe", "make_optimizer"), ORACLES.values(), ids=ORACLES)
@pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)
def test_in_float64_it_is_torch_s_optimizer_under_multi_step_lr(make, recipe, make_optimizer):
    module = make().double()
    ours = checkpoints(module, recipe, channels_last=False, kind=InFloat64)
    theirs = plain(module, recipe, make_optimizer, recipe.schedule.at, InFloat64)
    for one, state in zip(ours, theirs, strict=True):
        for name, tensor in state.items():
            torch.testing.assert_close(one.state[name], tensor, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "softsign"])
def test_over_ten_steps_in_float64_the_fast_path_is_the_plain_one(activation):
    slow, fast = (cnn(activation, pool_first=first).double() for first in (False, True))
    recipe = replace(RECIPE, batch_size=10)  # 4 steps an epoch, 12 in all
    mask = half(slow)
    plainly = checkpoints(slow, recipe, mask, channels_last=False, kind=InFloat64)
    quickly = checkpoints(fast, recipe, mask, channels_last=True, kind=InFloat64)
    for one, other in zip(plainly, quickly, strict=True):
        for name, tensor in one.state.items():
            torch.testing.assert_close(other.state[name], tensor, rtol=1e-11, atol=1e-13)
        assert one.metrics["validation_accuracy"] == other.metrics["validation_accuracy"]


# what is measured


def test_running_means_are_those_of_the_batches_before_each_step():
    module, recipe = cnn(), replace(RECIPE, optimizer=Sgd(lr=0.0), epochs=1)
    (only,) = checkpoints(module, recipe)
    with torch.no_grad():
        seen = [(module(batch.inputs), batch.targets) for batch in loader(recipe).batches(0)]
    logits, targets = (torch.cat(parts) for parts in zip(*seen, strict=True))
    assert only.metrics["train_loss"] == [pytest.approx(float(cross_entropy(logits, targets)), rel=1e-6)]
    assert only.metrics["train_accuracy"] == [float((logits.argmax(1) == targets).double().mean())]


def test_evaluation_is_the_module_s_own_in_evaluation_mode():
    module = normed()
    module(torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(0)))  # statistics of its own
    found = evaluate(network(module), state_of(module), loader(), "test")
    module.eval()
    inputs = (DATA.test.images.float() / DATA.scale - DATA.mean[0]) / DATA.std[0]
    with torch.no_grad():
        logits = module(inputs)
    assert found.accuracy == float((logits.argmax(1) == DATA.test.labels).double().mean()) == found.exact
    assert found.loss == pytest.approx(float(cross_entropy(logits, DATA.test.labels)), rel=1e-6)


def test_approximate_images_are_left_out_of_the_exact_accuracy_alone():
    approximate = torch.arange(20) < 15
    some = loader()
    some.dataset = replace(DATA, test=replace(DATA.test, approximate=approximate))
    module = cnn()
    correct = module(next(loader().evaluation_batches("test")).inputs).argmax(1) == DATA.test.labels
    found = evaluate(network(module), state_of(module), some, "test")
    assert found.accuracy == float(correct.double().mean())
    assert found.exact == float(correct[15:].double().mean())
    some.dataset = replace(DATA, test=replace(DATA.test, approximate=torch.ones(20, dtype=torch.bool)))
    assert math.isnan(evaluate(network(module), state_of(module), some, "test").exact)


def test_the_best_epoch_is_the_first_of_equals_and_its_state_is_kept_whole():
    still = checkpoints(cnn(), replace(RECIPE, optimizer=Sgd(lr=0.0)))[-1]
    assert len(set(still.metrics["validation_accuracy"])) == 1 and still.metrics["best_epoch"] == 1
    all_of_them = checkpoints(normed(), replace(RECIPE, epochs=6, schedule=EpochDrops(at=(4,))))
    curve, best = all_of_them[-1].metrics["validation_accuracy"], all_of_them[-1].metrics["best_epoch"]
    assert best == 1 + curve.index(max(curve))
    for name, tensor in all_of_them[best - 1].state.items():
        assert torch.equal(all_of_them[-1].kept["best"][name], tensor), name


def test_without_a_pick_only_the_final_state_is_kept_and_nothing_is_watched():
    for one in checkpoints(cnn(), replace(RECIPE, watch=(), pick=None)):
        assert one.kept == {} and set(one.metrics) == {"train_loss", "train_accuracy"}


def test_a_training_that_diverges_says_in_which_epoch_and_ends():
    recipe = replace(RECIPE, optimizer=Sgd(lr=1e20, momentum=0.9))
    (last,) = checkpoints(cnn("relu"), recipe)
    assert last.metrics["diverged_epoch"] == 1 and last.metrics["train_loss"] == [None]
    assert checkpoints(cnn("relu"), recipe, resume=last) == []


def test_the_order_of_the_data_does_not_depend_on_the_mask_or_on_what_is_watched():
    module = cnn()
    watched, alone = checkpoints(module), checkpoints(module, replace(RECIPE, watch=(), pick=None))
    assert bits(watched[-1])["state|fc1.weight"] == bits(alone[-1])["state|fc1.weight"]
    nothing_pruned: Any = Mask({})
    assert bits(checkpoints(module, mask=nothing_pruned)[-1]) == bits(watched[-1])


def test_a_pick_that_is_not_watched_is_refused():
    with pytest.raises(ValueError, match=r"needs watch=\('test',\)"):
        replace(RECIPE, pick="test")


# frozen and unused parameters


class Backbone(nn.Module):
    """A network with a frozen first layer, an unused layer, and a buffer that is assigned and not changed in place."""

    ema: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.frozen, self.unused, self.head = (
            nn.Linear(64, 12).requires_grad_(False),
            nn.Linear(3, 3),
            nn.Linear(12, 10),
        )
        self.register_buffer("ema", torch.zeros(12))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.frozen(x.flatten(1)).relu()
        if self.training:
            self.ema = 0.9 * self.ema + 0.1 * (hidden + 0 * self.head.bias.sum()).mean(0)
        return self.head(hidden)


@pytest.mark.parametrize(("recipe", "make_optimizer"), ORACLES.values(), ids=ORACLES)
def test_what_is_frozen_stays_what_is_unused_is_left_and_assigned_buffers_move_as_in_a_plain_loop(
    recipe, make_optimizer
):
    module = Backbone().double()
    before = state_of(module)
    ours = checkpoints(module, recipe, channels_last=False, kind=InFloat64)
    theirs = plain(module, recipe, make_optimizer, recipe.schedule.at, InFloat64)
    for one, state in zip(ours, theirs, strict=True):
        for name, tensor in state.items():
            torch.testing.assert_close(one.state[name], tensor.detach(), rtol=1e-11, atol=1e-13)
        assert not any(tensor.requires_grad for tensor in one.state.values())
    assert all(
        torch.equal(before[name], ours[-1].state[name]) for name in before if name.startswith(("frozen", "unus"))
    )
    assert not torch.equal(before["ema"], ours[-1].state["ema"])
    assert {name.split(".")[0] for name in by_parameter(ours[-1].optimizer)} == {"unused", "head"}


def test_a_mask_on_a_frozen_layer_is_held_by_never_moving_it():
    module = Backbone()
    mask = half(module)
    last = checkpoints(module, mask=mask)[-1]
    assert not bool(last.state["frozen.weight"][~mask["frozen.weight"]].any())
