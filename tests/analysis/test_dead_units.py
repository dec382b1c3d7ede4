"""Dead units made by hand, and the zero gradients they explain."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lotterylab.analysis import DeadUnits
from lotterylab.data import Digits
from lotterylab.data.scoring import PerClass
from lotterylab.models import ShallowCnn
from lotterylab.network import network

DATA = Digits(train=120, validation=0, test=10).load(None)
BATCH = PerClass(count=2)
WIDTHS = (4, 5, 6)
ENTRIES = {"conv1": 4 * 9, "conv2": 5 * 4 * 9, "fc1": 6 * 20, "fc2": 10 * 6}
KILLED = -1e3


def network_with(dead: dict[str, list[int]], activation: str = "relu") -> tuple[nn.Module, dict[str, Any]]:
    spec = ShallowCnn(activation=activation, shape=(1, 8, 8), widths=WIDTHS)
    state = spec.initial(3, "init", "named")
    for layer in ("conv1", "conv2", "fc1"):
        state[f"{layer}.weight"].abs_()  # so that all other units speak
        state[f"{layer}.bias"].fill_(5.0)
        state[f"{layer}.bias"][dead.get(layer, [])] = KILLED
    return spec.build(), state


def measured(dead: dict[str, list[int]], activation: str = "relu") -> dict[str, Any]:
    module, state = network_with(dead, activation)
    return DeadUnits(batch=BATCH, seed=0)({"state": state}, {"state": network(module)}, DATA)


@pytest.mark.parametrize(
    ("dead", "by_layer", "touched"),
    [
        ({}, {}, 0),
        ({"conv1": [2]}, {"conv1": 1 / 4}, 9 + 5 * 9),  # into it, and from it into each channel of conv2
        ({"conv2": [0, 4]}, {"conv2": 2 / 5}, 2 * 4 * 9 + 2 * 6 * 4),  # from it: its 2 x 2 places, into each unit
        ({"fc1": [5]}, {"fc1": 1 / 6}, 20 + 10),
        ({"conv1": [0], "conv2": [1]}, {"conv1": 1 / 4, "conv2": 1 / 5}, (9 + 5 * 9) + (4 * 9 + 6 * 4) - 9),
    ],
)
def test_a_unit_with_a_bias_of_minus_1000_is_found_and_explains_its_zero_gradients(dead, by_layer, touched):
    out = measured(dead)
    layers = {f"{layer}.weight": by_layer.get(layer, 0.0) for layer in ("conv1", "conv2", "fc1")}
    assert out["dead_by_layer"] == pytest.approx(layers)
    assert out["dead_share"] == pytest.approx(sum(map(len, dead.values())) / sum(WIDTHS))
    assert out["expected_share"] == pytest.approx(touched / sum(ENTRIES.values()))
    assert out["zero_gradient_share"] >= out["expected_share"]
    if dead:
        assert out["explained_share"] == pytest.approx(out["expected_share"] / out["zero_gradient_share"])


def test_the_share_of_zero_gradients_is_counted_on_the_batch_in_evaluation_mode():
    module, state = network_with({"fc1": [1, 2, 3]})
    module.load_state_dict(state)
    batch = BATCH.draw(DATA, 0)
    weights = [parameter for name, parameter in module.named_parameters() if name.endswith("weight")]
    gradients = torch.autograd.grad(cross_entropy(module(batch.inputs), batch.targets), weights)
    zeros = sum(int((gradient == 0).sum()) for gradient in gradients)
    assert measured({"fc1": [1, 2, 3]})["zero_gradient_share"] == zeros / sum(ENTRIES.values())


def test_a_unit_that_speaks_for_one_image_alone_is_alive():
    module, state = network_with({})
    module.load_state_dict(state)
    brightest = (DATA.train.images.float() / DATA.scale - DATA.mean[0]) / DATA.std[0]
    with torch.no_grad():
        highest = module.get_submodule("conv1")(brightest)[:, 0].amax((1, 2)).sort().values
    for shift, dead in ((highest[-1] * 1.0001, 0.25), ((highest[-1] + highest[-2]) / 2, 0.0)):
        moved = {**state, "conv1.bias": state["conv1.bias"] - shift * torch.tensor([1.0, 0, 0, 0])}
        out = DeadUnits(batch=BATCH, seed=0)({"state": moved}, {"state": network(module)}, DATA)
        assert out["dead_by_layer"]["conv1.weight"] == dead


def test_under_a_smooth_activation_units_below_zero_explain_no_zero_gradients():
    out = measured({"fc1": [0]}, "softsign")
    assert out["dead_by_layer"]["fc1.weight"] > 0
    assert out["zero_gradient_share"] == 0 and out["explained_share"] is None


def test_the_measured_state_and_the_module_stay_as_they_were():
    module, state = network_with({"conv1": [0]})
    before = {name: tensor.clone() for name, tensor in state.items()}
    DeadUnits(batch=BATCH, seed=0)({"state": state}, {"state": network(module)}, DATA)
    assert all(torch.equal(state[name], before[name]) and not state[name].requires_grad for name in before)
