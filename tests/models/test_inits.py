"""Initialisations: bounds, moments and distribution."""

from __future__ import annotations

import math
import sys

import pytest
import scipy.stats
import torch
from torch import nn

from lotterylab import masks, rng
from lotterylab.errors import UsageError
from lotterylab.models import ShallowCnn
from lotterylab.models.inits import INITS, OWN, named_init, seeded
from lotterylab.network import state_of


def module() -> nn.Sequential:
    body = (nn.Conv2d(8, 24, 3), nn.BatchNorm2d(24), nn.Flatten(), nn.Linear(96, 48), nn.Linear(48, 5, bias=False))
    return nn.Sequential(*body)


def drawn(init: str, seed: int = 0) -> dict[str, torch.Tensor]:
    return named_init(module(), init, lambda name: rng.stream(seed, "init", name))


# by hand: a convolution's fans count its 3 x 3 field
FANS = {"0": (8 * 9, 24 * 9), "3": (96, 48), "4": (48, 5)}
VARIANCES = {
    "pytorch": lambda fan_in, fan_out: 1 / (3 * fan_in),
    "glorot-heuristic": lambda fan_in, fan_out: 1 / (3 * fan_in),
    "glorot-normalized": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "glorot-normal": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "he-normal": lambda fan_in, fan_out: 2 / fan_in,
    "he-uniform": lambda fan_in, fan_out: 2 / fan_in,
    "lecun-normal": lambda fan_in, fan_out: 1 / fan_in,
    "lecun-uniform": lambda fan_in, fan_out: 1 / fan_in,
}
NORMAL = [name for name in VARIANCES if name.endswith("-normal")]
UNIFORM = [name for name in VARIANCES if name not in NORMAL]

# states as they were before there were other distributions; stored results were trained from such
PINNED = {
    "pytorch": (
        "286dc6656a0f1470b9e21331656a1c5540b8098bc8c00e1494a2aba95e3af0c1",
        "c853f30efde0be836ed44878c9ad0b095e0645ce0e2c445e2861d18fdff7f3bb",
    ),
    "glorot-heuristic": (
        "de20bb1213c80869e762829174c2e3244f286cbffa7e6670edb172a68006a5a3",
        "54323ab900836a3c6f9cdf381dafac728d6aa859e9ad83794ad38b368c0cc438",
    ),
    "glorot-normalized": (
        "519e05e07e3ac90af2350f495a24601476451476aafac05a4cfdbe6bbbbbdded",
        "7e668ae66527bc5913848b1d0328529be798f27e3cd7b62f163570b73267d986",
    ),
}


@pytest.mark.skipif(sys.byteorder == "big", reason="a digest is of the bytes")
@pytest.mark.parametrize("init", PINNED)
def test_the_first_three_draw_the_bits_that_they_always_drew(init):
    cnn = ShallowCnn(activation="relu", init=init, shape=(1, 8, 8), widths=(4, 6, 8))
    assert (masks.digest(drawn(init)), masks.digest(cnn.initial(42, "init", "named"))) == PINNED[init]


def test_every_initialisation_is_tested():
    assert set(INITS) == {*VARIANCES, "orthogonal"}


@pytest.mark.parametrize("layer", FANS)
@pytest.mark.parametrize("init", UNIFORM)
def test_uniform_weights_stay_within_the_bound_of_their_fans(init, layer):
    weights, width = drawn(init)[f"{layer}.weight"].double().flatten(), math.sqrt(3 * VARIANCES[init](*FANS[layer]))
    assert weights.abs().max() <= width * (1 + 1e-7)  # once more rounded, to float32
    assert scipy.stats.kstest((weights / width).numpy(), "uniform", args=(-1, 2)).pvalue > 1e-3


@pytest.mark.parametrize("init", NORMAL)
def test_normal_weights_are_normal_and_not_truncated(init):
    layer, n = nn.Linear(300, 200), 60_000
    weights = named_init(layer, init, lambda name: rng.stream(0, name))["weight"].double().flatten()
    standard = (weights / math.sqrt(VARIANCES[init](300, 200))).numpy()
    assert scipy.stats.kstest(standard, "norm").pvalue > 1e-3
    beyond = int((abs(standard) > 2).sum())  # truncated at two deviations, as in TensorFlow, there would be none
    chance = 2 * scipy.stats.norm.sf(2)
    assert abs(beyond - n * chance) < 4 * math.sqrt(n * chance * (1 - chance))


@pytest.mark.parametrize("layer", FANS)
@pytest.mark.parametrize("init", VARIANCES)
def test_mean_and_variance_are_those_of_the_formula_within_four_standard_errors(init, layer):
    weights, variance = drawn(init)[f"{layer}.weight"].double(), VARIANCES[init](*FANS[layer])
    n = weights.numel()
    # the variance of the square of a variable of unit variance is its kurtosis less 1: 3 for normal, 9/5 for uniform
    error = math.sqrt((2 if init in NORMAL else 4 / 5) / n)
    assert abs(float(weights.mean())) < 4 * math.sqrt(variance / n)
    assert abs(float(weights.square().mean()) / variance - 1) < 4 * error


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("glorot-normalized", nn.init.xavier_uniform_),
        ("glorot-normal", nn.init.xavier_normal_),
        ("he-normal", nn.init.kaiming_normal_),
        ("he-uniform", nn.init.kaiming_uniform_),
    ],
)
def test_the_spread_is_that_of_torch_s_own(ours, theirs):
    generator = torch.Generator().manual_seed(0)
    for layer in FANS:
        weights = drawn(ours)[f"{layer}.weight"]
        other = theirs(torch.empty(weights.shape), generator=generator)
        assert float(weights.std() / other.std()) == pytest.approx(1, abs=4 / math.sqrt(weights.numel()))


@pytest.mark.parametrize(
    "shape", [(48, 96), (96, 48), (24, 8, 3, 3), (100, 2, 3, 3), (1, 5), (5, 1), (7, 7), (4, 2, 3)]
)
def test_orthogonal_weights_have_orthonormal_rows_or_columns(shape):
    weight = INITS["orthogonal"].draw(rng.stream(0, "w"), shape, 2.0)
    assert weight.shape == shape and weight.dtype == "float64"
    flat = torch.from_numpy(weight).reshape(shape[0], -1)
    gram = flat @ flat.T if shape[0] <= flat.shape[1] else flat.T @ flat
    torch.testing.assert_close(gram, 4 * torch.eye(len(gram), dtype=torch.float64), rtol=0, atol=1e-13)


def test_orthogonal_weights_have_gain_one_and_are_spread_over_all_of_the_group():
    state = drawn("orthogonal")
    for layer in FANS:
        flat = state[f"{layer}.weight"].flatten(1).double()
        gram = flat @ flat.T if len(flat) <= flat.shape[1] else flat.T @ flat
        torch.testing.assert_close(gram, torch.eye(len(gram), dtype=torch.float64), rtol=0, atol=1e-6)
    # of 2 x 2, half are rotations and half reflections, and the angle is uniform; QR without the signs gives neither
    draws = torch.stack([torch.from_numpy(INITS["orthogonal"].draw(rng.stream(i), (2, 2), 1.0)) for i in range(1000)])
    assert abs(float((torch.linalg.det(draws) > 0).double().mean()) - 0.5) < 4 * 0.5 / math.sqrt(1000)
    angles = torch.atan2(draws[:, 1, 0], draws[:, 0, 0]) / math.pi
    assert scipy.stats.kstest(angles.numpy(), "uniform", args=(-1, 2)).pvalue > 1e-3


@pytest.mark.parametrize("init", [init for init in INITS if init != "pytorch"])
def test_biases_are_positive_zero_but_for_pytorch_s_which_are_uniform(init):
    for name in ("0.bias", "3.bias"):
        bias, fan_in = drawn("pytorch")[name].double(), FANS[name[0]][0]
        assert scipy.stats.kstest((bias * math.sqrt(fan_in)).numpy(), "uniform", args=(-1, 2)).pvalue > 1e-3
        zero = drawn(init)[name]
        assert bool((zero == 0).all()) and not bool(zero.signbit().any())


def test_the_bounds_of_pytorch_are_those_of_its_own_layers():
    own = state_of(seeded(module, 0))
    for layer, (fan_in, _) in FANS.items():
        assert float(own[f"{layer}.weight"].abs().max()) == pytest.approx(1 / math.sqrt(fan_in), rel=0.05)


LAYERS = [
    nn.Conv1d(4, 6, 5),
    nn.Conv2d(4, 6, 3, groups=2),
    nn.Conv3d(2, 6, 3),
    nn.ConvTranspose1d(6, 4, 5),
    nn.ConvTranspose2d(6, 4, 3, groups=2),
    nn.ConvTranspose3d(6, 2, 3),
    nn.Linear(40, 6),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_every_prunable_layer_is_drawn_with_the_fans_that_torch_counts(layer):
    fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(layer.weight)
    assert fan_in == math.prod(layer.weight.shape[1:])
    for init, variance in VARIANCES.items():
        streams = {"weight": rng.stream(0, "weight"), "bias": rng.stream(0, "bias")}
        weight = named_init(layer, init, streams.__getitem__)["weight"]
        draw = torch.from_numpy(
            (rng.stream(0, "weight").normal if init in NORMAL else rng.stream(0, "weight").uniform)(
                *((0, 1) if init in NORMAL else (-math.sqrt(3), math.sqrt(3))), tuple(weight.shape)
            )
        )
        torch.testing.assert_close(weight, (draw * math.sqrt(variance(fan_in, fan_out))).float())


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
    for init in UNIFORM:  # the same uniform draws, at another width
        ratio = drawn(init)["3.weight"] / drawn("glorot-heuristic")["3.weight"]
        assert float(ratio.std()) < 1e-6
    assert not torch.equal(drawn("pytorch", seed=0)["3.weight"], drawn("pytorch", seed=1)["3.weight"])


def test_a_tied_weight_is_drawn_once_for_the_layer_that_has_its_first_name():
    tied = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    state = named_init(tied, "he-normal", lambda name: rng.stream(0, name))
    assert sorted(state) == ["0.weight", "1.bias"]
    alone = named_init(nn.Sequential(nn.Linear(3, 3)), "he-normal", lambda name: rng.stream(0, name))
    assert torch.equal(state["0.weight"], alone["0.weight"])


def test_own_keeps_what_the_constructor_made():
    built = module()
    state = named_init(built, OWN, lambda name: rng.stream(0, name))
    for name, tensor in built.state_dict().items():
        assert torch.equal(state[name], tensor)


def test_a_seeded_build_draws_as_the_seed_says_and_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    state = state_of(seeded(module, 42))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(42)
    for name, tensor in module().state_dict().items():
        assert torch.equal(state[name], tensor), name
    seeded(module, 2**127 + 1)  # the key of a stream has 128 bits


def test_an_unknown_initialisation_is_refused_with_the_nearest_one():
    with pytest.raises(UsageError, match=r"no initialisation is named 'he-norml'\. Did you mean 'he-normal'"):
        named_init(module(), "he-norml", lambda name: rng.stream(0, name))
