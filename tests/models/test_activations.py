"""Each activation's range and monotonicity agree with its values on a fine grid."""

from __future__ import annotations

import math

import pytest
import torch

from lotterylab.errors import UsageError
from lotterylab.models.activations import ACTIVATIONS, activation, function, with_pool

# dense where things turn, and out to where they have flattened
GRID = torch.cat([torch.linspace(-40, 40, 8001), torch.linspace(-3, 3, 60_001)]).double().unique()
FORMULAS = {
    "relu": lambda x: max(x, 0.0),
    "tanh": math.tanh,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "leaky_relu": lambda x: x if x > 0 else x / 100,
    "elu": lambda x: x if x > 0 else math.expm1(x),
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "silu": lambda x: x / (1 + math.exp(-x)),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_values_are_those_of_the_formula(name):
    points = torch.linspace(-6, 6, 241, dtype=torch.float64)
    expected = torch.tensor([FORMULAS[name](float(x)) for x in points], dtype=torch.float64)
    torch.testing.assert_close(function(name)(points), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_flag_says_whether_the_values_never_fall(name):
    assert bool((function(name)(GRID).diff() >= 0).all()) == ACTIVATIONS[name].monotone


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_values_lie_in_the_declared_range_and_come_near_its_ends(name):
    values = function(name)(GRID)
    for bound, end, sign in zip(ACTIVATIONS[name].range, (values.min(), values.max()), (1, -1), strict=True):
        if bound is None:
            assert abs(float(function(name)(torch.tensor(-1e6 * sign)))) > 1e3  # no end: further out it is further off
        else:  # softsign is 1 / (1 + |x|) away from its ends, 1/41 at the grid's
            assert -1e-15 <= sign * (float(end) - bound) < 1 / 40


def test_the_least_value_of_silu_and_gelu_is_exact_to_the_grid_s_square():
    for name in ("silu", "gelu"):
        low = ACTIVATIONS[name].range[0]
        assert low is not None and float(function(name)(GRID).min()) == pytest.approx(low, abs=1e-8)
    root = 1.2784645427610738  # silu's derivative is 0 at -root, where root - 1 = exp(-root), and its value is 1 - root
    assert root - 1 == pytest.approx(math.exp(-root), abs=1e-15)
    assert ACTIVATIONS["silu"].range[0] == pytest.approx(1 - root, abs=1e-15)


@pytest.mark.parametrize("name", [name for name, entry in ACTIVATIONS.items() if entry.monotone])
def test_pooling_commutes_with_a_monotone_activation_bit_for_bit(name):
    inputs = 4 * torch.randn(8, 5, 12, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    act = function(name)
    assert torch.equal(with_pool(act, True)(inputs), with_pool(act, False)(inputs))


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'leaky_relu'"):
        activation("leaky-relu")
