"""The Cubist Spiral: the authors' corners, and a network of few weights that is right at every point."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor

import lotterylab as ll
from lotterylab import masks
from lotterylab.commands.main import main
from lotterylab.data import SPECS, CubistSpiral
from lotterylab.data.cubist import corners, in_bytes, on_arm
from lotterylab.data.normalise import Normalise
from lotterylab.errors import UsageError
from lotterylab.report import catalogue
from lotterylab.types import Dataset, Mask

# The sparsest network that a search found: 200 networks of each of some widths were trained, weights whose loss further
# training made up for were removed one by one, and the numbers were rounded.  (weights, biases) of each layer.
KNOWN = [
    ([[0.448, 1], [1, -0.34], [-1, 0], [1, 0.342], [0.622, -1]], [-0.185, -0.184, -0.327, 0.374, -0.189]),
    ([[0, 0.671, 0, -1, 0], [0, 0.202, 0, -1, 0], [1, 0.614, 0.926, -0.411, 0.541]], [0.058, -0.011, -0.243]),
    ([[0, -1, 0.128], [0.753, 0, 1], [1, 0, -0.417]], [-0.045, -0.707, 0.03]),
    ([[0, 0, 0], [0.702, -0.255, 1]], [0, -0.009]),  # the first logit is 0
]
WEIGHTS = 27


def known() -> tuple[torch.nn.Module, Mask]:
    """The network, and the mask of its weights."""
    widths = tuple(len(biases) for _, biases in KNOWN[:-1])
    module = ll.models.Mlp(activation="relu", shape=(2, 1, 1), classes=2, widths=widths).build()
    state = {}
    for number, (weights, biases) in enumerate(KNOWN):
        state[f"fc.{number}.weight"], state[f"fc.{number}.bias"] = torch.tensor(weights).float(), torch.tensor(biases)
    module.load_state_dict(state)
    return module, cast(Mask, {name: value != 0 for name, value in state.items() if name.endswith("weight")})


def every_point(dataset: Dataset) -> tuple[Tensor, Tensor]:
    """Each place in bytes that a point of either arm can have, as inputs, and the arms."""
    places = np.linspace(0, 1, 200_001)
    arms = [np.unique(in_bytes(on_arm(arm, places)), axis=0) for arm in (0, 1)]
    points = torch.from_numpy(np.concatenate(arms)).view(-1, 1, 1, 2)
    return Normalise.of(dataset)(points), torch.tensor([0] * len(arms[0]) + [1] * len(arms[1]))


def test_a_network_of_few_weights_is_right_at_every_point():
    module, mask = known()
    dataset = CubistSpiral(train=10).load(None)
    inputs, arms = every_point(dataset)
    assert len(arms) > 2_000 and masks.kept(mask) == WEIGHTS
    with torch.no_grad():
        assert torch.equal(module(inputs).argmax(1), arms)
        test = Normalise.of(dataset)(dataset.test.images.permute(0, 2, 3, 1))
        assert torch.equal(module(test).argmax(1), dataset.test.labels)
    assert ll.effective_sparsity(module, mask, (2, 1, 1))["idle"] == 0


def test_none_of_its_weights_can_go_while_the_others_stay():
    module, mask = known()
    inputs, arms = every_point(CubistSpiral(train=10).load(None))
    for name, kept in mask.items():
        weights = module.get_parameter(name)
        for place in kept.nonzero().tolist():
            with torch.no_grad():
                before = weights[tuple(place)].clone()
                weights[tuple(place)] = 0.0
                assert not torch.equal(module(inputs).argmax(1), arms), (name, place)
                weights[tuple(place)] = before


def test_the_benchmark_counts_from_this_network():
    text = (Path(__file__).parents[2] / "benchmarks" / "cubist.py").read_text(encoding="utf-8")
    assert re.search(rf"^KNOWN = {WEIGHTS}\b", text, re.MULTILINE)


def test_corners_are_those_of_the_authors():
    angle = np.linspace(math.pi, 5 * math.pi, 17) + 1.6 * 1 / 8 * 2 * math.pi
    middle = (10 * angle + math.pi) * np.exp(1j * angle)
    for arm, gap in ((0, 15), (1, -15)):
        x, y = corners(arm).T
        np.testing.assert_allclose(x + 1j * y, middle + gap * np.exp(1j * angle), rtol=0, atol=1e-9)


def from_arm(points: np.ndarray, arm: int) -> tuple[np.ndarray, np.ndarray]:
    """The distance of each point from an arm, and the length of the arm up to the nearest place."""
    starts, sides = corners(arm)[:-1], np.diff(corners(arm), axis=0)
    lengths = np.linalg.norm(sides, axis=1)
    share = np.clip(((points[:, None] - starts) * sides).sum(2) / lengths**2, 0, 1)
    away = np.linalg.norm(points[:, None] - starts - share[..., None] * sides, axis=2)
    nearest, rows = away.argmin(1), np.arange(len(points))
    reached = np.concatenate([[0], np.cumsum(lengths)])[:-1][nearest] + share[rows, nearest] * lengths[nearest]
    return away[rows, nearest], reached / lengths.sum()


def test_points_lie_evenly_on_their_own_arm_and_far_from_the_other():
    split = CubistSpiral().load(None).train
    step = 2 * np.abs(corners(0)).max() / 255  # of a byte
    points = (split.images[:, :, 0, 0].numpy() / 255.0 * 2 - 1) * np.abs(corners(0)).max()
    labels = split.labels.numpy()
    assert (labels == 0).sum() == (labels == 1).sum()
    for arm in (0, 1):
        own, places = from_arm(points[labels == arm], arm)
        other, _ = from_arm(points[labels == arm], 1 - arm)
        assert own.max() <= step * math.sqrt(0.5) + 1e-9 and other.min() > 16 * step
        assert scipy.stats.kstest(places, "uniform").pvalue > 1e-3


def test_mean_and_std_are_those_of_both_arms():
    places = np.linspace(0, 1, 100_001)
    values = np.concatenate([in_bytes(on_arm(arm, places)) for arm in (0, 1)]) / 255
    loaded = CubistSpiral(train=10).load(None)
    assert loaded.mean == pytest.approx(values.mean(0).tolist(), abs=1e-4)
    assert loaded.std == pytest.approx(values.std(0).tolist(), abs=1e-4)


def test_more_points_contain_the_fewer_and_splits_and_seeds_differ():
    small, large = CubistSpiral(train=50, test=80).load(None), CubistSpiral(train=90, test=80).load(None)
    assert torch.equal(small.train.images, large.train.images[:50])
    assert torch.equal(small.test.images, large.test.images)
    assert not torch.equal(small.train.images, small.test.images[:50])
    assert not torch.equal(small.train.images, CubistSpiral(train=50, seed=1).load(None).train.images)


def test_the_content_is_pinned():
    assert (
        CubistSpiral(train=50, validation=10, test=20).fingerprint(None).content
        == "04a8e266638c90558e8726e4110e8b21547bbf4a6e1b2e2e7a096ff4c5053af6"
    )


@pytest.mark.parametrize("sizes", [{"train": 0}, {"validation": -1}, {"test": 0}])
def test_sizes_that_cannot_be_are_refused(sizes):
    with pytest.raises(UsageError, match=r"Cubist Spiral with \w+=-?\d: give at least"):
        CubistSpiral(**sizes)


def test_it_is_on_by_name_and_its_title_says_what_is_used():
    assert SPECS["cubist-spiral"] is CubistSpiral
    assert CubistSpiral().title == "Cubist Spiral@5000"
    assert CubistSpiral(train=100, test=50, seed=3).title == "Cubist Spiral@100/50 (seed 3)"


def test_the_listed_example_names_a_model_that_takes_points(capsys):
    (example,) = (entry["example"] for entry in catalogue.data() if entry["name"] == "cubist-spiral")
    assert main(["plan", *example.split()[2:], "--preset", "small"]) == 0
    assert main(["plan", "activations", "--data", "cubist-spiral", "--preset", "small"]) == 2
    assert "at least 4 x 4" in capsys.readouterr().err
