"""A module becomes pure functions of its state, which leave the module untouched."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from lotterylab.analysis.macs import macs
from lotterylab.candidates import candidates
from lotterylab.errors import UsageError
from lotterylab.models import PreResNet, ResNet
from lotterylab.network import channels_last_is_safe, network, state_of
from lotterylab.types import State
from lotterylab.weights import prunable_names


class Tied(nn.Module):
    """A decoder that shares the encoder's weight, and a head that is one layer under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.encode, self.decode, self.head = nn.Linear(4, 4, bias=False), nn.Linear(4, 4), nn.Linear(4, 2)
        self.decode.weight = self.encode.weight
        self.again = self.head

    def forward(self, x: Tensor) -> Tensor:
        return self.again(self.decode(torch.tanh(self.encode(x))))


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.norm, self.out = nn.Embedding(7, 4), nn.LayerNorm(4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.norm(self.embedding(x).mean(1)))


class Remembers(nn.Module):
    """A buffer that is not saved, and that forward changes."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)
        self.register_buffer("calls", torch.zeros(()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        cast(Tensor, self.calls).add_(1)
        return self.layer(x) * self.calls


def normed() -> nn.Sequential:
    body = (nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Dropout(0.0), nn.Linear(12, 2))
    return nn.Sequential(*body)


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (normed(), ["0.weight", "5.weight"]),
        (Tied(), ["encode.weight", "head.weight"]),
        (Words(), ["out.weight"]),
        (nn.Sequential(nn.Conv1d(1, 2, 3), nn.Conv3d(1, 2, 3)), ["0.weight", "1.weight"]),
        (nn.Sequential(nn.ConvTranspose2d(1, 2, 3), nn.PReLU(), nn.GroupNorm(1, 2)), ["0.weight"]),
        (nn.Linear(3, 2), ["weight"]),
        (nn.Identity(), []),
    ],
)
def test_prunable_are_the_weights_of_convolutions_and_linear_layers_each_once(module, names):
    assert prunable_names(module) == tuple(names) == network(module).prunable


def test_candidates_are_the_weights_or_all_parameters():
    module = normed()
    net = network(module)
    assert candidates(net, "weights") == ("0.weight", "5.weight")
    assert candidates(net, "all") == tuple(name for name, _ in module.named_parameters())
    assert candidates(net, ["5.bias", "0.weight"]) == ("0.weight", "5.bias"), "in the module's order"


def batch(size: int = 6) -> Tensor:
    return torch.randn(size, 1, 4, 4, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
def test_forward_is_the_module_s_own_and_changes_neither_the_given_state_nor_the_module(train):
    module, independent = normed(), normed()
    net, state = network(module), state_of(normed())
    independent.load_state_dict(state)
    given = {name: tensor.clone() for name, tensor in state.items()}
    own = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    logits, after = net.forward(state, batch(), train)
    assert torch.equal(logits, independent.train(train)(batch()))
    for name, tensor in independent.state_dict().items():
        assert torch.equal(after[name], tensor), name
        assert torch.equal(state[name], given[name]) and torch.equal(module.state_dict()[name], own[name])
    assert torch.equal(after["1.running_mean"], state["1.running_mean"]) != train


def test_a_state_returned_by_forward_leads_where_the_module_would_be():
    module = normed()
    net, state = network(module), state_of(module)
    for _ in range(3):
        _, state = net.forward(state, batch(), True)
    reference = normed()
    for _ in range(3):
        reference(batch())
    assert int(state["1.num_batches_tracked"]) == 3 == int(reference.state_dict()["1.num_batches_tracked"])


@pytest.mark.parametrize("make", [Tied, Remembers])
def test_tied_weights_and_unsaved_buffers_are_as_pure(make):
    module, reference = make(), make()
    reference.load_state_dict(module.state_dict())
    net, state = network(module), state_of(module)
    inputs = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    first, _ = net.forward(state, inputs, True)
    again, _ = net.forward(state, inputs, True)
    assert torch.equal(first, again) and torch.equal(first, reference(inputs))


def test_a_gradient_flows_to_the_state_that_is_given():
    module = Tied()
    state = state_of(module)
    leaf = state["encode.weight"].requires_grad_()
    logits, _ = network(module).forward(cast(State, state), torch.ones(1, 4), True)
    (gradient,) = torch.autograd.grad(logits.sum(), leaf)
    module(torch.ones(1, 4)).sum().backward()
    assert torch.equal(gradient, cast(Tensor, module.encode.weight.grad))


def test_layer_outputs_shows_what_each_named_layer_gives_in_evaluation_mode_and_leaves_no_hook():
    module = normed()
    net, state, seen = network(module), state_of(module), {}
    net.layer_outputs(state, batch(), net.prunable, lambda name, output: seen.update({name: output.detach()}))
    module.eval()
    torch.testing.assert_close(seen["0.weight"], module[0](batch()))
    torch.testing.assert_close(seen["5.weight"], module(batch()))
    assert list(seen) == ["0.weight", "5.weight"]
    assert not any(layer._forward_hooks for layer in module.modules())


def test_layer_outputs_and_macs_see_layers_that_are_called_by_name():
    class ByName(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(input=x)

    module, seen = ByName(), []
    look = network(module).layer_outputs
    look(state_of(module), torch.ones(3, 4), ("head.weight",), lambda name, output: seen.append(output.shape))
    assert seen == [(3, 2)] and macs(module, (4,)) == {"head.weight": 8}


def test_layer_outputs_shows_every_use_of_a_weight_under_its_one_name():
    module = Tied()
    net, state, seen = network(module), state_of(module), []
    net.layer_outputs(state, torch.ones(3, 4), net.prunable, lambda name, output: seen.append((name, output.shape[1])))
    assert seen == [("encode.weight", 4), ("encode.weight", 4), ("head.weight", 2)]
    one = nn.Linear(4, 2)
    network(one).layer_outputs(state_of(one), torch.ones(3, 4), ("weight",), lambda name, _: seen.append((name, 0)))
    assert seen[-1] == ("weight", 0)


def test_a_weight_that_an_embedding_shares_is_prunable_and_its_linear_layer_is_the_one_that_is_seen():
    class Language(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.out = nn.Embedding(7, 4), nn.Linear(4, 7, bias=False)
            self.out.weight = self.embedding.weight

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.embedding(x).mean(1))

    module = Language()
    net, seen = network(module), []
    words = torch.tensor([[0, 1, 2]])
    net.layer_outputs(state_of(module), words, net.prunable, lambda name, output: seen.append((name, output)))
    assert [name for name, _ in seen] == ["embedding.weight"] and torch.equal(seen[0][1], module(words))


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.norm = nn.Linear(4, 4), nn.BatchNorm1d(4)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(2):
            x = self.norm(self.layer(x))
        return x


def test_a_module_that_is_used_twice_is_as_pure_and_shown_twice():
    module, reference = Twice(), Twice()
    reference.load_state_dict(module.state_dict())
    net, state, seen = network(module), state_of(module), []
    inputs = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    out, after = net.forward(state, inputs, True)
    assert torch.equal(out, reference(inputs)) and int(after["norm.num_batches_tracked"]) == 2
    assert torch.equal(after["norm.running_mean"], reference.norm.running_mean)  # type: ignore[arg-type]
    net.layer_outputs(state, inputs, net.prunable, lambda name, _: seen.append(name))
    assert seen == ["layer.weight", "layer.weight"] and int(state["norm.num_batches_tracked"]) == 0


# oneDNN issue 6035: channels-last, the gradient of these weights is wrong or the process dies


def pointwise(channels: int, kernel: int = 1, stride: int = 2, groups: int = 1) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, 8, kernel, stride, kernel // 2, groups=groups), nn.ReLU(), nn.Flatten())


@pytest.mark.parametrize("channels", [1, 4, 7, 15])
def test_a_strided_convolution_1x1_on_few_channels_has_the_gradient_of_float64(channels):
    draw = torch.Generator().manual_seed(0)
    module = pointwise(channels)
    net, state = network(module), state_of(module)
    images = torch.randn(16, channels, 16, 16, generator=draw).to(memory_format=torch.channels_last)
    state = {name: one.to(memory_format=torch.channels_last) if one.dim() == 4 else one for name, one in state.items()}
    assert not net.channels_last
    gradients = []
    for kind in (torch.float32, torch.float64):
        leaves = {name: one.to(kind).requires_grad_() for name, one in state.items()}
        out, after = net.forward(cast(State, leaves), images.to(kind), True)
        assert all(after[name] is leaves[name] for name in leaves)
        gradients.append(torch.autograd.grad(out.square().mean(), leaves["0.weight"])[0].double())
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)


def test_channels_last_is_left_for_that_convolution_alone():
    assert channels_last_is_safe(pointwise(16)) and channels_last_is_safe(pointwise(4, stride=1))
    assert channels_last_is_safe(pointwise(4, kernel=3)) and not channels_last_is_safe(pointwise(32, groups=4))
    assert all(channels_last_is_safe(kind(depth=8, width=0.25).build()) for kind in (ResNet, PreResNet))


@pytest.mark.parametrize("make", [nn.utils.parametrizations.weight_norm, lambda m: prune.identity(m, "weight")])
def test_a_layer_whose_weight_is_computed_is_named_and_not_left_out(make):
    module = nn.Sequential(make(nn.Linear(4, 4)), nn.Linear(4, 2))
    net = network(module)
    assert net.computed == ("0",) and net.prunable == ("1.weight",)
    with pytest.raises(UsageError, match="weight of '0' is not a parameter but computed"):
        candidates(net, "weights")
    assert candidates(net, ["1.weight"]) == ("1.weight",)


class Conv1D(nn.Module):
    """The linear layer of GPT-2: x W + b, W (inputs, outputs)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))


class Positions(nn.Embedding):
    """An embedding that is defined outside torch."""


def test_a_weight_in_a_layer_of_another_kind_is_named_and_not_left_out():
    module = nn.Sequential(Positions(4, 4), Conv1D(4, 4), nn.Linear(4, 2), nn.LayerNorm((2, 2)))
    net = network(module)
    assert net.unknown == ("1.weight",) and net.prunable == ("2.weight",)
    with pytest.raises(UsageError, match=r"33 % of all weights are in no Conv .* left out: '1\.weight' \(33 %\)\. To"):
        candidates(net, "weights")
    assert candidates(net, "matrices") == ("1.weight", "2.weight")
    assert candidates(net, ["1.weight", "2.weight"]) == ("1.weight", "2.weight")


def test_a_weight_that_is_tied_to_a_linear_layer_is_that_layers():
    tied = Conv1D(4, 4)
    module = nn.Sequential(tied, nn.Linear(4, 4))
    module[1].weight = tied.weight
    assert network(module).unknown == () and network(module).prunable == ("0.weight",)


@pytest.mark.parametrize("params", ["weights", ()])
def test_nothing_to_prune_is_said(params):
    with pytest.raises(UsageError, match="nothing to prune"):
        candidates(network(nn.Sequential(nn.LayerNorm(3))), params)
