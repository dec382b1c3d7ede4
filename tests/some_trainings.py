"""Tiny trainings on digits, for the tests of the loop."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from lotterylab.data import Augment, Digits, NamedStream
from lotterylab.data.loader import Loader
from lotterylab.models import ShallowCnn
from lotterylab.network import Network, network, state_of
from lotterylab.training.loop import train
from lotterylab.training.optim import Sgd
from lotterylab.training.recipe import Recipe
from lotterylab.training.schedules import EpochDrops
from lotterylab.types import Batch, Checkpoint, Mask, State
from lotterylab.weights import prunable_names

DATA = Digits(train=34, validation=20, test=20).load(None)
AUGMENT = Augment(crop_padding=1, flip=True)
RECIPE = Recipe(
    epochs=3,
    optimizer=Sgd(lr=0.05, momentum=0.9, weight_decay=5e-4),
    schedule=EpochDrops(at=(1, 2)),
    augment=AUGMENT,
    stream=NamedStream(),
    batch_size=16,
    watch=("validation",),
    pick="validation",
)


def cnn(activation: str = "tanh", *, pool_first: bool = False) -> nn.Module:
    spec = ShallowCnn(activation=activation, shape=(1, 8, 8), widths=(3, 4, 6))
    module = spec.build(pool_first=pool_first)
    module.load_state_dict(spec.initial(1, "init", "named"))
    return module


def normed() -> nn.Module:
    torch.manual_seed(0)
    body = (
        nn.Conv2d(1, 4, 3, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(36, 10),
    )
    return nn.Sequential(*body)


def half(module: nn.Module, keep: float = 0.5) -> Mask:
    """A mask that keeps a share of each weight, at random places; of the last layer it keeps all."""
    draw, named = torch.Generator().manual_seed(2), dict(module.named_parameters())
    *first, last = prunable_names(module)
    mask = {name: torch.rand(named[name].shape, generator=draw) < keep for name in first}
    return Mask({**mask, last: torch.ones_like(named[last], dtype=torch.bool)})


class InFloat64(Loader):
    """The same batches as float64."""

    def batch(self, draws: Any) -> Batch:
        return double(super().batch(draws))

    def evaluation_batches(self, name: str, size: int = 500) -> Iterator[Batch]:
        yield from map(double, super().evaluation_batches(name, size))


def double(batch: Batch) -> Batch:
    return replace(batch, inputs=batch.inputs.double())


def loader(recipe: Recipe = RECIPE, *, seed: int = 0, kind: type[Loader] = Loader) -> Loader:
    return kind(DATA, augment=recipe.augment, stream=recipe.stream, seed=seed, batch_size=recipe.batch_size)


def checkpoints(
    module: nn.Module, recipe: Recipe = RECIPE, mask: Mask | None = None, **options: Any
) -> list[Checkpoint]:
    """All checkpoints of a training, copied as they come."""
    net: Network = network(module)
    start: State = state_of(module)
    batches = loader(recipe, kind=options.pop("kind", Loader))
    return [copy.deepcopy(one) for one in train(net, start, mask, batches, recipe, **options)]


def bits(checkpoint: Checkpoint) -> dict[str, bytes]:
    """Every bit of every tensor of a checkpoint, by name, whatever its layout in memory."""
    groups = {"state": checkpoint.state, "optimizer": checkpoint.optimizer, **checkpoint.kept}
    return {
        f"{group}|{name}": tensor.contiguous().numpy().tobytes()
        for group, tensors in groups.items()
        for name, tensor in tensors.items()
    }
