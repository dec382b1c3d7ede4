"""The gradient that measures take against a closed form."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lotterylab.analysis.gradients import gradients, in_float64
from lotterylab.network import network, state_of
from lotterylab.types import Batch


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_of_one_softmax_layer_it_is_the_closed_form_in_the_precision_of_the_state(dtype: torch.dtype):
    module = nn.Linear(3, 2)
    x, targets = torch.randn(4, 3, generator=torch.manual_seed(0)), torch.tensor([0, 1, 1, 0])
    by_hand = (module(x).softmax(1) - nn.functional.one_hot(targets, 2)).T @ x / 4
    state = in_float64(state_of(module)) if dtype == torch.float64 else state_of(module)
    with torch.no_grad():
        found = gradients(network(module), state, ["weight"], Batch(inputs=x.to(dtype), targets=targets))
    assert list(found) == ["weight"] and found["weight"].dtype == dtype
    torch.testing.assert_close(found["weight"].float(), by_hand.detach())


def test_integers_stay_as_they_are_in_float64():
    state = {"weight": torch.ones(2, dtype=torch.bfloat16), "batches": torch.tensor(3)}
    assert {name: one.dtype for name, one in in_float64(state).items()} == {
        "weight": torch.float64,
        "batches": torch.int64,
    }
