"""Residual networks agree with plain functions of their state."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import batch_norm, conv2d, relu

from lotterylab.models import ModelSpec, PreResNet, ResNet
from lotterylab.models.shortcuts import zero_padded
from lotterylab.network import network
from lotterylab.types import State

IMAGES = torch.randn(4, 2, 9, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def drawn(spec: ModelSpec) -> State:
    """Return a state whose norms change their inputs."""
    draw = torch.Generator().manual_seed(1)
    state = {name: t.double() for name, t in spec.initial(0, "init", "named").items() if t.is_floating_point()}
    for name, tensor in state.items():
        if "norm" in name or "project.1" in name:
            state[name] = 0.5 + torch.rand(tensor.shape, generator=draw, dtype=torch.float64)
    return State(state)


def norm(state: State, name: str, x: Tensor) -> Tensor:
    """Compute a batch norm in evaluation mode."""
    mean, variance, scale, shift = (
        state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
    )
    return batch_norm(x, mean, variance, scale, shift)


def around(x: Tensor, like: Tensor) -> Tensor:
    """Take every second pixel, with zeros in the new channels (option A)."""
    out = torch.zeros_like(like)
    step = 1 if x.shape[2:] == like.shape[2:] else 2
    for row in range(like.shape[2]):
        for column in range(like.shape[3]):
            out[:, : x.shape[1], row, column] = x[:, :, step * row, step * column]
    return out


def plain_resnet(state: State, x: Tensor, blocks: int, projection: bool) -> Tensor:
    x = relu(norm(state, "norm", conv2d(x, state["conv.weight"], padding=1)))
    for number in range(3 * blocks):
        name, stride = f"blocks.{number}", 2 if number in (blocks, 2 * blocks) else 1
        y = relu(norm(state, f"{name}.norm1", conv2d(x, state[f"{name}.conv1.weight"], stride=stride, padding=1)))
        y = norm(state, f"{name}.norm2", conv2d(y, state[f"{name}.conv2.weight"], padding=1))
        if projection and stride == 2:
            x = norm(state, f"{name}.project.1", conv2d(x, state[f"{name}.project.0.weight"], stride=2))
        else:
            x = around(x, y)
        x = relu(x + y)
    return x.mean((2, 3)) @ state["fc.weight"].T + state["fc.bias"]


def plain_preresnet(state: State, x: Tensor, blocks: int, projection: bool) -> Tensor:
    x = conv2d(x, state["conv.weight"], padding=1)
    for number in range(3 * blocks):
        name, stride = f"blocks.{number}", 2 if number in (blocks, 2 * blocks) else 1
        y = relu(norm(state, f"{name}.norm.0", x))
        if number == 0 or stride == 2:
            x = y
        if projection and stride == 2:
            x = conv2d(x, state[f"{name}.project.weight"], stride=2)
        y = conv2d(y, state[f"{name}.conv.0.weight"], stride=stride, padding=1)
        y = conv2d(relu(norm(state, f"{name}.norm.1", y)), state[f"{name}.conv.1.weight"], padding=1)
        x = around(x, y) + y
    return relu(norm(state, "norm", x)).mean((2, 3)) @ state["fc.weight"].T + state["fc.bias"]


@pytest.mark.parametrize("shortcut", ["projection", "padding"])
@pytest.mark.parametrize(("kind", "plain"), [(ResNet, plain_resnet), (PreResNet, plain_preresnet)])
def test_logits_are_those_of_the_plain_function(kind, plain, shortcut):
    spec = kind(depth=14, shape=(2, 9, 12), width=0.2, shortcut=shortcut)
    state = drawn(spec)
    whole = State({**spec.build().state_dict(), **state})
    logits, _ = network(spec.build()).forward(whole, IMAGES, False)
    torch.testing.assert_close(logits, plain(state, IMAGES, 2, shortcut == "projection"), rtol=1e-10, atol=1e-10)


def test_a_bottleneck_is_1x1_3x3_1x1_and_its_shape_changes_from_the_first_block_on():
    module = PreResNet(depth=20, bottleneck=True).build()
    kernels = [tuple(p.shape) for name, p in module.named_parameters() if name.startswith("blocks.0.") and p.dim() == 4]
    assert kernels == [(16, 16, 1, 1), (16, 16, 3, 3), (64, 16, 1, 1), (64, 16, 1, 1)]
    strides = [module.get_submodule(f"blocks.2.conv.{place}").stride for place in range(3)]
    assert strides == [(1, 1), (2, 2), (1, 1)]


def test_padding_leaves_a_tensor_of_the_right_shape_as_it_is():
    x = torch.randn(2, 3, 4, 5)
    assert zero_padded(x, 3, 1) is x
    torch.testing.assert_close(zero_padded(x, 7, 2), around(x, torch.zeros(2, 7, 2, 3)))
