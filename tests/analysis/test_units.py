"""Units behind norms and shortcuts: dead ones, saturated ones, and which unit each weight reads."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lotterylab.analysis import Activations, DeadUnits
from lotterylab.analysis.units import UNKNOWN, follow, numbered
from lotterylab.data import Digits
from lotterylab.data.normalise import Normalise
from lotterylab.data.scoring import PerClass
from lotterylab.errors import UsageError
from lotterylab.models import ModelSpec, PreResNet, ResNet, ShallowCnn, SmallInception, Vgg
from lotterylab.network import network, state_of

DATA = Digits(train=60, validation=0, test=20).load(None)
IMAGES = Normalise.of(DATA)(DATA.train.images.permute(0, 2, 3, 1))


def dead(module: nn.Module) -> dict[str, Any]:
    return DeadUnits(batch=PerClass(count=2), seed=0)({"state": state_of(module)}, {"state": network(module)}, DATA)


def normed(shift: Tensor, level: float) -> nn.Sequential:
    """A convolution whose outputs are all at about ``level``, a norm that shifts them, and ReLU."""
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 10)
    )
    with torch.no_grad():
        module[0].bias.fill_(level)
        module[1].running_mean.fill_(level)
        module[1].bias.copy_(shift)
    return module


@pytest.mark.parametrize("level", [1e4, -1e4], ids=["outputs above 0", "outputs below 0"])
def test_a_unit_is_dead_behind_its_norm_whatever_stands_before_it(level):
    """Before the norm, none and all of the units would be dead."""
    found = dead(normed(torch.tensor([-1e6, 0.0, -1e6, 0.0]), level))
    assert found["dead_by_layer"] == {"0.weight": 0.5} and found["dead_share"] == 0.5
    assert found["expected_share"] == (2 * 9 + 10 * 2 * 9) / (4 * 9 + 10 * 36)
    assert found["explained_share"] == pytest.approx(found["expected_share"] / found["zero_gradient_share"])


@pytest.mark.parametrize("level", [1e4, -1e4])
def test_activations_are_those_behind_a_norm(level):
    module = normed(torch.zeros(4), level)
    found = Activations(activation="relu", images=20)({"state": state_of(module)}, {"state": network(module)}, DATA)
    images = Normalise.of(DATA)(DATA.test.images.permute(0, 2, 3, 1))
    s = module.eval()[:2](images).detach()
    assert found["mean"]["0.weight"] == pytest.approx(float(s.relu().mean()), rel=1e-4)
    assert found["saturated"]["0.weight"] == pytest.approx(float((s <= 0).double().mean()))
    assert 0.01 < found["saturated"]["0.weight"] < 0.99


def shown(module: nn.Module) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    seen: dict[str, Tensor] = {}
    reads = follow(network(module), state_of(module), IMAGES, lambda name, s: seen.update({name: s.clone()}))
    return seen, reads


def test_in_a_residual_block_the_shortcut_is_added_first():
    torch.manual_seed(0)
    module: Any = ResNet(depth=8, width=0.5, shape=(1, 8, 8)).build().eval()
    seen, _ = shown(module)
    x = torch.relu(module.norm(module.conv(IMAGES)))
    torch.testing.assert_close(seen["conv.weight"], module.norm(module.conv(IMAGES)))
    for number, block in enumerate(module.blocks):
        inside = block.norm1(block.conv1(x))
        outside = block.around(x) + block.norm2(block.conv2(torch.relu(inside)))
        torch.testing.assert_close(seen[f"blocks.{number}.conv1.weight"], inside)
        torch.testing.assert_close(seen[f"blocks.{number}.conv2.weight"], outside)
        if block.project is not None:
            torch.testing.assert_close(seen[f"blocks.{number}.project.0.weight"], outside)
        x = torch.relu(outside)
    torch.testing.assert_close(seen["fc.weight"], module.fc(x.mean((2, 3))))


MODELS: dict[str, ModelSpec] = {
    "ResNet": ResNet(depth=8, width=0.5, shape=(1, 8, 8)),
    "ResNet, padded": ResNet(depth=8, width=0.5, shape=(1, 8, 8), shortcut="padding"),
    "PreResNet": PreResNet(depth=8, width=0.5, shape=(1, 8, 8)),
    "Inception": SmallInception(width=0.1, shape=(1, 8, 8), batch_norm=True),
    "VGG": Vgg(depth=11, width=0.05, shape=(1, 8, 8)),
    "CNN": ShallowCnn(shape=(1, 8, 8), widths=(4, 5, 6), batch_norm=True),
}


@pytest.mark.parametrize("name", MODELS)
def test_an_input_that_is_never_above_0_is_a_unit_that_is_dead(name):
    """The oracle looks at the inputs of each layer, on every image and place."""
    spec = MODELS[name]
    module, state = spec.build().eval(), spec.initial(1, "init", "named")
    draw = torch.Generator().manual_seed(2)
    for key in state:
        if key.endswith("bias") and state[key].dim() == 1:
            state[key] -= 3.0 * torch.rand(state[key].shape, generator=draw).round()
    module.load_state_dict(state)
    net = network(module)
    inputs: dict[str, Tensor] = {}
    net.layer_calls(state, IMAGES, net.prunable, lambda layer, _, given, __: inputs.update({layer: given[0].detach()}))
    seen, reads = shown(module)
    positive = {layer: s.amax([axis for axis in range(s.dim()) if axis != 1]) > 0 for layer, s in seen.items()}
    alive, first = torch.cat([positive[layer] for layer in net.prunable]), numbered(net, state)
    assert first[net.prunable[0]] == 0
    read = 0
    for layer, units in reads.items():
        x = inputs[layer]
        assert len(units) == x.shape[1]
        known = units != UNKNOWN
        above = x.amax([axis for axis in range(x.dim()) if axis != 1]) > 0
        strided = "project" in layer  # it reads every second pixel, where a living unit may be 0
        assert not (above[known] & ~alive[units[known]]).any(), layer
        assert strided or torch.equal(above[known], alive[units[known]]), layer
        read += int(known.sum())
    everything = sum(len(units) for layer, units in reads.items() if layer != net.prunable[0])
    assert read > 0.7 * everything and 0 < dead(module)["dead_share"] < 1


def test_grouped_convolutions_read_the_units_of_their_group():
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 1, groups=2), nn.ReLU(), nn.Flatten(), nn.Linear(216, 10)
    )
    with torch.no_grad():
        module[2].weight.abs_()
        for layer in (module[0], module[2]):
            layer.bias.fill_(9.0)
        module[0].bias[3] = -1e4  # read by the second group alone
    found = dead(module)
    assert found["expected_share"] == (9 + 3) / (36 + 12 + 2160)


def test_units_of_a_sequence_are_its_features_and_a_layer_without_activation_is_seen_behind_its_norm():
    module = nn.Sequential(
        nn.Unflatten(1, (8, 8)), nn.Linear(8, 6), nn.LayerNorm(6), nn.GELU(), nn.Linear(6, 5), nn.LayerNorm(5)
    )
    module = nn.Sequential(nn.Flatten(), *module, nn.Flatten(), nn.Linear(40, 10))
    seen, reads = shown(module.eval())
    assert seen["2.weight"].shape == (60, 6, 8) and torch.equal(reads["5.weight"], torch.arange(6))
    torch.testing.assert_close(seen["5.weight"].movedim(1, -1), module[:7](IMAGES))
    assert not (reads["8.weight"] != UNKNOWN).any()


def test_what_cannot_be_followed_is_refused_in_words():
    unused = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    unused.spare = nn.ModuleList([nn.Linear(3, 3)])  # type: ignore[assignment]
    unused.forward = lambda x: unused[1](unused[0](x))  # type: ignore[method-assign]
    with pytest.raises(UsageError, match=r"never calls \['spare.0.weight'\].*Call each layer"):
        dead(unused)
    transposed = nn.Sequential(nn.ConvTranspose2d(1, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(243, 10))
    with pytest.raises(UsageError, match="3 units for 1 rows, as a transposed convolution has"):
        dead(transposed)
