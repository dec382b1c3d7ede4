"""Dropout is a function of the state, with the right hash and statistics."""

from __future__ import annotations

import math

import pytest
import scipy.stats
import torch
from torch import Tensor, nn

from lotterylab import rng
from lotterylab.errors import UsageError
from lotterylab.models.dropout import FIRST, GOLDEN, KEY_BITS, SECOND, Dropout, draw_key, uniform_bits
from lotterylab.network import network, state_of

CPU = torch.device("cpu")
WORD = 2**64


def number(value: int) -> Tensor:
    return torch.tensor(value, dtype=torch.int64)


def finalised(z: int) -> int:
    """SplitMix64's finaliser in Python's whole numbers."""
    z = (z ^ (z >> 30)) * FIRST % WORD
    z = (z ^ (z >> 27)) * SECOND % WORD
    return z ^ (z >> 31)


def test_the_bits_are_those_of_splitmix64():
    # the first outputs of the generator for the seed 1234567, as its public test vectors give them
    outputs = [finalised((1234567 + i * GOLDEN) % WORD) for i in range(1, 4)]
    assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]
    key, calls = 2**KEY_BITS - 5, 7
    first = (finalised(finalised(key) + calls)) % WORD
    expected = [finalised((first + i * GOLDEN) % WORD) >> 32 for i in range(1, 13)]
    assert uniform_bits(number(key), number(calls), torch.Size((3, 4)), CPU).flatten().tolist() == expected


def test_the_bits_are_uniform_and_differ_between_keys_calls_and_entries():
    shape, n = torch.Size((64, 256)), 64 * 256
    base = uniform_bits(number(1), number(0), shape, CPU)
    for other in (uniform_bits(number(2), number(0), shape, CPU), uniform_bits(number(1), number(1), shape, CPU)):
        for bits in (base, other):
            assert scipy.stats.kstest((bits.double() / 2**32).flatten().numpy(), "uniform").pvalue > 1e-3
            assert len(bits.unique()) > n - 5  # of n numbers out of 2^32, n^2 / 2^33 = 0.03 pairs are equal
        correlation = torch.corrcoef(torch.stack([base.flatten(), other.flatten()]).double())[0, 1]
        assert abs(float(correlation)) < 4 / math.sqrt(n)
    assert abs(float(torch.corrcoef(torch.stack([base[0], base[1]]).double())[0, 1])) < 4 / 16


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9])
def test_a_share_p_is_dropped_and_the_mean_stays(p):
    layer = Dropout(p)
    layer.key = draw_key(rng.stream(0, "dropout"))
    out = layer(torch.ones(100, 200, dtype=torch.float64))
    assert abs(float((out == 0).double().mean()) - p) <= 4 * math.sqrt(p * (1 - p) / 20_000)
    assert bool(((out == 0) | (out == 1 / (1 - p))).all()) and not bool(out.signbit().any())


def test_evaluation_is_the_identity_and_counts_no_call():
    layer = Dropout(0.5).eval()
    inputs = torch.randn(3, 4)
    assert torch.equal(layer(inputs), inputs) and int(layer.calls) == 0


def test_a_pass_depends_on_the_state_alone_and_the_next_one_differs():
    net, state = network(nn.Sequential(Dropout(0.5))), state_of(nn.Sequential(Dropout(0.5)))
    inputs = torch.ones(20, 30)
    before = torch.get_rng_state()
    first, after = net.forward(state, inputs, True)
    torch.manual_seed(9)
    again, _ = net.forward(state, inputs, True)
    second, _ = net.forward(after, inputs, True)
    assert torch.equal(first, again) and not torch.equal(first, second)
    assert int(state["0.calls"]) == 0 and int(after["0.calls"]) == 1
    torch.set_rng_state(before)
    net.forward(state, inputs, True)
    assert torch.equal(torch.get_rng_state(), before)


def test_memory_layout_and_a_state_turned_to_float64_change_nothing():
    layer, images = Dropout(0.3), torch.randn(2, 3, 4, 5)
    layer.key = draw_key(rng.stream(3, "dropout"))
    state = {name: tensor.double() for name, tensor in state_of(layer).items()}
    out = layer(images)
    net = network(Dropout(0.3))
    assert torch.equal(out, net.forward(state, images, True)[0])  # type: ignore[arg-type]
    last = net.forward(state, images.contiguous(memory_format=torch.channels_last), True)[0]  # type: ignore[arg-type]
    assert torch.equal(out, last)


def test_networks_that_are_stacked_drop_what_each_drops_alone():
    keys, inputs = torch.tensor([5, 6]), torch.ones(4, 8)
    module = Dropout(0.5)

    def one(key: Tensor) -> Tensor:
        return torch.func.functional_call(module, {"key": key, "calls": torch.zeros_like(key)}, (inputs,))

    stacked = torch.func.vmap(one)(keys)
    for key, out in zip(keys, stacked, strict=True):
        assert torch.equal(out, one(key))


@pytest.mark.parametrize("p", [1.0, -0.1, math.nan])
def test_what_is_no_fraction_is_refused(p):
    with pytest.raises(UsageError, match="at least 0 and below 1"):
        Dropout(p)


def test_layers_made_by_themselves_drop_different_units_by_torch_s_seed_and_take_no_draw_from_it():
    def made(seed: int) -> tuple[list[int], float]:
        torch.manual_seed(seed)
        layers = nn.Sequential(nn.Linear(4, 4), Dropout(0.5), nn.Linear(4, 4), Dropout(0.5))
        return [int(layer.key) for layer in layers if isinstance(layer, Dropout)], float(torch.rand(()))

    def without(seed: int) -> float:
        torch.manual_seed(seed)
        nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
        return float(torch.rand(()))

    assert made(0) == made(0) and made(0)[1] == without(0)
    assert len({*made(0)[0], *made(1)[0]}) == 4
