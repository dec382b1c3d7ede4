"""Agreement of masks, against scikit-learn."""

from __future__ import annotations

from typing import Any

import pytest
import sklearn.metrics
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from lotterylab.analysis import Overlap

SHAPES = {"a.weight": (4, 3), "b.weight": (2, 5)}
bits = st.lists(st.booleans(), min_size=22, max_size=22)


def mask(kept: list[bool]) -> dict[str, Tensor]:
    parts = torch.tensor(kept).split([12, 10])
    return {name: part.view(shape) for (name, shape), part in zip(SHAPES.items(), parts, strict=True)}


def overlap(a: dict[str, Tensor], b: dict[str, Tensor]) -> dict[str, Any]:
    return Overlap()({"a": a, "b": b}, {}, None)


@given(bits, bits)
@settings(max_examples=60, deadline=None)
def test_kappa_intersection_over_union_and_hamming_are_scikit_learn_s(a, b):
    assume(any(a + b) and len({*a, *b}) == 2)
    out = overlap(mask(a), mask(b))
    assert out["kappa"] == pytest.approx(sklearn.metrics.cohen_kappa_score(a, b), abs=1e-12)
    assert out["iou"] == pytest.approx(sklearn.metrics.jaccard_score(a, b), abs=1e-12)
    assert out["hamming"] == pytest.approx(sklearn.metrics.hamming_loss(a, b), abs=1e-12)


@given(bits)
@settings(max_examples=20, deadline=None)
def test_a_mask_agrees_with_itself_fully_also_one_that_keeps_all_or_nothing(kept):
    for one in (kept, [True] * 22, [False] * 22):
        assert overlap(mask(one), mask(one)) == {"kappa": 1.0, "iou": 1.0, "hamming": 0.0}


def test_independent_masks_agree_no_better_than_chance_and_opposite_ones_worse():
    draw = torch.Generator().manual_seed(0)
    a, b = ({"w": torch.rand(200_000, generator=draw) < keep} for keep in (0.2, 0.7))
    assert overlap(a, b)["kappa"] == pytest.approx(0, abs=0.01)
    half = {"w": torch.arange(10) < 5}
    assert overlap(half, {"w": ~half["w"]})["kappa"] == pytest.approx(-1)


def test_only_tensors_that_both_masks_cover_are_compared():
    a, b = mask([True] * 12 + [False] * 10), mask([True] * 6 + [False] * 16)
    more = {**a, "a.bias": torch.tensor([True, False])}
    assert overlap(more, b) == overlap(a, b) == overlap(b, more)
