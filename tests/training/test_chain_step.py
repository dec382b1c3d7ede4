"""Both kernels of chains, compiled and portable, agree with torch's steps, stop and go on, and hold masks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from lotterylab.data import NamedStream
from lotterylab.data.augment import Augment
from lotterylab.kernels.build import library
from lotterylab.kernels.links import links_of
from lotterylab.network import network, state_of
from lotterylab.training.chain_step import ACTIVATIONS
from lotterylab.training.loop import train
from lotterylab.training.optim import Adam, Sgd
from lotterylab.training.slots import by_slot
from lotterylab.types import State
from some_chains import RECIPE, both_ways, chain, largest, masked, needs_compiler
from some_trainings import InFloat64, bits, checkpoints, loader

OPTIMIZERS = {
    "sgd": Sgd(lr=0.05),
    "momentum and decay": RECIPE.optimizer,
    "nesterov": Sgd(lr=0.05, momentum=0.9, nesterov=True),
    "adam": Adam(lr=0.01),
    "adamw": Adam(lr=0.01, weight_decay=0.1),
    "adam with l2": Adam(lr=0.01, weight_decay=0.1, decoupled=False),
}
MASKS = {"no mask": 1.0, "whole with zeros": 0.7, "half": 0.5, "sparse": 0.1, "hardly any": 0.004}


# agreement with torch


@both_ways
@pytest.mark.parametrize("keep", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_fifteen_steps_agree_with_torch_in_float64(optimizer: Any, keep: float, trained: Any) -> None:
    module, recipe = chain().double(), replace(RECIPE, optimizer=optimizer)
    mask = masked(module, keep)
    torch_ = checkpoints(module, recipe, mask, kind=InFloat64)
    kernel = trained(module, recipe, mask, real="double", kind=InFloat64)
    assert kernel[-1].step == 15
    for one, other in zip(torch_, kernel, strict=True):
        assert largest(one, other) < 1e-12
        for name in ("train_accuracy", "validation_accuracy", "best_epoch"):
            assert one.metrics[name] == other.metrics[name]
        assert one.metrics["train_loss"] == pytest.approx(other.metrics["train_loss"], abs=1e-5)


@both_ways
@pytest.mark.parametrize("batch_size", [1, 7, 34])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("widths", [(), (3,), (70, 5, 9)], ids=str)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_chains_of_any_shape_agree_with_torch(
    activation: str, widths: tuple[int, ...], bias: bool, batch_size: int, trained: Any
) -> None:
    module = chain(activation, widths=widths, bias=bias).double()
    recipe = replace(RECIPE, batch_size=batch_size, epochs=1)
    for keep in (1.0, 0.3):
        mask = masked(module, keep)
        (one,) = checkpoints(module, recipe, mask, kind=InFloat64)
        (other,) = trained(module, recipe, mask, real="double", kind=InFloat64)
        assert largest(one, other) < 1e-12


@needs_compiler
def test_a_batch_of_several_tiles_agrees_with_torch() -> None:
    from lotterylab.data import Digits
    from lotterylab.data.loader import Loader

    data = Digits(train=300, validation=70, test=20).load(None)
    module, recipe = chain(), replace(RECIPE, batch_size=150, epochs=2)
    links, kernel, mask = links_of(module), library(), masked(module, 0.2)
    assert links and kernel
    ends = []
    for how in (None, (kernel, links)):
        batches = Loader(data, augment=Augment(), stream=NamedStream(), seed=0, batch_size=150)
        (*_, last) = train(network(module), state_of(module), mask, batches, recipe, kernel=how)
        ends.append(last)
    assert largest(*ends) < 1e-5
    assert ends[0].metrics["validation_accuracy"] == ends[1].metrics["validation_accuracy"]


@both_ways
def test_a_layer_without_a_weight_learns_its_bias_alone(trained: Any) -> None:
    module = chain().double()
    mask = masked(module, 0.5)
    assert mask is not None
    mask["1.weight"][:] = False
    (*_, one) = checkpoints(module, RECIPE, mask, kind=InFloat64)
    (*_, other) = trained(module, RECIPE, mask, real="double", kind=InFloat64)
    assert largest(one, other) < 1e-12
    assert not bool(other.state["1.weight"].any()) and not torch.equal(
        other.state["5.bias"], state_of(module)["5.bias"]
    )


@both_ways
def test_a_loss_that_is_not_finite_ends_the_training_in_the_same_epoch(trained: Any) -> None:
    module, recipe = chain(), replace(RECIPE, optimizer=Sgd(lr=1e30), epochs=3)
    (*_, one) = checkpoints(module, recipe, None)
    (*_, other) = trained(module, recipe, None)
    assert one.metrics["diverged_epoch"] == other.metrics["diverged_epoch"]


# bits


@both_ways
@pytest.mark.parametrize("keep", [1.0, 0.7, 0.1])
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_stopping_at_any_step_and_going_on_is_straight_through_to_the_bit(
    optimizer: Any, keep: float, trained: Any
) -> None:
    module, recipe = chain(), replace(RECIPE, optimizer=optimizer)
    mask = masked(module, keep)
    straight = trained(module, recipe, mask)[-1]
    for step in range(1, 15):
        stopped = trained(module, recipe, mask, until=step)[-1]
        assert stopped.step == step
        rest = trained(module, recipe, mask, resume=stopped)[-1]
        assert bits(rest) == bits(straight)
        for name in ("train_accuracy", "train_loss", "validation_accuracy", "best_epoch"):
            assert rest.metrics[name] == straight.metrics[name]


@both_ways
@pytest.mark.parametrize("keep", [0.7, 0.1])
def test_pruned_weights_and_their_optimizer_state_are_positive_zero(keep: float, trained: Any) -> None:
    module = chain()
    mask = masked(module, keep)
    assert mask is not None
    for one in trained(module, replace(RECIPE, optimizer=Adam(lr=0.01, weight_decay=0.1)), mask):
        for tensors in (one.state, *one.kept.values(), *by_slot(one.optimizer).values()):
            for name, kept in mask.items():
                assert not bool(tensors[name][~kept].view(torch.int32).any())
                assert bool((tensors[name][kept] != 0).any())


@both_ways
def test_evaluating_by_steps_changes_no_bit(trained: Any) -> None:
    module, mask = chain(), masked(chain(), 0.1)
    by_steps = replace(RECIPE, watch_every=4)
    one, other = trained(module, RECIPE, mask)[-1], trained(module, by_steps, mask)[-1]
    assert {name: tensor.tobytes() for name, tensor in _numbers(one.state).items()} == {
        name: tensor.tobytes() for name, tensor in _numbers(other.state).items()
    }
    assert other.metrics["watched_steps"] == [4, 8, 12, 15]


def _numbers(state: State) -> dict[str, Any]:
    return {name: tensor.numpy() for name, tensor in state.items()}


@needs_compiler
def test_the_kernel_reads_the_numbers_of_the_batches_to_the_bit() -> None:
    batches = loader(replace(RECIPE, batch_size=34))
    (batch,) = batches.batches(0)
    order, meanings = batches.order(0), batches.meanings()
    raw = batches.dataset.train.images[order].long()
    read = torch.stack([meanings[channel][raw[:, channel]] for channel in range(raw.shape[1])], 1)
    assert torch.equal(read, cast(Tensor, batch.inputs)) and torch.equal(
        batches.dataset.train.labels[order], batch.targets
    )
