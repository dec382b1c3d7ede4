"""Loops that people write: accumulation, clipping, mixed precision, loss scaling, averaging, continuing."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import lotterylab as ll
from lotterylab import masks
from some_attached import all_positive_zero, batch, half, network


def sgd(module: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-2)


def loss_of(module: nn.Module, step: int) -> torch.Tensor:
    inputs, targets = batch(step)
    return cross_entropy(module(inputs), targets)


def test_accumulated_gradients_are_those_of_what_is_kept():
    module, twin = network(), network()
    mask = half(module)
    ll.attach(module, sgd(module), mask)
    masks.apply(twin, mask)
    for step in range(3):
        loss_of(module, step).backward()
        loss_of(twin, step).backward()
    for name, parameter in module.named_parameters():
        expected = twin.get_parameter(name).grad
        assert expected is not None and parameter.grad is not None
        torch.testing.assert_close(parameter.grad, expected.masked_fill(~mask[name], 0) if name in mask else expected)


def test_a_norm_counts_only_what_is_kept_and_clipping_holds():
    module = network()
    optimizer, mask = sgd(module), half(module)
    held = ll.attach(module, optimizer, mask)
    for step in range(10):
        optimizer.zero_grad()
        loss_of(module, step).backward()
        kept = [
            p.grad[mask[name]] if name in mask else p.grad.flatten().clone()
            for name, p in module.named_parameters()
            if p.grad is not None
        ]
        norm = torch.nn.utils.clip_grad_norm_(module.parameters(), 0.1)
        torch.testing.assert_close(norm, torch.cat(kept).norm())
        optimizer.step()
        held.verify()


def test_autocast_in_bfloat16():
    module = network()
    optimizer, mask = sgd(module), half(module)
    with ll.attach(module, optimizer, mask) as held:
        for step in range(10):
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = loss_of(module, step)
            loss.backward()
            optimizer.step()
            held.verify()
    assert all_positive_zero(module, optimizer, mask)


def test_a_gradient_scaler_may_skip_a_step():
    module = network()
    optimizer, mask = sgd(module), half(module)
    held = ll.attach(module, optimizer, mask)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    skipped = 0
    for step in range(10):
        optimizer.zero_grad()
        scaler.scale(loss_of(module, step)).backward()
        if step == 4:
            gradient = next(module.parameters()).grad
            assert gradient is not None
            gradient.view(-1)[0] = torch.inf
        before, scale = copy.deepcopy(module.state_dict()), scaler.get_scale()
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        if scaler.get_scale() < scale:
            skipped += 1
            assert all(torch.equal(before[name], value) for name, value in module.state_dict().items() if name in mask)
        held.verify()
    assert skipped == 1


def test_an_average_of_the_weights_is_pruned_where_they_are():
    module = network()
    optimizer, mask = sgd(module), half(module)
    average = torch.optim.swa_utils.AveragedModel(module, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    ll.attach(module, optimizer, mask)
    average.update_parameters(module)  # begins with weights that are pruned already
    for step in range(5):
        optimizer.zero_grad()
        loss_of(module, step).backward()
        optimizer.step()
        average.update_parameters(module)
    for name, kept in mask.items():
        assert not average.module.get_parameter(name)[~kept].any()


@pytest.mark.parametrize("make", [sgd, lambda module: torch.optim.AdamW(module.parameters(), lr=0.01)])
def test_saved_and_continued_in_another_process_s_objects_it_gives_the_same_bits(make, tmp_path):
    def train(module, optimizer, steps):
        for step in steps:
            optimizer.zero_grad()
            loss_of(module, step).backward()
            optimizer.step()

    module = network()
    optimizer, mask = make(module), half(module)
    held = ll.attach(module, optimizer, mask)
    train(module, optimizer, range(5))
    saved = {"module": module.state_dict(), "optimizer": optimizer.state_dict(), "held": held.state_dict()}
    torch.save(saved, tmp_path / "checkpoint.pt")
    train(module, optimizer, range(5, 10))

    loaded = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    again = network(seed=7)
    restored = make(again)
    handle = ll.attach(again, restored, half(again, seed=5))
    again.load_state_dict(loaded["module"])
    restored.load_state_dict(loaded["optimizer"])
    handle.load_state_dict(loaded["held"])
    train(again, restored, range(5, 10))
    assert masks.digest(again.state_dict()) == masks.digest(module.state_dict())
    handle.verify()
