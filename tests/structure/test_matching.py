"""The order of units that matches two networks: exact for permuted ones, by brute force, and what is refused."""

from __future__ import annotations

from itertools import permutations, product

import numpy
import pytest
import torch
from torch import nn

from lotterylab.analysis import Barrier
from lotterylab.data import Digits
from lotterylab.errors import UsageError
from lotterylab.models import ConvN, LeNet300100, Mlp, ShallowCnn
from lotterylab.network import network, state_of
from lotterylab.structure import match
from structure.some_structures import SHAPE, SPECS, module_of

IMAGE = (1, 8, 8)


def drawn(count: int, seed: int) -> torch.Tensor:
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))


def permuted_cnn(state: dict[str, torch.Tensor], pixels: int, seed: int = 0) -> dict[str, torch.Tensor]:
    """The shallow CNN with the channels of each layer in a random order, written out layer by layer."""
    first, second, hidden = (
        drawn(len(state[f"{name}.bias"]), seed + n) for n, name in enumerate(("conv1", "conv2", "fc1"))
    )
    features = (second[:, None] * pixels + torch.arange(pixels)).flatten()
    new = dict(state)
    new["conv1.weight"], new["conv1.bias"] = state["conv1.weight"][first], state["conv1.bias"][first]
    new["conv2.weight"], new["conv2.bias"] = state["conv2.weight"][second][:, first], state["conv2.bias"][second]
    new["fc1.weight"], new["fc1.bias"] = state["fc1.weight"][hidden][:, features], state["fc1.bias"][hidden]
    new["fc2.weight"] = state["fc2.weight"][:, hidden]
    return new


def equal(a, b) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_permuted_cnn_is_put_back_exactly_and_nothing_rises_between_the_two():
    model = ShallowCnn(shape=IMAGE, widths=(5, 6, 7))
    a, module = model.initial(0, "init", "named"), model.build()
    b = permuted_cnn(a, pixels=4)
    order = match(module, a, b, shape=IMAGE)
    assert equal(order(a), b) and not equal(a, b)
    mask = {name: tensor > 0 for name, tensor in a.items() if tensor.dim() > 1}
    assert equal(order(mask), {name: b[name] > 0 for name in mask})
    data = Digits(train=50, test=50).load(None)
    between = {True: order(a), False: a}
    barriers = {
        aligned: Barrier(points=5)({"a": state, "b": b}, {"a": network(module)}, data)["loss_barrier"]
        for aligned, state in between.items()
    }
    assert barriers[True] == 0.0


@pytest.mark.parametrize("name", SPECS)
def test_the_order_of_any_network_is_found_exactly_and_keeps_its_outputs(name):
    """The units of trained-like networks, moved by the order that matches them with other weights."""
    module, other = module_of(name, seed=0), module_of(name, seed=1)
    a, target = state_of(module), state_of(other)
    moved = match(module, a, target, shape=SHAPE)(a)
    inputs = torch.randn(4, *SHAPE, dtype=torch.float64)
    forward = network(module).forward
    expected, outputs = (forward(state, inputs, False)[0] for state in (a, moved))
    assert torch.allclose(outputs, expected, rtol=0, atol=1e-10) and not equal(a, moved)
    assert equal(match(module, a, moved, shape=SHAPE)(a), moved)
    assert all(torch.equal(a[key].flatten().sort().values, moved[key].flatten().sort().values) for key in a)


def similarity(a, b, names) -> float:
    return sum(float((a[name].double() * b[name].double()).sum()) for name in names)


@pytest.mark.parametrize("seed", range(6))
def test_no_exchange_of_units_in_one_layer_brings_two_networks_nearer(seed):
    """The end of the alternation: each layer is the best of all orders, given the others, by brute force."""
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    a, b = ({name: torch.randn_like(value) for name, value in state_of(module).items()} for _ in range(2))
    found = match(module, a, b, shape=(3,))(a)
    reached = similarity(found, b, a)
    assert reached >= max(similarity(one_layer(found, *layer), b, a) for layer in both_layers()) - 1e-6
    assert (
        reached
        <= max(similarity(whole(a, *pair), b, a) for pair in product(permutations(range(4)), permutations(range(3))))
        + 1e-6
    )


def both_layers():
    return [*((0, 2, order) for order in permutations(range(4))), *((2, 4, order) for order in permutations(range(3)))]


def one_layer(state, made, read, order):
    order = list(order)
    new = dict(state)
    new[f"{made}.weight"], new[f"{made}.bias"] = state[f"{made}.weight"][order], state[f"{made}.bias"][order]
    new[f"{read}.weight"] = state[f"{read}.weight"][:, order]
    return new


def whole(state, first, second):
    return one_layer(one_layer(state, 0, 2, first), 2, 4, second)


def test_a_network_is_its_own_match_and_its_inputs_and_outputs_stay():
    model = LeNet300100(shape=IMAGE)
    state = model.initial(3, "init", "named")
    order = match(model.build(), state, state, shape=IMAGE)
    places = [axis for axes in order.places.values() for axis in axes]
    assert places and all((axis == numpy.arange(len(axis))).all() for axis in places)


def test_a_noisy_copy_of_a_permuted_network_is_recognised():
    model = ConvN(depth=2, width=0.1, shape=IMAGE)
    module, state = model.build(), model.initial(0, "init", "named")
    target = match(module, state, model.initial(1, "init", "named"), shape=IMAGE)(state)
    noisy = {
        name: tensor + 0.05 * tensor.std(correction=0) * torch.randn_like(tensor) for name, tensor in target.items()
    }
    assert equal(match(module, state, noisy, shape=IMAGE)(state), target)


class Flipped(nn.Module):
    """Reads each unit twice, in an interleaved order that is not the same for all units."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(2, 4), nn.Linear(8, 2)

    def forward(self, x):
        hidden = self.first(x).relu()
        return self.last(torch.stack([hidden, hidden.tanh().flip(1)], 2).flatten(1))


def test_networks_of_other_widths_diverged_ones_and_units_tied_to_their_places_are_refused():
    narrow, wide = (Mlp(shape=IMAGE, widths=(units,)).initial(0, "init", "named") for units in (5, 6))
    module = Mlp(shape=IMAGE, widths=(5,)).build()
    with pytest.raises(
        UsageError, match=r"state 'b' has the shape \(6, 64\); the network has \(5, 64\)\. Only networks of equal"
    ):
        match(module, narrow, wide, shape=IMAGE)
    with pytest.raises(UsageError, match="state 'a' has no tensor 'fc"):
        match(module, {}, narrow, shape=IMAGE)
    with pytest.raises(UsageError, match="not finite"):
        match(module, narrow, {**narrow, "fc.1.bias": torch.full((10,), torch.nan)}, shape=IMAGE)
    torch.manual_seed(0)
    flipped = Flipped()
    a, b = ({name: torch.randn_like(value) for name, value in state_of(flipped).items()} for _ in range(2))
    with pytest.raises(UsageError, match="depends on their order"):
        match(flipped, a, b, shape=(2,))
