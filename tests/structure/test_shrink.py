"""The shrunk network against the whole one with zeroed channels, at once and after training, in float64."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch.nn.functional import cross_entropy

from interventions.some_moments import moment
from lotterylab.errors import UsageError
from lotterylab.interventions import EarlyBird
from lotterylab.masks.algebra import masked
from lotterylab.network import network, state_of
from lotterylab.structure import channels, never_emptied, shrink
from some_views import with_norm
from structure.some_structures import SHAPE, SIGMOID, SPECS, module_of, random_channels, without_their_shifts

NAMES = pytest.mark.parametrize("name", SPECS)


def images(count: int = 6, seed: int = 5) -> torch.Tensor:
    return torch.randn(count, *SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def size(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@NAMES
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_outputs_at_step_0_are_those_of_the_network_with_zeroed_channels(name, share):
    """The published code of Early-Bird continues from weights that it never copied."""
    module = module_of(name)
    mask = random_channels(module, share)
    full = channels(module, mask, shape=SHAPE)
    small, state, _ = shrink(module, state_of(module), full, shape=SHAPE)
    with torch.no_grad():
        outputs = small.eval()(images())
        expected = without_their_shifts(module, mask).eval()(images())
    assert float((outputs - expected).abs().max()) < 1e-6 * max(1.0, float(expected.abs().max()))
    assert size(small) < size(module)
    assert all(torch.equal(tensor, state[key]) for key, tensor in small.state_dict().items())


@pytest.mark.parametrize("sparsity", [0.1, 0.5, 0.7])
def test_a_ticket_at_equal_scales_loses_exactly_its_share_of_the_channels(sparsity):
    """The published code removes one more channel, and all of them while the scales are equal."""
    module = module_of("VGG-11")
    for norm in module.norm:
        norm.weight.data.fill_(0.5)
    bird = EarlyBird(sparsity=sparsity)
    view = replace(moment(with_norm()), net=network(module), state=state_of(module), step=4)
    mask, emptied = never_emptied(bird(view, bird.begin(view)).found[bird.name], view.state)
    total = sum(norm.num_features for norm in module.norm)
    left = total - math.floor(sparsity * total + 0.5) + len(emptied)
    assert sum(int(kept.sum()) for kept in mask.values()) == left
    small, _, _ = shrink(module, view.state, channels(module, mask, shape=SHAPE), shape=SHAPE)
    assert sum(norm.num_features for norm in small.norm) == left


def test_with_an_activation_that_is_not_0_at_0_the_channels_leave_with_what_they_would_have_given():
    module = module_of("sigmoid")
    mask = random_channels(module)
    full = channels(module, mask, shape=SHAPE)
    small, state, _ = shrink(module, state_of(module), full, shape=SHAPE)
    first, second = (mask[f"norm{number}.weight"] for number in (1, 2))
    spec = replace(SIGMOID["sigmoid"], widths=(int(first.sum()), int(second.sum()), 7))
    by_hand, whole = spec.build().double(), module.state_dict()
    pixels = second.repeat_interleave(SHAPE[1] * SHAPE[2] // 16)
    cuts = {"conv1": first, "norm1": first, "conv2": second, "norm2": second}
    tensors = {
        name: tensor[cuts[layer]] if (layer := name.partition(".")[0]) in cuts and tensor.dim() else tensor
        for name, tensor in whole.items()
    }
    tensors["conv2.weight"] = tensors["conv2.weight"][:, first]
    tensors["fc1.weight"] = tensors["fc1.weight"][:, pixels]
    by_hand.load_state_dict(tensors)
    with torch.no_grad():
        assert torch.allclose(small.eval()(images()), by_hand.eval()(images()), atol=1e-12)
    assert all(torch.equal(tensor, state[name]) for name, tensor in tensors.items())


@pytest.mark.parametrize("name", (*SPECS, *SIGMOID))
def test_ten_steps_of_the_small_network_are_ten_steps_of_the_whole_one_with_the_mask_held(name):
    module = module_of(name)
    full = channels(module, random_channels(module), shape=SHAPE)
    small, _, back = shrink(module, state_of(module), full, shape=SHAPE)
    whole = module_of(name)
    whole.load_state_dict(masked(state_of(module), full))
    draw = torch.Generator().manual_seed(1)
    batches = [(images(16, seed), torch.randint(10, (16,), generator=draw)) for seed in range(10)]
    for net, held in ((whole, full), (small, back.cut(full))):
        net.train()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-2)
        for inputs, targets in batches:
            optimizer.zero_grad()
            cross_entropy(net(inputs), targets).backward()
            optimizer.step()
            with torch.no_grad():
                for key, parameter in net.named_parameters():
                    parameter *= held[key]
                    optimizer.state[parameter]["momentum_buffer"] *= held[key]
    result = back(state_of(small))
    parameters = dict(whole.named_parameters())
    moved = max(float((parameters[key] - module.get_parameter(key)).detach().abs().max()) for key in parameters)
    assert moved > 0.01
    for key, tensor in parameters.items():
        assert float((result[key] - tensor).detach().abs().max()) < 1e-6
    kept = back.cut(state_of(whole))
    assert all(torch.allclose(tensor, kept[key], atol=1e-6) for key, tensor in state_of(small).items())
    with torch.no_grad():
        assert torch.allclose(small.eval()(images()), whole.eval()(images()), atol=1e-6)


def test_a_chain_has_the_shapes_of_its_kept_channels():
    module = module_of("VGG-11")
    mask = random_channels(module)
    small, _, _ = shrink(module, state_of(module), channels(module, mask, shape=SHAPE), shape=SHAPE)
    counts = [3, *(int(kept.sum()) for kept in mask.values())]
    assert [tuple(conv.weight.shape[:2]) for conv in small.conv] == [(b, a) for a, b in pairwise(counts)]
    assert [(conv.in_channels, conv.out_channels) for conv in small.conv] == list(pairwise(counts))
    assert [norm.num_features for norm in small.norm] == counts[1:] and small.fc.in_features == counts[-1]


# the norms whose channels of one number the sums of the first stage couple
STREAMS = {
    "ResNet-20": ["norm.weight", *(f"blocks.{block}.norm2.weight" for block in range(3))],
    "PreResNet-20": [f"blocks.{block}.norm.0.weight" for block in range(4)],
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_channel_that_residual_sums_couple_leaves_only_when_all_its_members_leave(name):
    module = module_of(name)
    scales = {key: torch.ones(len(state_of(module)[key]), dtype=torch.bool) for key in network(module).scales}
    stream = STREAMS[name]
    for key in stream[:-1]:
        scales[key][4] = False
    partly, _, _ = shrink(module, state_of(module), channels(module, scales, shape=SHAPE), shape=SHAPE)
    assert partly.conv.out_channels == 16
    scales[stream[-1]][4] = False
    small, state, back = shrink(module, state_of(module), channels(module, scales, shape=SHAPE), shape=SHAPE)
    assert small.conv.out_channels == 15
    assert all(block_conv.shape[0] == 15 for key, block_conv in state.items() if key.startswith("blocks.0.conv2"))
    assert back(state)["conv.weight"].shape == (16, 3, 3, 3) and not back(state)["conv.weight"][4].any()


def test_back_and_cut_lead_to_the_same_tensors_also_of_an_optimizer():
    module = module_of("ResNet-20")
    state = state_of(module)
    full = channels(module, random_channels(module), shape=SHAPE)
    _, small, back = shrink(module, state, full, shape=SHAPE)
    again = back(small)
    assert list(again) == list(state) and all(again[key].shape == state[key].shape for key in state)
    assert all(torch.equal(tensor, small[key]) for key, tensor in back.cut(again).items())
    assert torch.equal(again["norm.running_mean"], state["norm.running_mean"])
    slots = {f"momentum/{key}": tensor for key, tensor in small.items()} | {"updates": torch.tensor(3)}
    whole = back(slots)
    assert whole["momentum/conv.weight"].shape == state["conv.weight"].shape and int(whole["updates"]) == 3
    assert all(torch.equal(tensor, slots[key]) for key, tensor in back.cut(whole).items())


def test_nothing_of_the_module_changes():
    module = module_of("ResNet-20").train()
    before, modes = state_of(module), [layer.training for layer in module.modules()]
    generator = torch.get_rng_state()
    shrink(module, before, channels(module, random_channels(module), shape=SHAPE), shape=SHAPE)
    assert all(torch.equal(tensor, before[key]) for key, tensor in state_of(module).items())
    assert [layer.training for layer in module.modules()] == modes
    assert torch.equal(torch.get_rng_state(), generator)
    assert "forward" not in module.conv.__dict__


def test_a_dense_mask_removes_nothing():
    module = module_of("VGG-11")
    small, _, back = shrink(module, state_of(module), {}, shape=SHAPE)
    assert size(small) == size(module) and not back.places


def test_a_mask_that_empties_a_layer_is_refused():
    module = module_of("VGG-11")
    mask = random_channels(module)
    mask["norm.2.weight"][:] = False
    with pytest.raises(UsageError, match=r"removes all channels of 'norm.2.weight'.*never_emptied"):
        channels(module, mask, shape=SHAPE)
    rescued, names = never_emptied(mask, state_of(module))
    assert names == ("norm.2.weight",) and int(rescued["norm.2.weight"].sum()) == 1
    assert bool(rescued["norm.2.weight"][module.norm[2].weight.argmax()])
    assert not mask["norm.2.weight"].any()
    full = channels(module, rescued, shape=SHAPE)
    full["norm.2.weight"][:] = full["norm.2.bias"][:] = full["conv.2.weight"][:] = full["conv.3.weight"][:] = False
    with pytest.raises(UsageError, match=r"removes all channels of 'conv.2'"):
        shrink(module, state_of(module), full, shape=SHAPE)
