"""The gradient flow of a pruned network against finite differences."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from torch.nn.functional import cross_entropy

from lotterylab import masks
from lotterylab.analysis import GradientNorm
from lotterylab.analysis.gradients import gradients, in_float64
from lotterylab.data import Digits
from lotterylab.data.scoring import PerClass
from lotterylab.models import ShallowCnn
from lotterylab.network import network
from lotterylab.types import Batch, Mask

DATA = Digits(train=120, validation=0, test=10).load(None)
SPEC = ShallowCnn(activation="tanh", shape=(1, 8, 8), widths=(3, 4, 5))
NET, STATE = network(SPEC.build()), SPEC.initial(2, "init", "named")
MEASURE = GradientNorm(batch=PerClass(count=2), seed=5)


def measured(mask: Mask) -> dict[str, float]:
    return MEASURE({"state": STATE, "mask": mask}, {"state": NET}, DATA)


def test_it_is_how_fast_the_loss_falls_along_the_gradient_of_the_kept_weights():
    mask = cast(
        Mask, {name: torch.rand(STATE[name].shape, generator=torch.manual_seed(1)) > 0.6 for name in NET.prunable}
    )
    drawn = MEASURE.batch.draw(DATA, MEASURE.seed)
    batch = Batch(inputs=drawn.inputs.double(), targets=drawn.targets)
    start = in_float64(masks.masked(STATE, mask))
    along = {name: mask[name] * one for name, one in gradients(NET, start, mask, batch).items()}

    def loss(step: float) -> float:
        moved = {**start, **{name: start[name] - step * along[name] for name in along}}
        return float(cross_entropy(NET.forward(moved, batch.inputs, False)[0], batch.targets))  # type: ignore[arg-type, union-attr]

    assert measured(mask)["pruned"] == pytest.approx((loss(-1e-4) - loss(1e-4)) / 2e-4, rel=1e-6)


def test_nothing_pruned_changes_nothing_and_all_pruned_leaves_no_flow():
    ones = masks.ones(STATE, NET.prunable)
    assert measured(ones)["ratio"] == 1.0 and measured(ones)["log10_ratio"] == 0.0
    nothing = cast(Mask, {name: torch.zeros_like(one) for name, one in ones.items()})
    assert measured(nothing)["log10_ratio"] is None
    assert measured(nothing)["pruned"] == 0.0 and measured(nothing)["whole"] == measured(ones)["whole"]
