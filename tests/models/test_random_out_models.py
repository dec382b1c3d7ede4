"""The networks of RandomOut's paper: the pooling of MXNet's Inception, and CraterCNN as its file describes it."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from lotterylab.models import CraterCnn, SmallInception
from lotterylab.models.inception import _pooled
from lotterylab.network import network


@pytest.mark.parametrize("size", range(1, 31))
def test_a_pooling_has_the_size_of_the_convolution_beside_it_and_is_mxnets_where_that_is_defined(size):
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(size))
    beside = functional.conv2d(images, torch.ones(1, 3, 3, 3), stride=2, padding=1)
    found = _pooled(images)
    assert found.shape[2:] == beside.shape[2:] and bool(found.isfinite().all())
    if size % 2 == 0 and size > 2:  # MXNet's "full" convention, whose size differs for odd images
        assert torch.equal(found, functional.max_pool2d(images, 3, stride=2, ceil_mode=True))
    if size % 2:
        assert torch.equal(found, functional.max_pool2d(images, 3, stride=2, padding=1))


def test_at_28_pixels_the_last_module_sees_7_by_7_and_its_mean_is_the_papers_pooling():
    module = SmallInception().build()
    shapes: list[tuple[int, ...]] = []
    for inside in module.inception:  # type: ignore[union-attr]
        inside.register_forward_hook(lambda *args: shapes.append(tuple(args[-1].shape[1:])))
    module(torch.zeros(1, 3, 28, 28))
    sizes = (28, 28, 14, 14, 14, 14, 14, 7, 7, 7)
    channels = (64, 80, 160, 160, 160, 160, 144, 240, 336, 336)
    assert shapes == [(count, size, size) for count, size in zip(channels, sizes, strict=True)]


@pytest.mark.parametrize("batch_norm", [False, True])
def test_crater_cnn_is_what_its_file_says(batch_norm):
    spec = CraterCnn(batch_norm=batch_norm, classes=2)
    state = {name: tensor.double() for name, tensor in spec.initial(0, "init", "named").items()}
    images = torch.randn(4, 1, 15, 15, generator=torch.Generator().manual_seed(0)).double()
    x = images
    for layer in "12":
        x = functional.conv2d(x, state[f"conv{layer}.weight"], state.get(f"conv{layer}.bias"), padding=1)
        if batch_norm:
            mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), unbiased=False, keepdim=True)
            x = (x - mean) / (variance + 1e-5).sqrt()
        x = x.clamp(min=0)
    hidden = x.flatten(1) @ state["fc1.weight"].T + state["fc1.bias"]
    expected = hidden @ state["fc2.weight"].T + state["fc2.bias"]
    found, _ = network(spec.build().double()).forward(state, images, True)  # type: ignore[arg-type]
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
