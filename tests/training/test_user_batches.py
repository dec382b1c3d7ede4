"""A step's batch and rate depend on the seed and the step, wherever a call begins."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, Dataset, DistributedSampler, IterableDataset, RandomSampler

from lotterylab import rng, tickets
from lotterylab.errors import UsageError
from lotterylab.masks.algebra import ones
from lotterylab.training.user import Run
from lotterylab.training.user_batches import batches

IMAGES, BATCH = 10, 4


class Noisy(Dataset):
    """Items are their index and a draw from each of three generators that an augmentation may use."""

    def __len__(self) -> int:
        return IMAGES

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.tensor([float(index), float(torch.rand(())), float(numpy.random.rand()), random.random()])


class Endless(IterableDataset):
    def __iter__(self):
        return iter(range(100))


class Short(list):
    def __len__(self) -> int:
        return super().__len__() + 1


def seen(loader: Any, steps: range, seed: int = 0) -> list[tuple[int, list[Any]]]:
    """Return each step with its batch and the draw that the network would get."""
    return [
        (step, [batch.tolist(), float(torch.rand(())), numpy.random.rand(), random.random()])
        for step, batch in batches(loader, seed=seed, steps=steps)
    ]


def sampled() -> DataLoader:
    own = RandomSampler(Noisy(), generator=torch.Generator())
    return DataLoader(Noisy(), batch_size=BATCH, sampler=own)


LOADERS: dict[str, Callable[[], Any]] = {
    "in order": lambda: DataLoader(Noisy(), batch_size=BATCH),
    "shuffled": lambda: DataLoader(Noisy(), batch_size=BATCH, shuffle=True),
    "whole batches": lambda: DataLoader(Noisy(), batch_size=BATCH, shuffle=True, drop_last=True),
    "own generator": lambda: DataLoader(Noisy(), batch_size=BATCH, shuffle=True, generator=torch.Generator()),
    "sampler's generator": sampled,
    "a list": lambda: [torch.tensor([float(number)]) for number in range(3)],
}


@pytest.mark.parametrize("name", LOADERS)
@settings(max_examples=15, deadline=None)
@given(first=st.integers(0, 9), second=st.integers(0, 9), seed=st.integers(0, 2**40))
def test_a_call_that_begins_anywhere_sees_what_one_from_the_start_sees(name, first, second, seed):
    cuts = [0, *sorted((first, second)), 9]
    loader = LOADERS[name]()
    parts = [one for a, b in pairwise(cuts) for one in seen(loader, range(a, b), seed)]
    assert parts == seen(LOADERS[name](), range(9), seed)


def test_workers_draw_the_same_wherever_a_call_begins_and_keep_the_order_of_a_loader_without():
    loader = DataLoader(Noisy(), batch_size=BATCH, shuffle=True, num_workers=2)
    whole = seen(loader, range(5))
    assert seen(loader, range(2, 5)) == whole[2:]
    alone = seen(LOADERS["shuffled"](), range(5))
    assert [[image[0] for image in batch] for _, (batch, *_) in whole] == [
        [image[0] for image in batch] for _, (batch, *_) in alone
    ]


def test_each_epoch_has_every_image_once_in_an_order_of_its_own_that_is_that_of_its_seed():
    loader = LOADERS["shuffled"]()
    drawn = [batch for _, batch in batches(loader, seed=3, steps=range(9))]
    orders = [torch.cat(drawn[place : place + 3])[:, 0].tolist() for place in (0, 3, 6)]
    assert all(sorted(order) == list(range(IMAGES)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3
    assert [batch.tolist() for _, batch in batches(loader, seed=4, steps=range(3))] != [
        one.tolist() for one in drawn[:3]
    ]
    torch.manual_seed(rng.key(3, "order", 1) % 2**63)  # a plain loop, seeded so
    assert torch.cat(list(loader))[:, 0].tolist() == orders[1]


def test_a_distributed_sampler_is_told_the_epoch():
    sampler = DistributedSampler(Noisy(), num_replicas=2, rank=0)
    loader = DataLoader(Noisy(), batch_size=BATCH, sampler=sampler)
    by_hand = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        by_hand += [batch[:, 0].tolist() for batch in loader]
    assert [batch[:, 0].tolist() for _, batch in batches(loader, seed=0, steps=range(6))] == by_hand


WRONG = {
    "no length": (lambda: DataLoader(Endless(), batch_size=BATCH), "no length"),
    "no batch": (lambda: DataLoader(Noisy(), batch_size=IMAGES + 1, drop_last=True), "no batch"),
    "an epoch that ends early": (lambda: Short([torch.zeros(1)] * 2), "reports 3 batches and yielded 2"),
    "workers that stay": (
        lambda: DataLoader(Noisy(), batch_size=BATCH, num_workers=1, persistent_workers=True),
        "persistent_workers",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_loader_whose_steps_have_no_place_is_refused(name):
    make, hint = WRONG[name]
    with pytest.raises(UsageError, match=hint):
        list(batches(make(), seed=0, steps=range(4)))


# schedules

SCHEDULES: dict[str, Callable[[torch.optim.Optimizer], Any]] = {
    "StepLR": lambda optimizer: lr_scheduler.StepLR(optimizer, 3),
    "MultiStepLR": lambda optimizer: lr_scheduler.MultiStepLR(optimizer, [2, 5]),
    "CosineAnnealingLR": lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 8),
    "OneCycleLR": lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 0.5, total_steps=13),
    "LambdaLR": lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda count: 1 / (1 + count)),
    "SequentialLR": lambda optimizer: lr_scheduler.SequentialLR(
        optimizer, [lr_scheduler.LinearLR(optimizer, 0.1), lr_scheduler.ExponentialLR(optimizer, 0.9)], [4]
    ),
}


def rates(make: Callable[[torch.optim.Optimizer], Any], steps: range, every: int) -> list[tuple[float, float]]:
    """Return rate and momentum of each step of a loop that moves its schedule every few steps."""
    module = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    schedule = make(optimizer)
    mask = ones(module.state_dict(), ["weight"])
    run, found = Run(module=module, mask=mask, seed=0, steps=steps, slots={}), []
    with run.hold(optimizer, schedule, every=every):
        for step in run.steps:
            found.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]))
            optimizer.zero_grad()
            module(torch.ones(1, 2)).sum().backward()
            optimizer.step()
            if (step + 1) % every == 0:
                schedule.step()
    return found


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_made_anew_is_brought_to_where_the_call_begins(name, every):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole = rates(SCHEDULES[name], range(12), every)
        assert len(set(whole)) > 1
        for first in (1, 5, 6, 11):
            assert rates(SCHEDULES[name], range(first, 12), every) == whole[first:]


def test_schedules_that_cannot_be_brought_there_are_refused():
    with pytest.raises(UsageError, match="ReduceLROnPlateau depends on earlier measurements"):
        rates(lr_scheduler.ReduceLROnPlateau, range(4), 1)
    with pytest.raises(UsageError, match="another optimizer"):
        other = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1)
        rates(lambda _: lr_scheduler.StepLR(other, 3), range(4), 1)
    with pytest.raises(UsageError, match="every=0"):
        rates(SCHEDULES["StepLR"], range(4), 0)


# both, in tickets

POINTS = torch.randn(96, 6, generator=torch.Generator().manual_seed(0))
DATA = torch.utils.data.TensorDataset(POINTS, (POINTS[:, 0] * POINTS[:, 1] > 0).long())


def init_fn(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 2))


def train_fn(module, run):
    loader = DataLoader(DATA, batch_size=16, shuffle=True)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    schedule = lr_scheduler.MultiStepLR(optimizer, [1, 3])
    module.train()
    with run.hold(optimizer, schedule, every=len(loader)):
        for step, (inputs, targets) in run.batches(loader):
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(inputs), targets).backward()
            optimizer.step()
            if (step + 1) % len(loader) == 0:
                schedule.step()


def eval_fn(module):
    module.eval()
    return float((module(POINTS).argmax(1) == DATA.tensors[1]).double().mean())


@pytest.mark.parametrize("rewind_to", [0, 4, 9])
def test_tickets_of_a_loader_a_schedule_and_dropout_keep_every_promise(rewind_to, tmp_path):
    found = tickets(
        init_fn,
        train_fn,
        eval_fn,
        steps=27,
        sparsities=[0.3, 0.5],
        rewind_to=rewind_to,
        scope="layerwise",
        seeds=2,
        store=tmp_path,
    )
    assert not found.failed and found.alarms == []
    assert len(found.rows) == 6 and all(row.complete for row in found.rows)
