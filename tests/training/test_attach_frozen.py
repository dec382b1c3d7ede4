"""Pruned weights that ``attach`` holds at values other than 0; the oracle is the engine's loop."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lotterylab.errors import LotteryError, UsageError
from lotterylab.interventions import Set
from lotterylab.models import Mlp
from lotterylab.network import network as pure
from lotterylab.network import state_of
from lotterylab.training.attach import Held, attach
from lotterylab.training.loop import train as train_by_engine
from lotterylab.training.optim import Adam, Sgd
from lotterylab.training.schedules import Constant
from lotterylab.types import Mask, State
from some_attached import backward, half, network
from some_trainings import RECIPE, loader

OPTIMIZERS: dict[str, tuple[Any, Callable[[Any], torch.optim.Optimizer]]] = {
    "sgd": (
        Sgd(lr=0.05, momentum=0.9, weight_decay=1e-2),
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-2, fused=True),
    ),
    "adam": (
        Adam(lr=0.01, weight_decay=1e-2, decoupled=False),
        lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=1e-2, fused=True),
    ),
    "adamw": (Adam(lr=0.01, weight_decay=0.1), lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1, fused=True)),
}
both = pytest.mark.parametrize("name", OPTIMIZERS)


def mlp() -> nn.Module:
    spec = Mlp(widths=(12, 8), shape=(1, 8, 8))
    module = spec.build()
    module.load_state_dict(spec.initial(1, "init", "named"))
    return module


def values(module: nn.Module, seed: int = 3) -> State:
    """Values to hold, for every parameter, a negative zero among them."""
    draw = torch.Generator().manual_seed(seed)
    drawn = {name: torch.randn(p.shape, generator=draw) for name, p in module.named_parameters()}
    for tensor in drawn.values():
        tensor.view(-1)[0] = -0.0
    return State(drawn)


def some_mask(module: nn.Module, seed: int = 0) -> Mask:
    draw = torch.Generator().manual_seed(seed)
    named = {name: p for name, p in module.named_parameters() if p.dim() == 2}
    mask = {name: torch.rand(p.shape, generator=draw) < 0.5 for name, p in named.items()}
    for kept in mask.values():
        kept.view(-1)[0] = False
    return Mask(mask)


def same(one: Tensor, other: Tensor) -> bool:
    """Whether the bits are the same, so that -0.0 is not 0.0."""
    return torch.equal(one.detach().contiguous().view(torch.int32), other.detach().contiguous().view(torch.int32))


@both
def test_a_loop_of_one_s_own_gives_the_engine_s_bits(name):
    spec, make = OPTIMIZERS[name]
    recipe = replace(RECIPE, optimizer=spec, schedule=Constant(), pick=None, watch=())
    module = mlp()
    mask, frozen = some_mask(module), values(module)
    engine = list(train_by_engine(pure(module), state_of(module), mask, loader(recipe), recipe, frozen=frozen))[-1]

    optimizer = make(module.parameters())
    held = attach(module, optimizer, mask, frozen=frozen)
    batches = loader(recipe)
    for epoch in range(recipe.epochs):
        for batch in batches.batches(epoch, start=0):
            optimizer.zero_grad()
            cross_entropy(module(batch.inputs), batch.targets).backward()
            optimizer.step()
    held.verify()

    for key, parameter in module.named_parameters():
        assert same(parameter, engine.state[key]), key
        assert key not in mask or same(parameter[~mask[key]], frozen[key][~mask[key]])
        for slot, tensor in optimizer.state[parameter].items():
            if tensor.shape == parameter.shape:
                stored = engine.optimizer[f"{slot.removesuffix('_buffer')}/{key}"]
                assert same(tensor, stored), (slot, key)
                assert key not in mask or not tensor[~mask[key]].any()


@both
def test_they_are_held_at_once_and_after_every_step(name):
    module = network()
    optimizer = OPTIMIZERS[name][1](module.parameters())
    mask, frozen = half(module), values(module)
    attach(module, optimizer, mask, frozen=frozen)
    for step in range(5):
        for key, kept in mask.items():
            assert same(module.get_parameter(key)[~kept], frozen[key][~kept])
        optimizer.zero_grad()
        backward(module, step)
        assert all(not module.get_parameter(key).grad[~kept].any() for key, kept in mask.items())  # type: ignore[index]
        optimizer.step()
    assert all(not same(module.get_parameter(key)[kept], frozen[key][kept]) for key, kept in mask.items())


def trained(name: str, steps: range, saved: dict[str, Any] | None = None) -> tuple[nn.Module, dict[str, Any]]:
    """A training of some steps, that goes on from what another process saved."""
    module = network()
    mask, frozen = half(module), values(module)
    optimizer = OPTIMIZERS[name][1](module.parameters())
    held = attach(
        module, optimizer, half(module, seed=9) if saved else mask, frozen=values(module, 8) if saved else frozen
    )
    if saved:
        module.load_state_dict(saved["module"])
        optimizer.load_state_dict(saved["optimizer"])
        held.load_state_dict(saved["held"])
    for step in steps:
        optimizer.zero_grad()
        backward(module, step)
        optimizer.step()
    held.verify()
    return module, {"module": module.state_dict(), "optimizer": optimizer.state_dict(), "held": held.state_dict()}


@both
def test_a_training_that_stops_and_goes_on_gives_the_same_bits(name, tmp_path: Path):
    straight, _ = trained(name, range(8))
    torch.save(trained(name, range(3))[1], tmp_path / "saved.pt")
    parts, _ = trained(name, range(3, 8), torch.load(tmp_path / "saved.pt"))
    for key, tensor in straight.state_dict().items():
        assert torch.equal(tensor, parts.state_dict()[key]), key


def refused(words: str, call: Callable[[], object]) -> None:
    with pytest.raises(UsageError, match=words):
        call()


def made(**options: Any) -> tuple[nn.Module, torch.optim.Optimizer, Held, Mask]:
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-2)
    mask = half(module)
    return module, optimizer, attach(module, optimizer, mask, **options), mask


def test_another_mask_holds_what_it_removes_at_its_values_and_lets_the_others_go():
    frozen = values(network())
    module, optimizer, held, mask = made(frozen=frozen)
    backward(module, 0)
    optimizer.step()
    before = {name: module.get_parameter(name).detach().clone() for name in mask}
    other = half(module, seed=5)
    held.change(other)
    for name, kept in other.items():
        weight = module.get_parameter(name)
        assert same(weight[~kept], frozen[name][~kept]) and same(weight[kept], before[name][kept])
    backward(module, 1)
    optimizer.step()
    held.verify()
    for name, kept in other.items():
        back = kept & ~mask[name]
        assert bool((module.get_parameter(name)[back] != frozen[name][back]).any())


def test_the_values_are_copies_and_are_saved_with_the_mask():
    frozen = values(network())
    given = {name: tensor.clone() for name, tensor in frozen.items()}
    module, _, held, mask = made(frozen=given)
    for tensor in (*given.values(), *held.state_dict().values()):
        tensor.zero_()
    held.hold()
    assert held.state_dict().keys() == {*mask, *(f"frozen/{name}" for name in mask)}
    for name, kept in mask.items():
        assert same(module.get_parameter(name)[~kept], frozen[name][~kept])
        assert same(held.state_dict()[f"frozen/{name}"], frozen[name])


def test_verify_tells_a_negative_zero_and_a_written_weight_from_the_values():
    frozen = values(network())
    module, _, held, mask = made(frozen=frozen)
    held.verify()
    name = "4.weight"
    first = tuple((~mask[name]).nonzero()[0].tolist())
    with torch.no_grad():
        module.get_parameter(name)[first] = float(frozen[name][first]) + 1.0
    with pytest.raises(LotteryError, match=r"1 of \d+ pruned entries of '4\.weight' are not at their frozen values"):
        held.verify()
    held.hold()
    held.verify()


def test_a_module_that_is_moved_and_moved_back_is_held_at_the_values():
    frozen = values(network())
    module, _, held, mask = made(frozen=frozen)
    module.to(torch.bfloat16)
    held.hold()
    held.verify()
    for name, kept in mask.items():
        assert torch.equal(module.get_parameter(name)[~kept], frozen[name].bfloat16()[~kept])
    module.to(torch.float32)
    held.hold()
    assert all(same(module.get_parameter(name)[~kept], frozen[name][~kept]) for name, kept in mask.items())


def test_values_of_zero_are_the_mask_alone():
    zeros = {name: torch.zeros_like(p) for name, p in network().named_parameters()}
    (one, first, *_), (other, second, *_) = made(), made(frozen=zeros)
    for step in range(4):
        for module, optimizer in ((one, first), (other, second)):
            optimizer.zero_grad()
            backward(module, step)
            optimizer.step()
    assert all(same(tensor, other.get_parameter(name)) for name, tensor in one.named_parameters())


WRONG: dict[str, tuple[Callable[[Any], object], str]] = {
    "a missing name": (lambda state: state.pop("4.weight"), r"'4\.weight', and frozen has no values for it"),
    "another shape": (lambda state: state.update({"4.weight": torch.zeros(5, 63)}), r"\(5, 63\) of torch\.float32"),
    "another type": (lambda state: state.update({"4.weight": torch.zeros(5, 64).double()}), r"torch\.float64 for"),
    "not a number": (
        lambda state: state["4.weight"][0].fill_(float("nan")),
        r"64 of 320 frozen values for '4\.weight'",
    ),
    "infinite": (lambda state: state["0.weight"][0, 0, 0, 0].fill_(float("inf")), r"1 of 36 frozen values"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_values_that_do_not_fit_are_refused_and_nothing_is_changed(wrong):
    harm, words = WRONG[wrong]
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    frozen, before = values(module), copy.deepcopy(module.state_dict())
    harm(frozen)
    with pytest.raises(UsageError, match=words):
        attach(module, optimizer, half(module), frozen=frozen)
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    assert not any(p._post_accumulate_grad_hooks for p in module.parameters())


def test_beside_interventions_they_are_refused():
    words = "frozen was given to a training with interventions, which hold at 0. Leave one of them out"
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    before = copy.deepcopy(module.state_dict())
    refused(words, lambda: attach(module, optimizer, half(module), frozen=values(module), during=[Set(every=3)]))
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    held = made(frozen=values(module))[2]
    refused(words, lambda: held.intervene([Set(every=3)], seed=0, steps_per_epoch=None, total_steps=None, fresh=None))
    held.verify()


def test_a_state_that_only_one_side_has_is_refused_and_the_old_one_held():
    with_values, without = made(frozen=values(network()))[2], made()[2]
    refused("the state has no frozen values. Attach with", lambda: with_values.load_state_dict(without.state_dict()))
    refused("and none were attached. Attach with", lambda: without.load_state_dict(with_values.state_dict()))
    broken = with_values.state_dict()
    broken["frozen/4.weight"][0, 0] = float("nan")
    refused("are not finite", lambda: with_values.load_state_dict(broken))
    with_values.verify()
    without.verify()
