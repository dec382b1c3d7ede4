"""Layers that act as in training are noticed, by whatever function of torch, and those that do not are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lotterylab.training.judged import noticing


class Calls(nn.Module):
    """Calls a function, with its own mode."""

    def __init__(self, function: Callable[[Tensor, bool], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, self.training)


class Attends(nn.Module):
    """Attention to itself."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.inner = nn.MultiheadAttention(8, 2, dropout=dropout, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x[None], x[None], x[None])[0][0]


class Recurs(nn.Module):
    """A recurrent layer."""

    def __init__(self, dropout: float, layers: int) -> None:
        super().__init__()
        self.inner = nn.LSTM(8, 8, num_layers=layers, dropout=dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)[0]


def image(x: Tensor) -> Tensor:
    return x.view(-1, 2, 2, 2)


def scaled(x: Tensor, training: bool) -> Tensor:
    return F.scaled_dot_product_attention(x, x, x, dropout_p=0.5 * training)


# what the layer is, and what is noticed in training mode; nothing is in the other
LAYERS: dict[str, tuple[Callable[[], nn.Module], list[str]]] = {
    "dropout": (lambda: nn.Dropout(0.5), ["1 (dropout)"]),
    "dropout of nothing": (lambda: nn.Dropout(0.0), []),
    "alpha dropout": (lambda: nn.AlphaDropout(0.5), ["1 (alpha_dropout)"]),
    "batch norm": (lambda: nn.BatchNorm1d(8), ["1 (batch_norm)"]),
    "batch norm without statistics": (lambda: nn.BatchNorm1d(8, track_running_stats=False), []),
    "layer norm": (lambda: nn.LayerNorm(8), []),
    "group norm": (lambda: nn.GroupNorm(2, 8), []),
    "a function for dropout": (lambda: Calls(lambda x, t: F.dropout(x, training=t)), ["1 (dropout)"]),
    "by position": (lambda: Calls(lambda x, t: F.dropout(x, 0.5, t)), ["1 (dropout)"]),
    "dropout of channels": (lambda: Calls(lambda x, t: F.dropout2d(image(x), 0.5, t)), ["1 (dropout2d)"]),
    "a function for norm": (
        lambda: Calls(lambda x, t: F.batch_norm(x, torch.zeros(8), torch.ones(8), training=t)),
        ["1 (batch_norm)"],
    ),
    "instance norm with statistics": (
        lambda: nn.Sequential(nn.Unflatten(1, (2, 4)), nn.InstanceNorm1d(2, track_running_stats=True)),
        ["1.1 (instance_norm)"],
    ),
    "instance norm": (lambda: nn.Sequential(nn.Unflatten(1, (2, 4)), nn.InstanceNorm1d(2)), []),
    "a random slope": (lambda: nn.RReLU(), ["1 (rrelu)"]),
    "attention": (lambda: Attends(0.5), ["1.inner (multi_head_attention_forward)"]),
    "attention without dropout": (lambda: Attends(0.0), []),
    "scaled attention": (lambda: Calls(scaled), ["1 (scaled_dot_product_attention)"]),
    "recurrent": (lambda: Recurs(0.5, 2), ["1.inner (dropout)"]),
    "recurrent without dropout": (lambda: Recurs(0.0, 2), []),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_that_act_as_in_training_are_noticed(name: str) -> None:
    make, expected = LAYERS[name]
    torch.manual_seed(0)
    net, x = nn.Sequential(nn.Linear(8, 8), make()), torch.randn(6, 8)
    with torch.no_grad(), noticing(net) as noticed:
        net(x)
    assert [each for each in noticed if "scaled" not in each or name == "scaled attention"] == expected
    net.eval()
    with torch.no_grad(), noticing(net) as noticed:
        net(x)
    assert list(noticed) == []
    assert not any(layer._forward_pre_hooks or layer._forward_hooks for layer in net.modules())


def test_a_layer_that_fails_leaves_the_names_right() -> None:
    def fails(x: Tensor, training: bool) -> Tensor:
        raise ValueError

    net = nn.Sequential(nn.Dropout(0.5), Calls(fails))
    with noticing(net) as noticed, pytest.raises(ValueError):
        net(torch.ones(2, 2))
    assert list(noticed) == ["0 (dropout)"]


def test_one_layer_in_training_mode_among_others_is_noticed_alone() -> None:
    net = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(2), nn.Dropout(0.5)).eval()
    net[2].train()
    with noticing(net) as noticed:
        net(torch.ones(2, 2))
    assert list(noticed) == ["2 (dropout)"]


def test_noticing_changes_no_number() -> None:
    net: Any = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.BatchNorm1d(8), nn.Linear(8, 2))
    x = torch.randn(6, 8)
    torch.manual_seed(1)
    expected = net(x)
    torch.manual_seed(1)
    with noticing(net):
        assert torch.equal(net(x), expected)
