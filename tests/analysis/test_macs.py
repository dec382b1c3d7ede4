"""Multiply-accumulates against PyTorch's own counter of floating-point operations, two for each."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from lotterylab.analysis.macs import Macs, macs
from lotterylab.models import SPECS
from lotterylab.network import network, state_of


def counted(module: nn.Module, shape: tuple[int, ...]) -> int:
    """Count by torch, for one input."""
    device = next(module.parameters()).device
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module.eval()(torch.zeros(1, *shape, device=device))
    flops = counter.get_total_flops()
    assert flops % 2 == 0
    return flops // 2


@pytest.mark.parametrize("name", SPECS)
def test_every_model_of_the_command_has_half_the_operations_that_torch_counts(name):
    spec = SPECS[name]()
    with torch.device("meta"):
        module = spec.build()
    found = macs(module, spec.shape)
    assert sum(found.values()) == counted(module, spec.shape) and all(found.values())


LAYERS = [
    (nn.Conv1d(4, 6, 5, stride=2, padding=1), (4, 17)),
    (nn.Conv2d(4, 6, 3, stride=2, padding=1, dilation=2), (4, 9, 13)),
    (nn.Conv2d(4, 6, (3, 2), groups=2), (4, 9, 13)),
    (nn.Conv2d(4, 8, 3, groups=4), (4, 9, 13)),
    (nn.Conv3d(2, 3, 2, bias=False), (2, 5, 4, 3)),
    (nn.ConvTranspose1d(6, 4, 3, stride=2, output_padding=1), (6, 8)),
    (nn.ConvTranspose2d(6, 4, 3, stride=2, groups=2), (6, 8, 5)),
    (nn.ConvTranspose3d(2, 4, 2), (2, 3, 4, 5)),
    (nn.Linear(7, 3), (7,)),
    (nn.Linear(7, 3), (5, 7)),
]


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=[f"{type(one).__name__}{shape}" for one, shape in LAYERS])
def test_a_single_layer_too_also_grouped_and_transposed(layer, shape, device):
    assert macs(layer, shape, device=device) == {"weight": counted(layer, shape)}


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=[f"{type(one).__name__}{shape}" for one, shape in LAYERS])
def test_the_measure_of_a_study_counts_the_same(layer, shape):
    images = torch.zeros(1, *shape)
    data = SimpleNamespace(train=SimpleNamespace(images=images))
    found = Macs()({"state": state_of(layer)}, {"state": network(layer)}, data)
    assert found == {"dense": macs(layer, shape), "total": counted(layer, shape)}


def test_lenet_has_one_multiplication_for_each_weight_and_conv_2_one_for_each_place():
    assert macs(SPECS["lenet-300-100"]().build(), (1, 28, 28)) == {
        "fc.0.weight": 235_200,
        "fc.1.weight": 30_000,
        "fc.2.weight": 1_000,
    }
    with torch.device("meta"):
        conv = SPECS["conv-2"]().build()
    found = macs(conv, (3, 32, 32))
    assert found["conv.0.weight"] == 32 * 32 * 27 * 64 and found["conv.1.weight"] == 32 * 32 * 9 * 64 * 64


class Shared(nn.Module):
    """A tied weight, a layer called twice, and one that is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.encode, self.decode = nn.Linear(6, 6), nn.Linear(6, 6)
        self.decode.weight = self.encode.weight
        self.twice, self.never = nn.Linear(6, 6), nn.Linear(50, 50)

    def forward(self, x: Tensor) -> Tensor:
        return self.twice(self.twice(self.decode(self.encode(x.flatten(1)))))


def test_a_weight_that_is_used_again_costs_again_and_one_that_is_not_used_nothing():
    module = Shared()
    found = macs(module, (1, 2, 3))
    assert found == {"encode.weight": 72, "twice.weight": 72, "never.weight": 0}
    assert sum(found.values()) == counted(module, (1, 2, 3))


def test_the_module_is_left_as_it_was():
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2).eval(), nn.Flatten(), nn.Linear(8, 2))
    state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    modes = [layer.training for layer in module.modules()]
    macs(module, (1, 4, 4), device="cpu")
    assert [layer.training for layer in module.modules()] == modes and modes.count(False) == 1
    assert all(torch.equal(tensor, state[name]) for name, tensor in module.state_dict().items())
    assert not any(layer._forward_hooks for layer in module.modules())


class Chooses(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) if float(x.sum()) == 0 else x


def test_a_module_whose_way_depends_on_its_values_is_counted_on_a_real_device():
    assert macs(Chooses(), (4,), device="cpu") == {"layer.weight": 8}
