"""A tiny module with its optimizers, masks and steps, for the tests of attach."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lotterylab import masks
from lotterylab.errors import UsageError
from lotterylab.training.attach import attach
from lotterylab.types import Mask

Make = Callable[[Any], torch.optim.Optimizer]

BASES: dict[str, Make] = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-2),
    "SGD foreach": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-2, foreach=True),
    "SGD fused": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-2, fused=True),
    "SGD nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-2, nesterov=True),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "AdamW foreach": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1, foreach=True),
    "AdamW fused": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1, fused=True),
    "Adam amsgrad": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1, amsgrad=True),
    "Adam amsgrad fused": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1, amsgrad=True, fused=True),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.9, centered=True, weight_decay=1e-2),
    "RMSprop foreach": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.9, centered=True, foreach=True),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1, weight_decay=1e-2, initial_accumulator_value=0.1),
    "Adagrad fused": lambda p: torch.optim.Adagrad(p, lr=0.1, weight_decay=1e-2, fused=True),
    "Rprop": lambda p: torch.optim.Rprop(p),  # a step size in each entry, which it starts above zero
    "Adagrad eps 0": lambda p: torch.optim.Adagrad(p, lr=0.1, eps=0.0),  # 0/0 at what is pruned
}


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 5))


def half(module: nn.Module, seed: int = 0, keep: float = 0.5) -> Mask:
    draw = torch.Generator().manual_seed(seed)
    named = dict(module.named_parameters())
    return cast(Mask, {n: torch.rand(named[n].shape, generator=draw) < keep for n in ("0.weight", "4.weight")})


def batch(step: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1000 + step)
    return torch.randn(8, 1, 6, 6, generator=draw, dtype=dtype), torch.randint(5, (8,), generator=draw)


def backward(module: nn.Module, step: int) -> None:
    inputs, targets = batch(step, next(module.parameters()).dtype)
    cross_entropy(module(inputs), targets).backward()


def train(module: nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        optimizer.zero_grad()
        backward(module, step)
        optimizer.step()


def pruned_bits(module: nn.Module, optimizer: torch.optim.Optimizer, mask: Mask) -> Iterator[Tensor]:
    """The bits, as integers, of pruned weights and of the state that has their shape; found without our code."""
    integers = {torch.float32: torch.int32, torch.float64: torch.int64}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        if name in mask:
            of_shape = [v for v in optimizer.state[parameter].values() if v.shape == parameter.shape]
            for tensor in (parameter.detach(), *of_shape):
                yield tensor[~mask[name]].view(integers[tensor.dtype])


def all_positive_zero(module: nn.Module, optimizer: torch.optim.Optimizer, mask: Mask) -> bool:
    return not any(bool(bits.any()) for bits in pruned_bits(module, optimizer, mask))


def assert_refused(module: nn.Module, optimizer: Any, mask: Mask, *words: str) -> None:
    """Refused with these words, and nothing was changed and no hook is left."""
    before = masks.digest(module.state_dict())
    with pytest.raises(UsageError) as error:
        attach(module, optimizer, mask)
    assert all(word in str(error.value) for word in words), str(error.value)
    assert masks.digest(module.state_dict()) == before
    assert not any(p._post_accumulate_grad_hooks for p in module.parameters())
    assert not getattr(optimizer, "_optimizer_step_post_hooks", None)
