"""Effective sparsity against paths that are counted by products of boolean matrices, and by hand."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lotterylab.analysis import EffectiveSparsity
from lotterylab.models import ConvN, Mlp, ResNet, ShallowCnn, Vgg
from lotterylab.models.activations import ACTIVATIONS
from lotterylab.models.base import ModelSpec
from lotterylab.network import network


def measured(spec: ModelSpec, mask: dict[str, torch.Tensor]) -> dict:
    net = network(spec.build())
    dataset = SimpleNamespace(train=SimpleNamespace(images=torch.zeros(3, *spec.shape, dtype=torch.uint8)))
    state = spec.initial(0, "init", "named")
    return EffectiveSparsity()({"mask": mask, "state": state}, {"mask": net}, dataset)


def ones(spec: ModelSpec) -> dict[str, torch.Tensor]:
    module = spec.build()
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
