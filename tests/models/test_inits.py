"""Initialisations: bounds, moments and distribution."""

from __future__ import annotations

import math

import pytest
import scipy.stats
import torch
from torch import nn

from lotterylab import rng
from lotterylab.models.inits import INITS, named_init, torch_global_init


def module() -> nn.Sequential:
    body = (nn.Conv2d(8, 24, 3), nn.BatchNorm2d(24), nn.Flatten(), nn.Linear(96, 48), nn.Linear(48, 5, bias=False))
    return nn.Sequential(*body)


def drawn(init: str, seed: int = 0) -> dict[str, torch.Tensor]:
    return named_init(module(), init, lambda name: rng.stream(seed, "init", name))


# by hand: a convolution's fans count its 3 x 3 field
FANS = {"0": (8 * 9, 24 * 9), "3": (96, 48), "4": (48, 5)}
WIDTHS = {
    "pytorch": lambda fan_in, fan_out: 1 / math.sqrt(fan_in),
    "glorot-heuristic": lambda fan_in, fan_out: 1 / math.sqrt(fan_in),
    "glorot-normalized": lambda fan_in, fan_out: math.sqrt(6 / (fan_in + fan_out)),
}


@pytest.mark.parametrize("layer", FANS)
@pytest.mark.parametrize("init", INITS)
def test_weights_are_uniform_within_the_bound_of_their_fans(init, layer):
    weights, width = drawn(init)[f"{layer}.weight"].double().flatten(), WIDTHS[init](*FANS[layer])
    n = len(weights)
    assert weights.abs().max() <= width * (1 + 1e-7)  # once more rounded, to float32
    assert scipy.stats.kstest((weights / width).numpy(), "uniform", args=(-1, 2)).pvalue > 1e-3
    assert abs(float(weights.mean())) < 4 * width / math.sqrt(3 * n)
    # the variance of the square of U[-1, 1] is 1/5 - 1/9 = 4/45
    assert abs(float(weights.square().mean()) / width**2 - 1 / 3) < 4 * math.sqrt(4 / 45 / n)


def test_biases_are_uniform_in_pytorch_s_way_and_positive_zero_in_glorot_s():
    for name in ("0.bias", "3.bias"):
        bias, fan_in = drawn("pytorch")[name].double(), FANS[name[0]][0]
        assert scipy.stats.kstest((bias * math.sqrt(fan_in)).numpy(), "uniform", args=(-1, 2)).pvalue > 1e-3
        for init in ("glorot-heuristic", "glorot-normalized"):
            zero = drawn(init)[name]
            assert bool((zero == 0).all()) and not bool(zero.signbit().any())


def test_the_bounds_of_pytorch_are_those_of_its_own_layers():
    own = torch_global_init(module, 0)
    for layer, fans in FANS.items():
        assert float(own[f"{layer}.weight"].abs().max()) == pytest.approx(WIDTHS["pytorch"](*fans), rel=0.05)


@pytest.mark.parametrize("init", INITS)
def test_norms_stay_as_they_were_built_and_the_names_are_those_of_the_module(init):
    state = drawn(init)
    assert sorted(state) == sorted(module().state_dict())
    assert bool((state["1.weight"] == 1).all()) and bool((state["1.bias"] == 0).all())
    assert bool((state["1.running_var"] == 1).all()) and state["1.num_batches_tracked"].dtype == torch.int64


def test_equal_shapes_under_different_names_have_different_weights_and_equal_names_the_same_draws():
    twice = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6))
    state = named_init(twice, "pytorch", lambda name: rng.stream(0, name))
    assert not torch.equal(state["0.weight"], state["1.weight"])
    for init in ("pytorch", "glorot-normalized"):  # the same uniform draws, at another width
        ratio = drawn(init)["3.weight"] / drawn("glorot-heuristic")["3.weight"]
        assert float(ratio.std()) < 1e-6
    assert not torch.equal(drawn("pytorch", seed=0)["3.weight"], drawn("pytorch", seed=1)["3.weight"])


def test_torch_global_init_draws_as_the_seed_says_and_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    state = torch_global_init(module, 42)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(42)
    for name, tensor in module().state_dict().items():
        assert torch.equal(state[name], tensor), name
