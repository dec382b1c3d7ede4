"""Effective sparsity against paths that are counted by products of boolean matrices, and by hand."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import lotterylab as ll
from lotterylab.analysis import EffectiveSparsity
from lotterylab.errors import UsageError
from lotterylab.models import ConvN, Mlp, PreResNet, ResNet, ShallowCnn, Vgg
from lotterylab.models.activations import ACTIVATIONS
from lotterylab.models.base import ModelSpec
from lotterylab.network import network, state_of


def measured(spec: ModelSpec, mask: dict[str, torch.Tensor]) -> dict:
    return of_module(spec.build(), mask, spec.shape)


def of_module(module: nn.Module, mask: dict[str, torch.Tensor], shape: tuple[int, ...]) -> dict:
    dataset = SimpleNamespace(train=SimpleNamespace(images=torch.zeros(3, *shape, dtype=torch.uint8)))
    return EffectiveSparsity()({"mask": mask, "state": state_of(module)}, {"mask": network(module)}, dataset)


def ones(spec: ModelSpec) -> dict[str, torch.Tensor]:
    return all_of(spec.build())


def all_of(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: torch.ones(dict(module.named_parameters())[name].shape).bool() for name in network(module).prunable}


@given(
    seed=st.integers(0, 10_000), density=st.sampled_from([0.02, 0.1, 0.3]), word=st.sampled_from(sorted(ACTIVATIONS))
)
@settings(max_examples=40, deadline=None)
def test_an_mlp_s_idle_weights_are_those_that_no_product_of_its_masks_reaches(seed: int, density: float, word: str):
    spec = Mlp(widths=(9, 7), shape=(1, 4, 4), classes=3, activation=word)
    torch.manual_seed(seed)
    mask = {name: torch.rand(kept.shape) < density for name, kept in ones(spec).items()}
    layers = [kept.long() for kept in mask.values()]
    reached, needed = [torch.ones(16, dtype=torch.long)], [torch.ones(3, dtype=torch.long)]
    for kept in layers:
        reached.append((kept @ reached[-1]).clamp(max=1))
    for kept in reversed(layers):
        needed.insert(0, (kept.T @ needed[0]).clamp(max=1))
    used = [kept * reached[i][None, :] * needed[i + 1][:, None] for i, kept in enumerate(layers)]
    entries = sum(kept.numel() for kept in layers)
    found = measured(spec, mask)
    assert found["effective"] == pytest.approx(1 - sum(int(one.sum()) for one in used) / entries, abs=1e-12)
    assert found["idle"] == pytest.approx(found["effective"] - found["sparsity"], abs=1e-12)


@pytest.mark.parametrize("word", sorted(ACTIVATIONS))
@pytest.mark.parametrize(
    "kind",
    [
        ShallowCnn,
        lambda **o: ConvN(depth=2, width=0.25, **o),
        lambda **o: Vgg(depth=11, width=0.1, **o),
        lambda **o: ResNet(depth=20, width=0.25, **o),
    ],
    ids=["shallow", "conv-2", "vgg", "resnet"],
)
def test_nothing_of_a_whole_network_is_idle(kind, word: str):
    spec = kind(activation=word, shape=(3, 32, 32))
    found = measured(spec, ones(spec))
    assert found["idle"] == 0.0 == found["sparsity"]


def test_a_channel_that_nobody_reads_makes_its_filter_idle():
    spec = ShallowCnn(shape=(1, 8, 8), widths=(4, 5, 6))
    mask = ones(spec)
    mask["conv2.weight"][:, 1] = False  # nobody reads channel 1
    mask["conv1.weight"][2] = False  # channel 2 has no input
    found = measured(spec, mask)
    assert found["idle_by_layer"] == {
        "conv1.weight": pytest.approx(9 / 36),
        "conv2.weight": pytest.approx(5 * 9 / (5 * 4 * 9)),
        "fc1.weight": 0.0,
        "fc2.weight": 0.0,
    }


def test_a_shortcut_goes_round_a_layer_that_is_empty():
    spec = ResNet(depth=20, width=0.25, shape=(3, 32, 32))
    mask = ones(spec)
    name = next(one for one in mask if "blocks" in one or "layer" in one or "stage" in one)
    mask[name][:] = False
    found = measured(spec, mask)
    others = {layer: idle for layer, idle in found["idle_by_layer"].items() if idle}
    assert len(others) == 1, f"only the block's other convolution has nothing to do, not {others}"


def test_in_a_very_deep_network_nothing_is_of_use_where_the_last_layer_is_empty():
    spec = PreResNet(depth=164, width=0.25, shape=(3, 16, 16))
    mask = ones(spec)
    assert measured(spec, mask)["idle"] == 0.0
    mask[list(mask)[-1]][:] = False
    assert measured(spec, mask)["effective"] == 1.0


BETWEEN = [
    *(nn.ReLU6(), nn.Hardtanh(), nn.Hardsigmoid(), nn.Hardswish(), nn.Mish(), nn.PReLU(), nn.Softmax(1), nn.SELU()),
    *(nn.GroupNorm(2, 4), nn.InstanceNorm2d(4), nn.BatchNorm2d(4, track_running_stats=False), nn.LayerNorm([4, 6, 6])),
    *(nn.MaxPool2d(3, 2, 1), nn.MaxPool2d(2, ceil_mode=True), nn.AdaptiveMaxPool2d(3), nn.Dropout2d(), nn.AvgPool2d(2)),
]


@pytest.mark.parametrize("layer", BETWEEN, ids=repr)
def test_what_stands_between_layers_hides_no_path(layer: nn.Module):
    module = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), layer, nn.Conv2d(4, 4, 1), nn.Flatten(), nn.LazyLinear(3))
    module.eval()(torch.zeros(2, 2, 6, 6))
    mask = all_of(module)
    assert of_module(module, mask, (2, 6, 6))["idle"] == 0.0
    mask["2.weight"][:, 1] = False  # nobody reads channel 1
    assert of_module(module, mask, (2, 6, 6))["idle_by_layer"]["0.weight"] == 0.25


def test_a_pool_whose_paths_cannot_be_counted_is_refused():
    module = nn.Sequential(nn.Conv2d(1, 2, 1), nn.MaxPool2d(2, dilation=2), nn.Flatten(), nn.LazyLinear(2))
    module(torch.zeros(1, 1, 6, 6))
    with pytest.raises(UsageError, match="dilation"):
        of_module(module, all_of(module), (1, 6, 6))


def test_from_python_it_is_asked_of_any_module_which_stays_as_it_is():
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 2)).train()
    mask = all_of(module)
    mask["0.weight"][1] = False  # unit 1 has no input: its two outgoing weights are idle
    before = state_of(module)
    found = ll.effective_sparsity(module, mask, (3,))
    assert (found["sparsity"], found["effective"]) == (3 / 20, 5 / 20)
    assert found["idle_by_layer"] == {"0.weight": 0.0, "4.weight": 2 / 8}
    assert all(layer.training for layer in module.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in state_of(module).items())
    with pytest.raises(UsageError, match=r"names '0\.weigth'"):
        ll.effective_sparsity(module, {"0.weigth": mask["0.weight"]}, (3,))
