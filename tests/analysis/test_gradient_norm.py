"""The gradient flow of a pruned network against finite differences and a closed form."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lotterylab import masks
from lotterylab.analysis import GradientNorm
from lotterylab.analysis.gradient_norm import gradient
from lotterylab.data import Digits
from lotterylab.data.scoring import PerClass
from lotterylab.models import ShallowCnn
from lotterylab.network import network, state_of
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
    batch = MEASURE.batch.draw(DATA, MEASURE.seed)
    start = {name: one.double() for name, one in masks.masked(STATE, mask).items()}
    along = {name: mask[name] * one for name, one in gradient(NET, start, tuple(mask), batch).items()}

    def loss(step: float) -> float:
        moved = {**start, **{name: start[name] - step * along[name] for name in along}}
        return float(cross_entropy(NET.forward(moved, batch.inputs.double(), False)[0], batch.targets))  # type: ignore[arg-type, union-attr]

    assert measured(mask)["pruned"] == pytest.approx((loss(-1e-4) - loss(1e-4)) / 2e-4, rel=1e-6)


def test_of_one_softmax_layer_it_is_the_closed_form():
    module = nn.Linear(3, 2)
    x, targets = torch.randn(4, 3, generator=torch.manual_seed(0)), torch.tensor([0, 1, 1, 0])
    by_hand = (module(x).softmax(1) - nn.functional.one_hot(targets, 2)).T @ x / 4
    found = gradient(network(module), state_of(module), ("weight",), Batch(inputs=x, targets=targets))
    torch.testing.assert_close(found["weight"].float(), by_hand)


def test_nothing_pruned_changes_nothing_and_all_pruned_leaves_no_flow():
    ones = masks.ones(STATE, NET.prunable)
    assert measured(ones)["ratio"] == 1.0 and measured(ones)["log10_ratio"] == 0.0
    nothing = cast(Mask, {name: torch.zeros_like(one) for name, one in ones.items()})
    assert measured(nothing)["log10_ratio"] is None
    assert measured(nothing)["pruned"] == 0.0 and measured(nothing)["whole"] == measured(ones)["whole"]
