"""Coupled channels against networks whose coupling is known, and what cannot be followed."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn
from torch.nn.functional import softmax

from lotterylab.errors import LotteryWarning, UsageError
from lotterylab.network import network, state_of
from lotterylab.structure import channels, shrink, structure_of
from structure.some_structures import SHAPE, SPECS, module_of, random_channels, without_their_shifts


def chain(*between: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 4, 3), *between, nn.Flatten(), nn.Linear(4 * 16, 3))


def body(forward, **layers) -> nn.Module:
    class Module(nn.Module):
        def __init__(self):
            super().__init__()
            for name, layer in layers.items():
                setattr(self, name, layer)

        def forward(self, x):
            return forward(self, x)

    return Module()


IMAGE = (1, 6, 6)


@pytest.mark.parametrize("name", SPECS)
def test_what_channels_removes_beyond_scales_and_shifts_has_no_effect(name):
    module = module_of(name)
    mask = random_channels(module)
    full = channels(module, mask, shape=SHAPE)
    assert full.keys() == dict(module.named_parameters()).keys()
    inputs = torch.randn(4, *SHAPE, dtype=torch.float64)
    net = network(without_their_shifts(module, mask))
    state = state_of(module)
    expected, _ = net.forward(state, inputs, False)
    more = {key: torch.where(full[key], tensor, 99.0) if key in full else tensor for key, tensor in state.items()}
    for key in network(module).scales or mask:  # the scales themselves stay at 0
        for part in (key, key.replace("weight", "bias")):
            more[part] = state[part]
    outputs, _ = net.forward(more, inputs, False)
    assert torch.allclose(outputs, expected, atol=1e-9)


def test_flattening_couples_all_pixels_of_a_channel():
    found = structure_of(chain(nn.ReLU()), IMAGE)
    assert found.ins["3"].tolist() == [found.outs["0"][feature // 16] for feature in range(64)]
    assert len(set(found.outs["0"].tolist())) == 4


@pytest.mark.parametrize("act", [nn.ReLU, nn.GELU, nn.SiLU, nn.Tanh, nn.ELU, nn.Hardtanh, nn.ReLU6, nn.PReLU])
def test_usual_activations_pools_and_dropout_are_followed(act):
    module = chain(nn.BatchNorm2d(4), act(), nn.MaxPool2d(2), nn.Upsample(scale_factor=2), nn.Dropout(0.5)).double()
    full = channels(module, {"1.weight": torch.tensor([True, False, True, False])}, shape=IMAGE)
    small, _, _ = shrink(module, state_of(module), full, shape=IMAGE)
    assert small[0].out_channels == 2 and small[-1].in_features == 32


def test_concatenated_depthwise_and_permuted_channels_are_followed():
    def forward(self, x):
        x = self.depth(torch.cat([self.a(x), self.b(x)], 1).flip(1)).relu()
        return self.fc(x.mean((2, 3)))

    module = body(
        forward, a=nn.Conv2d(1, 2, 3), b=nn.Conv2d(1, 3, 3), depth=nn.Conv2d(5, 5, 3, groups=5), fc=nn.Linear(5, 2)
    )
    found = structure_of(module, IMAGE)
    assert found.ins["depth"].tolist() == [*found.outs["b"][::-1], *found.outs["a"][::-1]]
    assert found.groups[found.outs["depth"]].tolist() == found.groups[found.ins["depth"]].tolist()
    full = channels(module, {"depth.weight": torch.tensor([True, False, True, True, False])}, shape=IMAGE)
    small, _, _ = shrink(module, state_of(module), full, shape=IMAGE)
    assert (small.a.out_channels, small.b.out_channels, small.depth.groups, small.fc.in_features) == (1, 2, 3, 3)


def test_a_softmax_at_the_end_keeps_the_classes():
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3), nn.Softmax(1))
    found = structure_of(module, (3,))
    assert found.fixed[found.outs["2"]].all() and not found.fixed[found.outs["0"]].any()


def twice(self, x):
    return self.fc(self.conv(self.conv(x)).mean((2, 3)))


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (chain(nn.GroupNorm(2, 4)), r"followed: '1.weight' is used outside conv"),
        (chain(nn.Softmax(1)), r"input channel of '3' depends on several output channels of '0'"),
        (chain(nn.ConvTranspose2d(4, 4, 1)), "'1.weight' is used outside"),
        (chain(nn.Conv2d(4, 4, 1, groups=2)), "'1' cannot leave: it is a convolution in 2 groups"),
        (chain(nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 1))), "'1' cannot leave: its weight is computed"),
        (body(twice, conv=nn.Conv2d(1, 1, 3), fc=nn.Linear(1, 2)), "'conv' is called more than once"),
        (nn.Sequential(nn.Conv2d(3, 2, 3)), "fails on inputs of shape"),
        (body(lambda self, x: (self.a(x), 1), a=nn.Conv2d(1, 2, 3)), "it returns tuple"),
        (body(lambda self, x: self.a(x.permute(0, 2, 3, 1)).mean((1, 2)), a=nn.Linear(1, 2)), "input of 'a' has the"),
    ],
)
def test_a_module_that_cannot_be_followed_is_refused_by_name(module, words):
    with pytest.raises(UsageError, match=words):
        structure_of(module, IMAGE)


def test_a_shared_weight_is_refused():
    a, b = nn.Linear(4, 4), nn.Linear(4, 4)
    b.weight = a.weight
    with pytest.raises(UsageError, match="'2' cannot leave: it shares its weight with '0'"):
        structure_of(nn.Sequential(a, nn.ReLU(), b), (4,))


def test_a_module_with_its_sizes_in_the_code_is_refused_when_it_is_shrunk():
    def forward(self, x):
        return self.fc(self.conv(x).reshape(len(x), 4, 16).mean(2))

    module = body(forward, conv=nn.Conv2d(1, 4, 3), fc=nn.Linear(4, 2))
    full = channels(module, {"conv.weight": torch.tensor([True, False, True, True])}, shape=IMAGE)
    with pytest.raises(UsageError, match="cannot do with fewer channels"):
        shrink(module, state_of(module), full, shape=IMAGE)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        ({"conv.9.weight": torch.ones(3)}, "'conv.9.weight' is not the weight of a layer"),
        ({"norm.0.weight": torch.ones(3, dtype=torch.bool)}, r"has the shape \(3,\); one entry for each channel"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(mask, words):
    with pytest.raises(UsageError, match=words):
        channels(module_of("VGG-11"), mask, shape=SHAPE)


def test_softmax_of_attention_over_channels_is_refused_by_name():
    def forward(self, x):
        x = self.conv(x)
        return self.fc((x * softmax(x, 1)).mean((2, 3)))

    with pytest.raises(UsageError, match="input channel of 'fc' depends on several"):
        structure_of(body(forward, conv=nn.Conv2d(1, 4, 3), fc=nn.Linear(4, 2)), IMAGE)


@pytest.mark.parametrize("name", ["4.weight", "1.weight"])
def test_outputs_that_leave_with_their_channels_are_told(name):
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    kept = torch.tensor([True, False, True, False][: len(module.get_parameter(name))])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        channels(module, {name: kept}, shape=IMAGE)
    told = [str(one.message) for one in caught if one.category is LotteryWarning]
    assert told == (
        ["the mask of '4.weight' removes 1 of the 3 outputs of the network, which may be classes. Leave them in it."]
        if name == "4.weight"
        else []
    )


def test_an_output_with_a_second_source_stays():
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3, 2), nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.a(x)) + torch.relu(self.b(x))

    half = torch.tensor([True, False])
    channels(Sum(), {"a.weight": half}, shape=(3,))  # a warning would be an error
    with pytest.warns(LotteryWarning, match=r"'a\.weight', 'b\.weight' removes 1 of the 2 outputs"):
        channels(Sum(), {"a.weight": half, "b.weight": half}, shape=(3,))
