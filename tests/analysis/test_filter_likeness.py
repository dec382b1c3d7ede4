"""Likeness of filters, against all matchings and numpy."""

from __future__ import annotations

from itertools import permutations

import numpy
import pytest
import torch

from lotterylab.analysis import FilterLikeness
from lotterylab.errors import UsageError


def some_filters(seed: int, filters: int = 5) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return {"conv1.weight": torch.randn(filters, 2, 3, 3), "conv2.weight": torch.randn(3, filters, 3, 3)}


def test_both_numbers_against_numpy_and_every_matching():
    a, b = some_filters(0), some_filters(1)
    flat = [state["conv1.weight"].double().flatten(1).numpy() for state in (a, b)]
    units = [rows / numpy.linalg.norm(rows, axis=1, keepdims=True) for rows in flat]
    cosines = units[0] @ units[1].T
    best = max(numpy.mean([cosines[i, j] for i, j in enumerate(order)]) for order in permutations(range(5)))
    found = FilterLikeness()({"a": a, "b": b}, {}, None)
    assert found == pytest.approx({"cosine": numpy.diag(cosines).mean(), "matched": best})
    assert found["matched"] >= found["cosine"]


def test_order_and_scale_of_the_filters_do_not_matter_to_the_matching():
    a = some_filters(0)
    b = {**a, "conv1.weight": 3 * a["conv1.weight"][[4, 2, 0, 1, 3]]}
    found = FilterLikeness()({"a": a, "b": b}, {}, None)
    assert found["matched"] == pytest.approx(1) and found["cosine"] < 0.9
    assert FilterLikeness()({"a": a, "b": a}, {}, None) == pytest.approx({"cosine": 1, "matched": 1})


def test_a_filter_of_zeros_is_like_none():
    a, b = some_filters(0, 2), some_filters(0, 2)
    b["conv1.weight"][0] = 0
    found = FilterLikeness()({"a": a, "b": b}, {}, None)
    assert found["cosine"] == pytest.approx(0.5)


def test_a_network_without_convolutions_is_refused():
    state = {"fc.weight": torch.ones(2, 3), "norm.weight": torch.ones(2)}
    with pytest.raises(UsageError, match="no convolution"):
        FilterLikeness()({"a": state, "b": state}, {}, None)
