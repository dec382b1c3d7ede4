"""Each model has the number of parameters that its docstring, arithmetic by hand and the papers give."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from lotterylab.models import SPECS, ConvN, ImageNetResNet18, ModelSpec, PreResNet, ResNet, Vgg
from lotterylab.weights import prunable_names


def meta(spec: ModelSpec) -> nn.Module:
    """Build the module on the meta device, so that large models cost nothing."""
    with torch.device("meta"):
        return spec.build()


def parameters(spec: ModelSpec) -> int:
    return sum(parameter.numel() for parameter in meta(spec).parameters())


def weights(spec: ModelSpec) -> int:
    module = meta(spec)
    sizes = dict(module.named_parameters())
    return sum(sizes[name].numel() for name in prunable_names(module))


def linear(*sizes: int) -> int:
    return sum((inputs + 1) * outputs for inputs, outputs in pairwise(sizes))


def convs(*channels: int, bias: bool = True) -> int:
    return sum((9 * i + bias) * o for i, o in pairwise(channels))


def residual(blocks: int, stages: tuple[int, ...], shortcut: str) -> int:
    """conv, norm; in each stage 2 convolutions and 2 norms a block; shortcuts of 1x1 and norm; linear."""
    total, before = 27 * stages[0] + 2 * stages[0] + linear(stages[-1], 10), stages[0]
    for channels in stages:
        total += 9 * before * channels + (2 * blocks - 1) * 9 * channels**2 + 2 * blocks * 2 * channels
        total += (before * channels + 2 * channels) if shortcut == "projection" and before != channels else 0
        before = channels
    return total


def pre_basic(blocks: int, shortcut: str) -> int:
    """Count as above, but norms have the channels of their inputs, a norm ends the network, and shortcuts have none."""
    total, before = 27 * 16 + 2 * 64 + linear(64, 10), 16
    for channels in (16, 32, 64):
        total += 9 * before * channels + (2 * blocks - 1) * 9 * channels**2
        total += 2 * (before + (2 * blocks - 1) * channels)
        total += before * channels if shortcut == "projection" and before != channels else 0
        before = channels
    return total


def pre_bottleneck(blocks: int) -> int:
    total, before = 27 * 16 + 2 * 256 + linear(256, 10), 16
    for channels in (16, 32, 64):
        total += before * 4 * channels  # the shortcut
        for _ in range(blocks):
            total += before * channels + 9 * channels**2 + 4 * channels**2 + 2 * (before + 2 * channels)
            before = 4 * channels
    return total


def inception(batch_norm: bool) -> int:
    """first, modules of 1x1 and 3x3, two of them 3x3 of stride 2 beside a pooling, linear; a norm has two a filter."""
    each, channels = 2 if batch_norm else 1, 96
    total = (27 + each) * 96
    for narrow, wide in (
        (32, 32),
        (32, 48),
        (0, 80),
        (112, 48),
        (96, 64),
        (80, 80),
        (48, 96),
        (0, 96),
        (176, 160),
        (176, 160),
    ):
        total += (channels + each) * narrow + (9 * channels + each) * wide
        channels = narrow + wide if narrow else channels + wide
    return total + linear(channels, 10)


A = (3, 64, 128, 256, 256, 512, 512, 512, 512)
D = (3, 64, 64, 128, 128, 256, 256, 256, *[512] * 6)
E = (3, 64, 64, 128, 128, *[256] * 4, *[512] * 8)
COUNTS: list[tuple[str, int, int]] = [
    ("shallow-cnn", 545_098, convs(3, 32, 64) + linear(4096, 128, 10)),
    ("mlp", 266_610, linear(784, 300, 100, 10)),
    ("lenet-300-100", 266_610, linear(784, 300, 100, 10)),
    ("conv-2", 4_301_642, convs(3, 64, 64) + linear(16 * 16 * 64, 256, 256, 10)),
    ("conv-4", 2_425_930, convs(3, 64, 64, 128, 128) + linear(8 * 8 * 128, 256, 256, 10)),
    ("conv-6", 2_262_602, convs(3, 64, 64, 128, 128, 256, 256) + linear(4 * 4 * 256, 256, 256, 10)),
    ("vgg-11", 9_225_610, convs(*A) + linear(512, 10)),
    ("vgg-16", 14_719_818, convs(*D) + linear(512, 10)),
    ("vgg-19", 20_029_514, convs(*E) + linear(512, 10)),
    ("vgg-11-bn", 9_228_362, convs(*A, bias=False) + 2 * sum(A[1:]) + linear(512, 10)),
    ("vgg-16-bn", 14_724_042, convs(*D, bias=False) + 2 * sum(D[1:]) + linear(512, 10)),
    ("vgg-19-bn", 20_035_018, convs(*E, bias=False) + 2 * sum(E[1:]) + linear(512, 10)),
    ("resnet-20", 272_474, residual(3, (16, 32, 64), "projection")),
    ("resnet-18", 272_474, residual(3, (16, 32, 64), "projection")),
    ("resnet-32", 466_906, residual(5, (16, 32, 64), "projection")),
    ("resnet-44", 661_338, residual(7, (16, 32, 64), "projection")),
    ("resnet-56", 855_770, residual(9, (16, 32, 64), "projection")),
    ("resnet-110", 1_730_714, residual(18, (16, 32, 64), "projection")),
    ("resnet-18-imagenet", 11_173_962, residual(2, (64, 128, 256, 512), "projection")),
    ("preresnet-20", 272_282, pre_basic(3, "projection")),
    ("preresnet-32", 466_714, pre_basic(5, "projection")),
    ("preresnet-56", 855_578, pre_basic(9, "projection")),
    ("preresnet-110", 1_730_522, pre_basic(18, "projection")),
    ("preresnet-101", 1_054_106, pre_bottleneck(11)),
    ("preresnet-164", 1_703_258, pre_bottleneck(18)),
    ("crater-cnn", 1_702_310, (16 + 2) * 20 + (16 * 20 + 2) * 20 + linear(13 * 13 * 20, 500, 10)),
    ("inception-28-small", 1_649_402, inception(batch_norm=False)),
    ("inception-28-small-bn", 1_651_114, inception(batch_norm=True)),
]


def test_every_named_model_is_counted():
    assert [name for name, *_ in COUNTS] and {name for name, *_ in COUNTS} == set(SPECS)


@pytest.mark.parametrize(("name", "stated", "by_hand"), COUNTS, ids=[name for name, *_ in COUNTS])
def test_the_number_of_parameters_is_the_stated_one_and_that_of_its_arithmetic(name, stated, by_hand):
    spec = SPECS[name]()
    assert parameters(spec) == stated == by_hand
    assert meta(spec)(torch.zeros(2, *spec.shape, device="meta")).shape == (2, 10)


def test_the_weights_of_the_first_tickets_networks():
    counts = [weights(SPECS[name]()) for name in ("lenet-300-100", "conv-2", "conv-4", "conv-6")]
    assert counts == [266_200, 4_300_992, 2_425_024, 2_261_184]
    # "fully-connected layers comprise 99 % and 89 % of the parameters in conv2 and conv4" (first version of the paper)
    shares = [linear(flat, 256, 256, 10) / parameters(ConvN(depth=d)) for d, flat in ((2, 16384), (4, 8192))]
    assert [round(100 * share) for share in shares] == [99, 89]


@pytest.mark.parametrize(("depth", "millions"), [(11, 133), (16, 138), (19, 144)])
def test_with_the_three_linear_layers_of_the_paper_vgg_has_the_numbers_of_its_table_2(depth, millions):
    paper = linear(512 * 7 * 7, 4096, 4096, 1000)
    assert round((parameters(Vgg(depth=depth, batch_norm=False)) - linear(512, 10) + paper) / 1e6) == millions


@pytest.mark.parametrize(
    ("depth", "printed"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7), (1202, 19.4)]
)
def test_with_padding_resnets_have_the_numbers_of_table_6(depth, printed):
    assert round(parameters(ResNet(depth=depth, shortcut="padding")) / 1e6, 1 if printed > 1 else 2) == printed


@pytest.mark.parametrize(("depth", "bottleneck", "printed"), [(110, False, 1.7), (164, True, 1.7), (1001, True, 10.2)])
def test_preresnets_have_the_weights_of_table_4(depth, bottleneck, printed):
    shortcut = "projection" if bottleneck else "padding"
    spec = PreResNet(depth=depth, bottleneck=bottleneck, shortcut=shortcut)
    assert round(weights(spec) / 1e6, 1) == printed  # with its norms, the deepest would be 10.3M


def test_the_lottery_ticket_papers_274k_are_resnet_20_with_its_running_statistics():
    spec = ResNet(depth=20)
    running = sum(buffer.numel() for name, buffer in meta(spec).named_buffers() if "running" in name)
    assert parameters(spec) + running == 274_042
    assert SPECS["resnet-18"]() == spec and "resnet-20" in SPECS["resnet-18"].note


def test_the_imagenet_network_of_18_layers_differs_from_the_paper_s_in_its_first_and_last_layer_only():
    # 11,689,512 with 7 x 7 x 3 x 64 and 1000 classes
    assert parameters(ImageNetResNet18()) == 11_689_512 - 9_408 + 27 * 64 - linear(512, 1000) + linear(512, 10)


def test_grasp_s_resnet_32_is_twice_as_wide():
    assert parameters(ResNet(depth=32, width=2)) == residual(5, (32, 64, 128), "projection")
