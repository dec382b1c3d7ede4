"""attach keeps pruned weights at positive zero after every step, and changes nothing else."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from torch import nn

from lotterylab import masks
from lotterylab.training.attach import attach
from lotterylab.types import Mask
from some_attached import (
    BASES,
    Make,
    all_positive_zero,
    backward,
    half,
    network,
    train,
)


@pytest.mark.parametrize("make", BASES.values(), ids=BASES.keys())
def test_what_is_pruned_is_positive_zero_after_each_of_100_steps(make: Make) -> None:
    module = network()
    optimizer = make(module.parameters())
    train(module, optimizer, range(3))  # the mask comes to a warm optimizer
    mask = half(module)
    assert not all_positive_zero(module, optimizer, mask)
    held = attach(module, optimizer, mask)
    assert all_positive_zero(module, optimizer, mask)
    for step in range(3, 103):
        train(module, optimizer, range(step, step + 1))
        assert all_positive_zero(module, optimizer, mask)
    held.verify()
    for name, kept in mask.items():  # and what is kept was trained
        assert bool((module.get_parameter(name)[kept] != network().get_parameter(name)[kept]).all())


@pytest.mark.parametrize("name", ["SGD", "AdamW"])
def test_masking_the_gradients_alone_does_not_hold_a_mask(name: str) -> None:
    """Masked gradients alone fail the test above, which is why ``attach`` does more."""
    module = network()
    optimizer = BASES[name](module.parameters())
    train(module, optimizer, range(3))
    mask = half(module)
    masks.apply(module, mask)
    backward(module, 3)
    for key, kept in mask.items():
        gradient = module.get_parameter(key).grad
        assert gradient is not None
        gradient.mul_(kept)
    optimizer.step()
    assert not all_positive_zero(module, optimizer, mask)


@pytest.mark.parametrize("make", BASES.values(), ids=BASES.keys())
def test_a_mask_of_ones_changes_no_bit_of_a_training(make: Make) -> None:
    plain, attached = network(), network()
    for module in (plain, attached):
        optimizer = make(module.parameters())
        if module is attached:
            attach(module, optimizer, masks.ones(dict(module.named_parameters())))
        train(module, optimizer, range(20))
    assert masks.digest(plain.state_dict()) == masks.digest(attached.state_dict())


def test_clipping_sees_the_masked_gradient() -> None:
    module, reference = network(), network()
    mask = half(module)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    attach(module, optimizer, mask)
    masks.apply(reference, mask)
    backward(module, 0)
    backward(reference, 0)
    expected = {
        name: p.grad.where(mask[name], 0.0) if name in mask else p.grad
        for name, p in reference.named_parameters()
        if p.grad is not None
    }
    norm = torch.stack([g.square().sum() for g in expected.values()]).sum().sqrt()
    total = nn.utils.clip_grad_norm_(module.parameters(), max_norm=0.01)
    torch.testing.assert_close(total, norm)
    for name, p in module.named_parameters():
        torch.testing.assert_close(p.grad, expected[name] * (0.01 / norm), rtol=1e-4, atol=1e-8)


def test_accumulating_two_micro_batches_equals_masking_their_sum() -> None:
    module, reference = network(), network()
    mask = half(module)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    attach(module, optimizer, mask)
    masks.apply(reference, mask)
    for step in range(2):
        backward(module, step)
        backward(reference, step)
    for name, p in module.named_parameters():
        whole = reference.get_parameter(name).grad
        assert whole is not None and p.grad is not None
        assert torch.equal(p.grad, whole.where(mask[name], 0.0) if name in mask else whole)


def test_gradients_that_are_not_numbers_become_zero_where_pruned() -> None:
    module = nn.Linear(3, 1, bias=False)
    mask = cast(Mask, {"weight": torch.tensor([[True, False, True]])})
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    attach(module, optimizer, mask)
    module(torch.tensor([[1.0, float("nan"), 1.0]])).backward(torch.ones(1, 1))
    assert module.weight.grad is not None
    assert module.weight.grad.tolist() == [[1.0, 0.0, 1.0]]
    optimizer.step()
    assert bool(module.weight.isfinite().all()) and all_positive_zero(module, optimizer, mask)


def test_attaching_sets_gradients_that_are_there_already() -> None:
    module = network()
    mask = half(module)
    backward(module, 0)
    attach(module, torch.optim.SGD(module.parameters(), lr=0.1), mask)
    for name, kept in mask.items():
        gradient = module.get_parameter(name).grad
        assert gradient is not None and not gradient[~kept].any() and gradient[kept].any()
