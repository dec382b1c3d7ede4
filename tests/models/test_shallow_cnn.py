"""The shallow CNN: its size, its initial states, and its fast path against the plain one."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from lotterylab.errors import UsageError
from lotterylab.models import ShallowCnn
from lotterylab.models.activations import ACTIVATIONS
from lotterylab.weights import prunable_names

SHAPES = [
    # shape, classes, widths
    ((3, 32, 32), 10, (32, 64, 128)),
    ((1, 8, 8), 10, (32, 64, 128)),
    ((1, 28, 28), 10, (4, 6, 8)),
    ((3, 9, 14), 3, (2, 3, 5)),  # what pooling leaves over is dropped
    ((2, 4, 4), 2, (1, 1, 1)),
]


def sizes(module: nn.Module) -> dict[str, int]:
    return {name: parameter.numel() for name, parameter in module.named_parameters()}


def test_for_cifar_there_are_545098_parameters_of_which_544864_are_weights():
    module = ShallowCnn(activation="relu").build()
    weights = {name: size for name, size in sizes(module).items() if name in prunable_names(module)}
    assert sum(sizes(module).values()) == 545_098 and sum(weights.values()) == 544_864
    assert list(weights.values()) == [864, 18_432, 524_288, 1_280]


@pytest.mark.parametrize(("shape", "classes", "widths"), SHAPES)
def test_the_declared_number_of_parameters_is_that_of_the_module(shape, classes, widths):
    spec = ShallowCnn(activation="tanh", shape=shape, classes=classes, widths=widths)
    module = spec.build()
    assert spec.parameters == sum(sizes(module).values())
    assert module(torch.zeros(2, *shape)).shape == (2, classes)


@pytest.mark.parametrize(("shape", "classes", "widths"), SHAPES)
def test_with_norms_the_convolutions_have_no_bias_and_pooling_first_is_the_same(shape, classes, widths):
    spec = ShallowCnn(activation="tanh", shape=shape, classes=classes, widths=widths, batch_norm=True)
    plain, fast = spec.build().double(), spec.build(pool_first=True).double()
    assert spec.parameters == sum(sizes(plain).values())
    assert {name for name in sizes(plain) if name.startswith("conv")} == {"conv1.weight", "conv2.weight"}
    fast.load_state_dict(plain.state_dict())
    inputs = torch.randn(4, *shape, dtype=torch.float64)
    assert torch.allclose(plain(inputs), fast(inputs), rtol=0, atol=1e-12)


def layers(spec: ShallowCnn) -> nn.Sequential:
    """The network again, written as a list of layers."""
    act = {
        "relu": nn.ReLU,
        "tanh": nn.Tanh,
        "sigmoid": nn.Sigmoid,
        "softsign": nn.Softsign,
        "leaky_relu": nn.LeakyReLU,
        "elu": nn.ELU,
        "gelu": nn.GELU,
        "silu": nn.SiLU,
    }[spec.activation]
    (channels, height, width), (first, second, hidden) = spec.shape, spec.widths
    convolutions = (nn.Conv2d(channels, first, 3, padding=1), nn.Conv2d(first, second, 3, padding=1))
    body = [layer for conv in convolutions for layer in (conv, act(), nn.MaxPool2d(2))]
    flat = second * (height // 4) * (width // 4)
    return nn.Sequential(*body, nn.Flatten(), nn.Linear(flat, hidden), act(), nn.Linear(hidden, spec.classes))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_torch_global_state_and_its_logits_are_those_of_pytorch_s_own_layers_built_under_the_seed(activation):
    spec = ShallowCnn(activation=activation, shape=(3, 8, 8), widths=(4, 6, 8))
    before = torch.get_rng_state()
    state = spec.initial(42, "init", "torch-global")
    assert torch.equal(torch.get_rng_state(), before)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(42)
        independent = layers(spec)
    for ours, theirs in zip(state.values(), independent.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)
    inputs = torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(functional_call(spec.build(), state, (inputs,)), independent(inputs))


def test_named_draws_depend_on_seed_and_purpose_and_neither_on_the_activation_nor_on_what_other_layers_there_are():
    def state(activation: str = "relu", seed: int = 0, purpose: str = "init", classes: int = 10) -> dict[str, Tensor]:
        spec = ShallowCnn(activation=activation, shape=(1, 8, 8), widths=(2, 3, 4), classes=classes)
        return spec.initial(seed, purpose, "named")

    base = state()
    for same in (state(), state("tanh"), state("sigmoid")):
        assert all(torch.equal(base[name], same[name]) for name in base)
    for other in (state(seed=1), state(purpose="reinit")):
        assert not any(torch.equal(base[name], other[name]) for name in base)
    more_classes = state(classes=7)
    assert all(torch.equal(base[n], more_classes[n]) == (not n.startswith("fc2")) for n in base)


# pooling first and channels last, in float64


def batch(size: int = 8) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(size, 3, 12, 12, generator=draw, dtype=torch.float64), torch.arange(size) % 10


def run(module: nn.Module, state: dict[str, Tensor], inputs: Tensor, targets: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Logits, and gradients in the order of the state."""
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in state.items()}
    logits = cast(Tensor, functional_call(module, leaves, (inputs,)))
    return logits.detach(), list(torch.autograd.grad(cross_entropy(logits, targets), list(leaves.values())))


@pytest.mark.parametrize("activation", [name for name, entry in ACTIVATIONS.items() if entry.monotone])
def test_over_ten_steps_pooling_first_gives_the_same_logits_and_channels_last_those_up_to_rounding(activation):
    spec = ShallowCnn(activation=activation, shape=(3, 12, 12), widths=(4, 6, 8))
    plain, first = spec.build(), spec.build(pool_first=True)
    state = {name: tensor.double() for name, tensor in spec.initial(3, "init", "named").items()}
    inputs, targets = batch()
    for _ in range(10):
        logits, gradients = run(plain, state, inputs, targets)
        pooled_logits, pooled = run(first, state, inputs, targets)
        last = {n: t.contiguous(memory_format=torch.channels_last) if t.dim() == 4 else t for n, t in state.items()}
        fast_logits, fast = run(first, last, inputs.contiguous(memory_format=torch.channels_last), targets)
        assert torch.equal(pooled_logits, logits)
        torch.testing.assert_close(fast_logits, logits, rtol=1e-12, atol=1e-12)
        for one in (pooled, fast):
            torch.testing.assert_close(one, gradients, rtol=1e-12, atol=1e-12)
        state = {name: t - 0.5 * g for (name, t), g in zip(state.items(), gradients, strict=True)}


def test_where_pooling_first_is_not_exact_it_is_not_done():
    spec = ShallowCnn(activation="gelu", shape=(1, 8, 8), widths=(2, 3, 4))
    state = spec.initial(0, "init", "named")
    inputs = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert not spec.pool_first_is_exact
    assert torch.equal(
        functional_call(spec.build(pool_first=True), state, (inputs,)), functional_call(spec.build(), state, (inputs,))
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"shape": (3, 3, 32)}, "images of 3 x 32; its pooling needs at least 4 x 4"),
        ({"shape": (3, 32)}, "it must be .channels, height, width."),
        ({"shape": (3, 32, 32.0)}, "whole numbers from 1 on"),
        ({"shape": (0, 32, 32)}, "whole numbers from 1 on"),
        ({"widths": (32, 64)}, "three numbers"),
        ({"widths": (32, 0, 128)}, "widths has the value 0"),
        ({"widths": (32, True, 128)}, "widths has the value True"),
        ({"classes": 0}, "classes has the value 0"),
    ],
)
def test_what_cannot_be_built_is_refused_when_it_is_made(fields, said):
    with pytest.raises(UsageError, match=said):
        ShallowCnn(**fields)


def test_an_unknown_activation_or_initialisation_is_refused_with_the_nearest_one():
    with pytest.raises(UsageError, match=r"no activation is named 'sigmod'\. Did you mean 'sigmoid'"):
        ShallowCnn(activation="sigmod")
    with pytest.raises(UsageError, match=r"no initialisation is named 'pytroch'\. Did you mean 'pytorch'"):
        ShallowCnn(activation="relu", init="pytroch")
