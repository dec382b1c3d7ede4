"""Modules that are no chain of layers: tied weights, groups, transposed convolutions, embeddings, attention."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear

import lotterylab as ll
from lotterylab import masks
from lotterylab.errors import UsageError
from some_attached import all_positive_zero

pytestmark = pytest.mark.filterwarnings(
    "ignore::lotterylab.errors.LotteryWarning"
)  # small layers lose their dead units
OPTIMIZERS = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-2),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.9),
}


class Tied(nn.Module):
    """An auto-encoder whose decoder is its encoder's weight, and a layer that is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(12, 8, bias=False)
        self.twice = nn.Linear(8, 8)
        self.out = nn.Linear(8, 3)
        self.out_again = nn.Linear(8, 3)
        self.out_again.weight = self.out.weight

    def forward(self, x: Tensor) -> Tensor:
        code = torch.tanh(self.twice(torch.tanh(self.twice(self.encoder(x)))))
        back = linear(code, self.encoder.weight.T)
        return self.out(code) + self.out_again(self.encoder(back))


class Convolutions(nn.Module):
    """Grouped, depthwise, dilated and transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.grouped = nn.Conv2d(4, 8, 3, groups=2, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 3, groups=8, padding=2, dilation=2)
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2, groups=2)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.depthwise(torch.relu(self.grouped(x))))
        return self.head(self.up(x).mean((2, 3)))


class Transformer(nn.Module):
    """Embeddings, attention, feed-forward layers, norms; the output tied to the embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(11, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.up, self.down = nn.Linear(8, 16), nn.Linear(16, 8)
        self.head = nn.Linear(8, 11, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, x: Tensor) -> Tensor:
        seen = self.tokens(x)
        mixed, _ = self.attention(seen, seen, seen)
        seen = self.norm(seen + mixed)
        return self.head((seen + self.down(torch.relu(self.up(seen)))).mean(1))


class Unused(nn.Module):
    """A layer that no path uses."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = nn.Linear(12, 3), nn.Linear(5, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.used(x)


def batch_for(module: nn.Module, step: int = 0) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(step)
    if isinstance(module, Transformer):
        return torch.randint(11, (10, 6), generator=draw), torch.randint(11, (10,), generator=draw)
    shape = (10, 4, 6, 6) if isinstance(module, Convolutions) else (10, 12)
    return torch.randn(shape, generator=draw), torch.randint(3, (10,), generator=draw)


def made(kind: type[nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return kind()


KINDS = {kind.__name__: kind for kind in (Tied, Convolutions, Transformer, Unused)}
EXPECTED = {
    "Tied": {"encoder.weight", "twice.weight", "out.weight"},
    "Convolutions": {"grouped.weight", "depthwise.weight", "up.weight", "head.weight"},
    # the output layer is a Linear layer, so the tied embedding is prunable, under its first name
    "Transformer": {"tokens.weight", "attention.out_proj.weight", "up.weight", "down.weight"},
    "Unused": {"used.weight", "unused.weight"},
}


@pytest.mark.parametrize("name", KINDS)
def test_what_is_prunable_is_each_weight_once(name):
    module = made(KINDS[name])
    mask = ll.prune(module, ll.criteria.Magnitude(), 0.5)
    assert set(mask) == EXPECTED[name]
    total = sum(module.get_parameter(one).numel() for one in EXPECTED[name])
    assert masks.entries(mask) == total and masks.kept(mask) == total - (total + 1) // 2


@pytest.mark.parametrize("criterion", ["magnitude", "snip", "grasp", "random"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", KINDS)
def test_it_is_pruned_and_trained_and_what_is_pruned_stays_zero(name, optimizer, criterion):
    module = made(KINDS[name])
    before = copy.deepcopy(module.state_dict())
    flags = [parameter.requires_grad for parameter in module.parameters()]
    mask = ll.prune(module, ll.criteria.ALL[criterion](), 0.6, batch=batch_for(module))
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
    assert flags == [parameter.requires_grad for parameter in module.parameters()]
    assert all(parameter.grad is None for parameter in module.parameters()) and module.training
    moves = OPTIMIZERS[optimizer](module.parameters())
    with ll.attach(module, moves, mask) as held:
        for step in range(12):
            inputs, targets = batch_for(module, step)
            moves.zero_grad()
            cross_entropy(module(inputs), targets).backward()
            moves.step()
            assert all_positive_zero(module, moves, mask)
        held.verify()
    for key, kept in mask.items():
        moved = module.get_parameter(key)[kept] != before[key][kept]
        assert bool(moved.any()) or not bool(kept.any()) or key.startswith("unused")
    assert set(module.state_dict()) == set(before), "no key of ours is in the state"


def test_params_widens_what_is_prunable():
    module = made(Transformer)
    names = ("attention.in_proj_weight", "tokens.weight")
    mask = ll.prune(module, ll.criteria.Magnitude(), 0.5, params=names)
    assert set(mask) == set(names)
    assert set(ll.prune(module, ll.criteria.Magnitude(), 0.5, params="all")) == {
        n for n, _ in module.named_parameters()
    }
    with pytest.raises(UsageError, match=r"Did you mean 'attention\.in_proj_weight'"):
        ll.prune(module, ll.criteria.Magnitude(), 0.5, params=["attention.in_proj_weights"])
    with pytest.raises(UsageError, match="Did you mean 'weights'"):
        ll.prune(module, ll.criteria.Magnitude(), 0.5, params="weigths")


def test_a_tied_weight_may_be_named_by_any_of_its_names():
    module = made(Tied)
    mask = ll.prune(module, ll.criteria.Magnitude(), 0.5)
    renamed = {("out_again.weight" if name == "out.weight" else name): kept for name, kept in mask.items()}
    optimizer = OPTIMIZERS["SGD"](module.parameters())
    ll.attach(module, optimizer, renamed)  # type: ignore[arg-type]
    assert not module.out.weight[~mask["out.weight"]].any()  # type: ignore[union-attr, index]


def test_the_global_generator_is_left_alone():
    module = made(Convolutions)
    before = torch.get_rng_state()
    for criterion in ll.criteria.ALL.values():
        ll.prune(module, criterion(), 0.5, batch=batch_for(module), initial=copy.deepcopy(module.state_dict()))
    assert torch.equal(torch.get_rng_state(), before)
