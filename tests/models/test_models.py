"""These laws hold for every model, and for every model name of the command."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from lotterylab.errors import UsageError
from lotterylab.models import (
    SPECS,
    ConvN,
    CraterCnn,
    ImageNetResNet18,
    LeNet300100,
    Mlp,
    ModelSpec,
    PreResNet,
    ResNet,
    ShallowCnn,
    SmallInception,
    Vgg,
)
from lotterylab.models.base import scaled
from lotterylab.models.dropout import Dropout
from lotterylab.network import network, state_of
from lotterylab.plan.digest import digest

# one of each kind, with few channels, for 8 x 8 images of one channel
FIELDS = {"shape": (1, 8, 8), "width": 0.05}
KINDS: dict[str, Callable[..., ModelSpec]] = {
    "shallow-cnn": partial(ShallowCnn, shape=(1, 8, 8), widths=(2, 3, 4)),
    "mlp": partial(Mlp, **FIELDS),
    "lenet": partial(LeNet300100, **FIELDS),
    "conv-2": partial(ConvN, depth=2, **FIELDS),
    "conv-6": partial(ConvN, depth=6, **FIELDS),
    "vgg-11": partial(Vgg, depth=11, batch_norm=False, **FIELDS),
    "vgg-16-bn": partial(Vgg, depth=16, **FIELDS),
    "resnet-14": partial(ResNet, depth=14, **FIELDS),
    "resnet-8-padding": partial(ResNet, depth=8, shortcut="padding", **FIELDS),
    "resnet-18-imagenet": partial(ImageNetResNet18, **FIELDS),
    "preresnet-14": partial(PreResNet, depth=14, **FIELDS),
    "preresnet-8-padding": partial(PreResNet, depth=8, shortcut="padding", **FIELDS),
    "crater-cnn": partial(CraterCnn, **FIELDS),
    "inception-28-small": partial(SmallInception, **FIELDS),
    "inception-28-small-bn": partial(SmallInception, batch_norm=True, **FIELDS),
    "preresnet-20-bottleneck": partial(PreResNet, depth=20, bottleneck=True, **FIELDS),
}
POOLING = ("shallow-cnn", "conv-2", "conv-6", "vgg-11", "vgg-16-bn")
IMAGES = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", KINDS)
def test_a_small_one_is_a_pure_function_that_sees_every_parameter(name):
    spec = KINDS[name](activation="tanh")
    net, state = network(spec.build()), spec.initial(0, "init", "named")
    given = {key: tensor.clone() for key, tensor in state.items()}
    leaves = {key: state[key].clone().requires_grad_() for key in net.parameters}
    logits, after = net.forward({**state, **leaves}, IMAGES, True)  # type: ignore[arg-type]
    gradients = torch.autograd.grad(logits.square().sum(), list(leaves.values()))
    assert logits.shape == (6, 10) and all(bool(gradient.isfinite().all()) for gradient in gradients)
    assert all(bool((gradient != 0).any()) for gradient in gradients)
    assert all(torch.equal(state[key], given[key]) for key in given)
    module = spec.build()
    module.load_state_dict(state)
    torch.testing.assert_close(module(IMAGES), logits, rtol=0, atol=0)
    for key, tensor in state_of(module).items():
        assert torch.equal(after[key], tensor), key


@pytest.mark.parametrize("name", KINDS)
def test_layer_outputs_shows_every_prunable_layer_once_and_ends_at_the_logits(name):
    spec = KINDS[name]()
    net, state = network(spec.build()), spec.initial(0, "init", "named")
    seen: dict[str, list[Tensor]] = {}
    net.layer_outputs(state, IMAGES, net.prunable, lambda key, output: seen.setdefault(key, []).append(output))
    assert set(seen) == set(net.prunable) and all(len(outputs) == 1 for outputs in seen.values())
    assert all(outputs[0].shape[1] == state[key].shape[0] for key, outputs in seen.items())
    assert torch.equal(seen[net.prunable[-1]][0], net.forward(state, IMAGES, False)[0])


@pytest.mark.parametrize("name", KINDS)
def test_an_image_s_logits_do_not_depend_on_the_others_in_evaluation(name):
    spec = KINDS[name](activation="gelu")
    net = network(spec.build().double())
    state = {key: t.double() if t.is_floating_point() else t for key, t in spec.initial(0, "init", "named").items()}
    together, _ = net.forward(state, IMAGES.double(), False)  # type: ignore[arg-type]
    alone, _ = net.forward(state, IMAGES[2:3].double(), False)  # type: ignore[arg-type]
    torch.testing.assert_close(together[2:3], alone, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", POOLING)
def test_pooling_first_is_the_same_function_where_the_spec_says_so(name):
    for activation in ("relu", "elu", "gelu"):
        spec = KINDS[name](activation=activation)
        assert spec.pool_first_is_exact == (activation != "gelu")
        state = {key: t.double() for key, t in spec.initial(0, "init", "named").items()}
        results = []
        for module in (spec.build(), spec.build(pool_first=True)):
            leaves = {key: state[key].clone().requires_grad_() for key, _ in module.named_parameters()}
            logits, _ = network(module).forward({**state, **leaves}, IMAGES.double(), True)  # type: ignore[arg-type]
            results.append((logits, torch.autograd.grad(logits.square().sum(), list(leaves.values()))))
        assert torch.equal(results[0][0], results[1][0])
        torch.testing.assert_close(results[0][1], results[1][1], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", KINDS)
def test_what_pools_nothing_after_an_activation_says_so(name):
    spec = KINDS[name]()
    assert spec.pool_first_is_exact == (name in POOLING)


@pytest.mark.parametrize("name", KINDS)
def test_gradients_can_be_differentiated_again(name):
    spec = KINDS[name](activation="silu")
    net, state = network(spec.build()), spec.initial(0, "init", "named")
    leaves = {key: state[key].clone().requires_grad_() for key in net.prunable}
    logits, _ = net.forward({**state, **leaves}, IMAGES, True)  # type: ignore[arg-type]
    gradients = torch.autograd.grad(logits.square().sum(), list(leaves.values()), create_graph=True)
    again = torch.autograd.grad(sum(g.square().sum() for g in gradients), list(leaves.values()))  # type: ignore[arg-type]
    assert all(bool(gradient.isfinite().all()) for gradient in again)


@pytest.mark.parametrize("name", KINDS)
def test_initial_is_a_function_of_seed_and_purpose_and_leaves_the_global_generator_alone(name):
    spec = KINDS[name]()
    for draw in ("named", "torch-global"):
        before = torch.get_rng_state()
        one, same, other = (spec.initial(seed, "init", draw) for seed in (0, 0, 1))
        assert torch.equal(torch.get_rng_state(), before)
        assert set(one) == set(spec.build().state_dict())
        assert all(torch.equal(one[key], same[key]) for key in one)
        assert any(not torch.equal(one[key], other[key]) for key in one)


SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 40), st.integers(1, 40))


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=12, deadline=None)
@given(shape=SHAPES, classes=st.integers(1, 12), width=st.sampled_from([0.01, 0.3, 1.5]))
def test_any_shape_is_built_or_refused_with_the_smallest_size(name, shape, classes, width):
    fields = {} if name == "shallow-cnn" else {"width": width}
    try:
        spec = KINDS[name](shape=shape, classes=classes, **fields)
    except UsageError as error:
        smallest = {"conv-2": 2, "crater-cnn": 3, "shallow-cnn": 4, "conv-6": 8}[name]
        assert min(shape[1:]) < smallest
        assert f"at least {smallest} x {smallest}" in str(error)
        return
    with torch.device("meta"):
        assert spec.build()(torch.zeros(3, *shape)).shape == (3, classes)


def test_vgg_leaves_a_pooling_out_where_one_pixel_is_left():
    with torch.device("meta"):
        module = Vgg(depth=11, shape=(3, 5, 40)).build()  # 5 -> 2 -> 1, and 40 -> 20 -> 10
    seen = []
    module.fc.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))  # type: ignore[union-attr]
    module.conv[-1].register_forward_hook(lambda *args: seen.append(args[-1].shape))  # type: ignore[index, union-attr]
    module(torch.zeros(2, 3, 5, 40, device="meta"))
    assert seen == [(2, 512, 1, 10), (2, 512)]


@given(st.integers(1, 1000), st.decimals("0.01", "10", places=2))
def test_channels_are_the_nearest_whole_number_of_the_product_and_at_least_one(channels, width):
    product = float(width) * channels
    count = scaled(channels, float(width))
    assert count >= 1 and (abs(count - product) <= 0.5 + 1e-9 or (count == 1 and product < 0.5))
    assert scaled(5, 0.5) == 3 and scaled(channels, 1.0) == channels  # halves go up


def test_conv_n_drops_hidden_units_while_training_as_its_state_says():
    spec = ConvN(depth=2, dropout=0.5, shape=(1, 8, 8), width=0.1)
    module, state = spec.build(), spec.initial(0, "init", "named")
    assert sum(isinstance(layer, Dropout) for layer in module.modules()) == 2
    assert int(state["dropout.0.key"]) != int(state["dropout.1.key"]) != 0
    assert int(spec.initial(1, "init", "torch-global")["dropout.0.key"]) != int(state["dropout.0.key"])
    net = network(module)
    first, after = net.forward(state, IMAGES, True)
    assert torch.equal(first, net.forward(state, IMAGES, True)[0])
    assert not torch.equal(first, net.forward(after, IMAGES, True)[0])
    plain = network(ConvN(depth=2, shape=(1, 8, 8), width=0.1).build())
    bare = {key: tensor for key, tensor in state.items() if "dropout" not in key}
    assert torch.equal(net.forward(state, IMAGES, False)[0], plain.forward(bare, IMAGES, False)[0])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ConvN(depth=3), "Conv-3 was asked for"),
        (lambda: ConvN(depth=2, dropout=1), "at least 0 and below 1"),
        (lambda: Vgg(depth=13), "known are VGG-11, VGG-16, VGG-19"),
        (lambda: ResNet(depth=18), "the depth is 6n . 2"),
        (lambda: ResNet(depth=20, shortcut="projected"), "Did you mean 'projection'"),
        (lambda: PreResNet(depth=101), "PreResNet-101 was asked for; the depth is 6n"),
        (lambda: PreResNet(depth=32, bottleneck=True), "with bottlenecks; the depth is 9n"),
        (lambda: Mlp(widths=(3, 0)), "widths has the value 0"),
        (lambda: Mlp(width=0), "width is 0"),
        (lambda: LeNet300100(width=math.inf), "width is inf"),
        (lambda: LeNet300100(activation="rleu"), "Did you mean 'relu'"),
        (lambda: LeNet300100(init="own"), "no initialisation is named 'own'"),
        (lambda: SPECS["vgg-16"](depth=19), "depth=19 was given, but the model's name sets it to 16"),
        (lambda: SPECS["mlp"](witdhs=(3,)), "no option of Mlp is named 'witdhs'. Did you mean 'widths'"),
    ],
)
def test_what_cannot_be_built_is_refused_when_it_is_made(make, said):
    with pytest.raises(UsageError, match=said):
        make()


@pytest.mark.parametrize("name", SPECS)
def test_a_name_gives_the_spec_that_its_fields_would(name):
    spec = SPECS[name]()
    written = {one.name: getattr(spec, one.name) for one in dataclasses.fields(spec)}
    assert digest(type(spec)(**written)) == digest(spec)
    assert {*SPECS[name].free, *SPECS[name].fixed} == set(written) and "activation" in SPECS[name].free


def test_an_mlp_without_hidden_layers_is_logistic_regression():
    module = Mlp(widths=(), shape=(1, 2, 2), classes=3).build()
    inputs = torch.randn(5, 1, 2, 2)
    (layer,) = [one for one in module.modules() if isinstance(one, nn.Linear)]
    torch.testing.assert_close(module(inputs), inputs.flatten(1) @ layer.weight.T + layer.bias)
