"""Chains of linear layers, and their trainings by the kernel."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from lotterylab.kernels.build import library
from lotterylab.kernels.links import links_of
from lotterylab.kernels.portable import Portable
from lotterylab.training.optim import Sgd
from lotterylab.training.recipe import Recipe
from lotterylab.training.schedules import EpochDrops
from lotterylab.types import Checkpoint, Mask
from some_trainings import checkpoints

needs_compiler = pytest.mark.skipif(library() is None, reason="there is no C compiler")

RECIPE = Recipe(
    epochs=5,
    optimizer=Sgd(lr=0.05, momentum=0.9, weight_decay=5e-4),
    schedule=EpochDrops(at=(2,)),
    batch_size=16,
    watch=("validation",),
    pick="validation",
)
BETWEEN: dict[str, Any] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "softsign": nn.Softsign,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


def chain(activation: str = "relu", *, widths: tuple[int, ...] = (21, 13), bias: bool = True) -> nn.Sequential:
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Flatten()]
    for before, after in zip((64, *widths), (*widths, 10), strict=True):
        layers += [nn.Linear(before, after, bias=bias), BETWEEN[activation]()]
    return nn.Sequential(*layers[:-1])


def masked(module: nn.Module, keep: float) -> Mask | None:
    draw = torch.Generator().manual_seed(3)
    weights = {name: tensor for name, tensor in module.named_parameters() if tensor.dim() == 2}
    return (
        None if keep == 1 else Mask({name: torch.rand(w.shape, generator=draw) < keep for name, w in weights.items()})
    )


def largest(one: Checkpoint, other: Checkpoint) -> float:
    """The largest difference between the tensors of two checkpoints, which have the same names."""
    groups = ((one.state, other.state), (one.optimizer, other.optimizer), (one.kept["best"], other.kept["best"]))
    assert list(one.state) == list(other.state)
    return max(float((a[name].double() - b[name].double()).abs().max()) for a, b in groups for name in a)


def by_kernel(module: nn.Module, recipe: Recipe, mask: Mask | None, *, real: str = "float", **options: Any):
    links, kernel = links_of(module), library(real)
    assert links and kernel
    return checkpoints(module, recipe, mask, kernel=(kernel, links), **options)


def by_products(module: nn.Module, recipe: Recipe, mask: Mask | None, *, real: str = "float", **options: Any):
    """``by_kernel`` without a compiler."""
    links = links_of(module)
    assert links
    return checkpoints(module, recipe, mask, kernel=(Portable(real=real), links), **options)


both_ways = pytest.mark.parametrize(
    "trained", [pytest.param(by_kernel, marks=needs_compiler, id="compiled"), pytest.param(by_products, id="portable")]
)
