"""masks/pools.py: filters, and what is refused before anything is selected."""

from __future__ import annotations

import math

import pytest
import torch

from lotterylab import masks
from lotterylab.errors import UsageError
from lotterylab.masks.select import select
from lotterylab.types import Mask, Scores
from some_scores import flat, lowest, scores_of


def test_filters_are_removed_whole_by_their_mean_score():
    weights = torch.randn(6, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    scores = Scores({"conv": weights.abs(), "linear": torch.full((4, 5), 10.0)})
    mask = select(scores, 0.3, granularity="filter")
    means = [float(w.abs().double().mean()) for w in weights] + [10.0] * 4
    by_filter = [slice_ for name in mask for slice_ in mask[name]]
    assert [bool(s.all()) for s in by_filter] == [bool(s.any()) for s in by_filter] == lowest(means, 3)
    assert mask["conv"].shape == (6, 3, 2, 2)
    layerwise = select(scores, 0.5, granularity="filter", scope="layerwise")
    assert [int(kept.flatten(1).any(1).sum()) for kept in layerwise.values()] == [3, 2]
    assert flat({"linear": layerwise["linear"]}) == [False] * 10 + [True] * 10


def test_filters_whose_means_differ_by_less_than_the_scores_precision_are_no_ties():
    half = torch.tensor([[1.0, 1.0009765625], [1.0, 1.0]], dtype=torch.float16)  # the next number after 1
    mask = select(Scores({"w": half}), 0.5, granularity="filter", ties="refuse")
    assert mask["w"].tolist() == [[True, True], [False, False]]


def test_filters_that_an_earlier_mask_cut_into_do_not_grow_back():
    scores = Scores({"w": torch.arange(12.0).view(4, 3)})
    earlier = Mask({"w": torch.ones(4, 3, dtype=torch.bool)})
    earlier["w"][0] = False
    earlier["w"][3, 1] = False
    mask = select(scores, 0.5, granularity="filter", mask=earlier)
    assert mask["w"].tolist() == [[False] * 3, [False] * 3, [True] * 3, [True, False, True]]


def test_filter_granularity_refuses_what_has_no_filters_and_means_that_are_none():
    with pytest.raises(UsageError, match=r"'t0' has shape \(3,\)"):
        select(scores_of([1.0, 2.0, 3.0]), 0.5, granularity="filter")
    with pytest.raises(UsageError, match=r"filter of 't0' has scores of both \+inf and -inf"):
        select(scores_of([[math.inf, -math.inf]]), 0.5, granularity="filter")


def test_nan_is_refused_with_the_name_of_the_tensor():
    scores = scores_of([1.0, 2.0], [1.0, math.nan, math.nan])
    with pytest.raises(UsageError, match="2 of 3 scores of 't1' are NaN"):
        select(scores, 0.5)


def test_scores_that_cannot_be_ordered_are_refused():
    with pytest.raises(UsageError, match="the dict is empty"):
        select(Scores({}), 0.5)
    with pytest.raises(UsageError, match=r"'w' are torch\.int64"):
        select(Scores({"w": torch.arange(3)}), 0.5)
    with pytest.raises(UsageError, match=r"'w' has shape \(0, 3\)"):
        select(Scores({"w": torch.zeros(0, 3)}), 0.5)


def test_unknown_words_are_refused_with_the_nearest_one():
    scores = scores_of([1.0, 2.0])
    with pytest.raises(UsageError, match=r"no scope is named 'layer-wise'\. Did you mean 'layerwise'"):
        select(scores, 0.5, scope="layer-wise")
    with pytest.raises(UsageError, match=r"no granularity is named 'filters'\. Did you mean 'filter'"):
        select(scores, 0.5, granularity="filters")
    with pytest.raises(UsageError, match=r"named 'grasp-oficial'\. Did you mean 'grasp-official'"):
        select(scores, 0.5, ties="grasp-oficial")


def test_a_mapping_or_a_mask_must_name_every_tensor_and_no_other():
    scores = Scores({"conv.weight": torch.ones(2, 2), "linear.weight": torch.ones(3)})
    with pytest.raises(UsageError, match=r"sparsity names 'conv\.wieght'.*Did you mean 'conv\.weight'"):
        select(scores, {"conv.wieght": 0.5, "linear.weight": 0.5})
    with pytest.raises(UsageError, match=r"sparsity says nothing about 'linear\.weight' \(1 missing\)"):
        select(scores, {"conv.weight": 0.5})
    with pytest.raises(UsageError, match=r"mask says nothing about 'linear\.weight'"):
        select(scores, 0.5, mask=masks.ones(scores, ["conv.weight"]))
    with pytest.raises(UsageError, match=r"mask of 'linear\.weight' has shape \(4,\)"):
        select(scores, 0.5, mask=Mask({**masks.ones(scores), "linear.weight": torch.ones(4, dtype=torch.bool)}))
