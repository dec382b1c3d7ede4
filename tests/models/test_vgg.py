"""VGG against a chain of torch's layers that ends, as OpenLTH, GraSP and SynFlow do, with a mean over 2 x 2."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lotterylab.models import Vgg

PLANS = {  # channels of the convolutions, and a pooling at each M
    11: "64 M 128 M 256 256 M 512 512 M 512 512",
    16: "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512",
    19: "64 64 M 128 128 M 256 256 256 256 M 512 512 512 512 M 512 512 512 512",
}


def chain(plan: str, batch_norm: bool) -> nn.Sequential:
    layers, channels = [], 3
    for word in plan.split():
        if word == "M":
            layers.append(nn.MaxPool2d(2))
            continue
        layers.append(nn.Conv2d(channels, int(word), 3, padding=1, bias=not batch_norm))
        channels = int(word)
        layers += [nn.BatchNorm2d(channels), nn.ReLU()] if batch_norm else [nn.ReLU()]
    return nn.Sequential(*layers, nn.AvgPool2d(2), nn.Flatten(), nn.Linear(512, 10))


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("depth", PLANS)
def test_it_is_the_network_of_the_published_codes(depth, batch_norm):
    spec, published = Vgg(depth=depth, batch_norm=batch_norm), chain(PLANS[depth], batch_norm)
    module, state = spec.build().eval(), spec.initial(1, "init", "named")
    module.load_state_dict(state)
    weights = [tensor for tensor in state.values() if tensor.dim() in (2, 4)]
    with torch.no_grad():
        for parameter, weight in zip([p for p in published.parameters() if p.dim() > 1], weights, strict=True):
            parameter.copy_(weight)
        for parameter in (p for p in published.parameters() if p.dim() == 1):
            parameter.fill_(1.0 if batch_norm and parameter.sum() == len(parameter) else 0.0)
        images = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(module(images), published.eval()(images), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("side", [8, 28, 30])
def test_images_of_other_sizes_have_a_mean_over_what_is_left(side):
    assert Vgg(depth=11, width=0.05, shape=(1, side, side)).build().eval()(torch.zeros(2, 1, side, side)).shape == (
        2,
        10,
    )
