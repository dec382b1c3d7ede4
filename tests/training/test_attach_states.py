"""attach works with state dicts, copies, tied parameters, frozen layers and devices."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import weakref
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lotterylab import masks
from lotterylab.errors import LotteryError, UsageError
from lotterylab.training.attach import attach
from lotterylab.types import Mask
from some_attached import (
    BASES,
    all_positive_zero,
    assert_refused,
    backward,
    batch,
    half,
    network,
    train,
)


def test_state_dict_round_trip_through_a_file_holds_the_loaded_mask_at_once() -> None:
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    first, second = half(module, 1), half(module, 2)
    held = attach(module, optimizer, first)
    train(module, optimizer, range(2))
    file = io.BytesIO()
    other = network()
    torch.save(attach(other, torch.optim.SGD(other.parameters(), lr=0.1), second).state_dict(), file)
    file.seek(0)
    held.load_state_dict(torch.load(file, weights_only=True))
    assert masks.digest(held.state_dict()) == masks.digest(held.mask) == masks.digest(second)
    assert all_positive_zero(module, optimizer, second)
    train(module, optimizer, range(2, 4))
    assert all_positive_zero(module, optimizer, second)
    free = second["4.weight"] & ~first["4.weight"]  # what the first mask pruned may move again
    assert bool(module.get_parameter("4.weight")[free].any())


def test_a_loaded_mask_of_other_names_or_shapes_is_refused_and_the_old_one_held() -> None:
    module = network()
    mask = half(module)
    held = attach(module, torch.optim.SGD(module.parameters(), lr=0.1), mask)
    with pytest.raises(UsageError, match=r"differ in \['0.weight'\]"):
        held.load_state_dict({"4.weight": mask["4.weight"]})
    with pytest.raises(UsageError, match=r"\(4, 9\)"):
        held.load_state_dict({**mask, "0.weight": mask["0.weight"].view(4, 9)})
    assert masks.digest(held.mask) == masks.digest(mask)


def test_the_masks_given_and_returned_are_copies() -> None:
    module = network()
    mask = half(module)
    held = attach(module, torch.optim.SGD(module.parameters(), lr=0.1), mask)
    digest = masks.digest(mask)
    held.mask["4.weight"].fill_(True)
    mask["4.weight"].fill_(True)
    assert masks.digest(held.state_dict()) == digest


@pytest.mark.parametrize("name", ["SGD", "AdamW fused"])
def test_states_loaded_in_the_middle_of_a_training_are_held_at_the_next_step(name: str) -> None:
    dense, module = network(1), network()
    dense_optimizer, optimizer = BASES[name](dense.parameters()), BASES[name](module.parameters())
    train(dense, dense_optimizer, range(3))
    mask = half(module)
    held = attach(module, optimizer, mask)
    train(module, optimizer, range(2))
    optimizer.load_state_dict(dense_optimizer.state_dict())  # new tensors, warm where the mask prunes
    module.load_state_dict(dense.state_dict())
    with pytest.raises(LotteryError, match=r"not \+0\.0"):
        held.verify()
    train(module, optimizer, range(2, 3))
    held.verify()
    assert all_positive_zero(module, optimizer, mask)
    module.load_state_dict(dense.state_dict())
    held.hold()  # or at once
    held.verify()


def test_verify_names_what_is_not_positive_zero_and_minus_zero_is_not() -> None:
    module = network()
    optimizer = torch.optim.Adam(module.parameters())
    mask = half(module)
    held = attach(module, optimizer, mask)
    train(module, optimizer, range(1))
    held.verify()
    weight, pruned = module.get_parameter("4.weight"), ~mask["4.weight"]
    row, column = pruned.nonzero()[0].tolist()
    with torch.no_grad():
        weight[row, column] = -0.0
    with pytest.raises(LotteryError, match=f"1 of {int(pruned.sum())} pruned entries of '4.weight'"):
        held.verify()
    held.hold()
    optimizer.state[weight]["exp_avg_sq"][row, column] = 1e-30
    with pytest.raises(LotteryError, match=r"state \['exp_avg_sq'\] of '4.weight'"):
        held.verify()
    held.hold()
    module[4].weight = nn.Parameter(weight.detach().clone())
    with pytest.raises(LotteryError, match=r"'4.weight' is no longer the parameter"):
        held.verify()


def test_leaving_the_block_detaches_and_the_weights_stay_zero() -> None:
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    mask = half(module)
    with attach(module, optimizer, mask) as held:
        train(module, optimizer, range(3))
    held.verify()
    held.detach()  # a second time does nothing
    train(module, optimizer, range(3, 4))
    gradient = module.get_parameter("4.weight").grad
    assert gradient is not None and gradient[~mask["4.weight"]].any()
    assert not all_positive_zero(module, optimizer, mask)


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encode, self.decode = nn.Linear(5, 5), nn.Linear(5, 5)
        self.decode.weight = self.encode.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x).relu())


@pytest.mark.parametrize("name", ["encode.weight", "decode.weight"])
def test_a_tied_parameter_is_held_under_any_of_its_names(name: str) -> None:
    module = Tied()
    optimizer = torch.optim.AdamW(module.parameters(), weight_decay=0.1)
    mask = cast(Mask, {name: torch.rand(5, 5) < 0.5})
    held = attach(module, optimizer, mask)
    for _ in range(5):
        optimizer.zero_grad()
        module(torch.randn(4, 5)).square().sum().backward()
        optimizer.step()
        assert all_positive_zero(module, optimizer, mask)
    held.verify()
    assert list(held.mask) == [name]


def test_a_tied_parameter_named_twice_is_refused() -> None:
    module = Tied()
    twice = masks.ones(dict(module.named_parameters(remove_duplicate=False)), ["encode.weight", "decode.weight"])
    assert_refused(module, torch.optim.SGD(module.parameters(), lr=0.1), twice, "one tied parameter")


def test_copies_of_an_attached_module_work_and_are_not_attached() -> None:
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    mask = half(module)
    held = attach(module, optimizer, mask)
    train(module, optimizer, range(2))
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    copies = [copy.deepcopy(module), pickle.loads(pickle.dumps(module)), torch.load(file, weights_only=False)]
    before = masks.digest(module.state_dict())
    for other in copies:
        assert masks.digest(other.state_dict()) == before
        other_optimizer = torch.optim.SGD(other.parameters(), lr=0.1)
        train(other, other_optimizer, range(1))
        assert not all_positive_zero(other, other_optimizer, mask)
    assert masks.digest(module.state_dict()) == before
    train(module, optimizer, range(2, 4))
    held.verify()


def test_a_module_a_mask_and_an_optimizer_that_are_let_go_are_freed() -> None:
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    attach(module, optimizer, half(module))
    train(module, optimizer, range(1))
    gone = weakref.ref(module)
    del module, optimizer
    gc.collect()
    assert gone() is None


def test_a_layer_that_is_frozen_when_attached_is_held_once_it_is_trained() -> None:
    module = network().requires_grad_(False)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    mask = half(module)
    attach(module, optimizer, mask)
    assert not any(p.requires_grad for p in module.parameters())
    module.requires_grad_(True)
    backward(module, 0)
    gradient = module.get_parameter("4.weight").grad
    assert gradient is not None and not gradient[~mask["4.weight"]].any()
    optimizer.step()
    assert all_positive_zero(module, optimizer, mask)


@pytest.mark.parametrize(
    "to",
    [
        {"dtype": torch.float64},
        {"memory_format": torch.channels_last},
        pytest.param({"device": "cuda"}, marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")),
    ],
    ids=str,
)
def test_a_module_moved_after_attaching_is_held(to: dict[str, Any]) -> None:
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    mask = half(module)
    held = attach(module, optimizer, mask)
    module.to(**to)
    for step in range(3):
        optimizer.zero_grad()
        weight = module.get_parameter("0.weight")
        inputs, targets = (t.to(weight.device) for t in batch(step, weight.dtype))
        cross_entropy(module(inputs), targets).backward()
        assert weight.grad is not None and not weight.grad[~mask["0.weight"].to(weight.device)].any()
        optimizer.step()
        held.verify()
    assert held.mask["0.weight"].device == module.get_parameter("0.weight").device
    assert masks.digest(held.mask) == masks.digest(mask)
