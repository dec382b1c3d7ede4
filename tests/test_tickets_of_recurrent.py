"""Tickets of a module whose weights are not in Conv and Linear layers alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import lotterylab as ll
from lotterylab.errors import LotteryWarning, UsageError

CALLS: list[str] = []


class Reads(nn.Module):
    """A recurrent layer and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = nn.GRU(4, 6, batch_first=True), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(x)[0][:, -1])


def recurrent(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return Reads()


def lazy(seed: int) -> nn.Module:
    return nn.Sequential(nn.LazyLinear(2))


def scaled(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 2), nn.ParameterList([torch.ones(1, 2)]))


def train(module: nn.Module, run: Any) -> None:
    CALLS.append("train")
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with run.hold(optimizer):
        for step in run.steps:
            x = torch.randn(8, 5, 4, generator=torch.Generator().manual_seed(1000 * run.seed + step))
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(x), (x[:, -1, 0] > 0).long()).backward()
            optimizer.step()


def judge(module: nn.Module) -> float:
    return 0.5


def find(folder: Any, init_fn: Any = recurrent, **options: Any) -> Any:
    CALLS.clear()
    return ll.tickets(init_fn, train, judge, steps=3, sparsities=[0.5], seeds=1, store=folder, **options)


def test_weights_that_would_be_left_out_are_named_before_anything_is_trained(tmp_path):
    with pytest.raises(UsageError, match=r"'layer\.weight_hh_l0' \(\d+ %\).*params='matrices'"):
        find(tmp_path)
    with pytest.raises(UsageError, match=r"'0\.weight' has no shape yet"):
        find(tmp_path, lazy)
    assert CALLS == [] and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ("matrices", {"layer.weight_ih_l0", "layer.weight_hh_l0", "head.weight"}),
        (["layer.weight_hh_l0"], {"layer.weight_hh_l0"}),
    ],
)
def test_they_are_pruned_and_held_as_asked(params, names, tmp_path):
    found = find(tmp_path, params=params, controls=["random-mask"])
    assert not found.failed and found.alarms == []
    mask, _, final = found.ticket(sparsity=0.5, seed=0)
    assert set(mask) == names and ll.sparsity(mask) == 0.5
    assert all(not final[name][~kept].any() for name, kept in mask.items())


def test_an_unknown_word_is_refused_and_few_weights_are_named(tmp_path):
    with pytest.raises(UsageError, match="Did you mean 'matrices'"):
        find(tmp_path, params="matrixes")
    with pytest.warns(LotteryWarning, match=r"20 % of all weights stay whole.*'1\.0' \(20 %\)"):
        find(tmp_path, scaled)
