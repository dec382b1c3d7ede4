"""Curves that a training function logs: points by step, thinned when they are many, and wrong points refused."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lotterylab.errors import UsageError
from lotterylab.training.logged import MOST_POINTS, Logged
from lotterylab.training.user import Run


def test_numbers_and_tensors_of_one_number_are_points_of_their_curves() -> None:
    logged = Logged(range(2, 9))
    values: list[Any] = [1, 0.5, torch.tensor(0.25), torch.tensor([0.125]), numpy.float32(2.0), True]
    for step, value in zip(range(2, 8), values, strict=True):
        logged.add(step, {"loss": value, "twice": 2.0})
    logged.add(9, {"loss": float("nan")})
    curve = logged.curves["loss"]
    assert curve["steps"] == [2, 3, 4, 5, 6, 7, 9]
    assert curve["values"][:-1] == [1.0, 0.5, 0.25, 0.125, 2.0, 1.0] and all(type(v) is float for v in curve["values"])
    assert logged.curves["twice"]["steps"] == [2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("step", "value", "words"),
    [
        (1, 0.0, "step 1; this call trains the steps 2 to 8"),
        (10, 0.0, "step 10; this call trains"),
        (2.0, 0.0, r"the step 2\.0\. Give the step of run\.steps"),
        (True, 0.0, "the step True"),
        (2, "0.5", r"loss = '0\.5'\. Give a number"),
        (2, None, r"loss = None\. Give a number"),
        (2, torch.zeros(2), "Give a number, or a tensor of one number"),
        (2, [0.5], r"loss = \[0\.5\]"),
    ],
)
def test_a_wrong_point_is_refused_with_its_name(step: Any, value: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Logged(range(2, 9)).add(step, {"loss": value})


@given(st.integers(1, 5 * MOST_POINTS))
def test_a_long_curve_keeps_its_first_point_and_even_distances(count: int) -> None:
    logged = Logged(range(0, count))
    for step in range(count):
        logged.add(step, {"loss": float(step)})
    steps = logged.curves["loss"]["steps"]
    assert steps[0] == 0 and len(steps) <= MOST_POINTS and logged.curves["loss"]["values"] == list(map(float, steps))
    assert len(steps) == count or len(steps) >= MOST_POINTS // 2
    assert len({b - a for a, b in pairwise(steps)}) <= 1


def test_a_run_logs_into_its_own_curves() -> None:
    run = Run(module=nn.Linear(1, 1), mask={}, seed=0, steps=range(0, 2), slots={})  # type: ignore[arg-type]
    run.log(0, loss=1.0, accuracy=0.5)
    run.log(2, loss=0.5)
    assert run.logged.curves == {
        "loss": {"steps": [0, 2], "values": [1.0, 0.5]},
        "accuracy": {"steps": [0], "values": [0.5]},
    }
