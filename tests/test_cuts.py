"""masks/cuts.py: what a selection is described as."""

from __future__ import annotations

import json

import torch

from lotterylab import masks
from lotterylab.masks.cuts import describe_cut
from lotterylab.masks.select import select
from lotterylab.types import Mask
from some_scores import scores_of


def test_a_cut_is_described_in_numbers():
    scores = scores_of([[0.0, 0.0], [3.0, 4.0]], [0.0, 0.0, 0.0, 1.0, 2.0, 5.0])
    before = Mask({"t0": torch.tensor([[False, True], [True, True]]), "t1": torch.ones(6, dtype=torch.bool)})
    after = select(scores, 0.3, mask=before)
    cut = describe_cut(scores, before, after, 0.3)
    assert (cut.entries, cut.requested, cut.requested_removed, cut.removed, cut.reached) == (10, 0.3, 3, 3, 0.3)
    assert (cut.ties_at_cut, cut.exact_zero_scores) == (4, 4)
    assert cut.layers == {"t0": 0.5, "t1": 5 / 6} and cut.emptied == ()
    assert describe_cut(scores, before, select(scores, 0.5, mask=before), 0.5).ties_at_cut == 0  # all four go
    assert describe_cut(scores, None, masks.ones(scores), 0).ties_at_cut == 0
    assert json.loads(json.dumps(cut.as_dict())) == cut.as_dict()


def test_a_cut_that_missed_its_count_shows_both_and_the_tensors_it_emptied():
    scores = scores_of([0.5] * 30, [0.5] * 9 + [1.0])
    cut = describe_cut(scores, None, select(scores, 0.5, ties="early-bird"), 0.5)
    assert (cut.requested_removed, cut.removed, cut.reached, cut.ties_at_cut) == (20, 39, 0.975, 39)
    assert cut.emptied == ("t0",) and cut.layers == {"t0": 0.0, "t1": 0.1}


def test_a_cut_is_described_as_it_was_asked_by_layer_or_by_filter():
    scores = scores_of([1.0, 1.0, 1.0, 2.0], [1.0, 2.0])
    layerwise = describe_cut(scores, None, select(scores, 0.5, scope="layerwise"), 0.5, scope="layerwise")
    assert (layerwise.requested_removed, layerwise.removed, layerwise.ties_at_cut) == (3, 3, 3)
    wanted = {"t0": 0.25, "t1": 0}
    mapped = describe_cut(scores, None, select(scores, wanted), wanted)
    assert (mapped.requested, mapped.requested_removed, mapped.ties_at_cut) == (1 / 6, 1, 3)
    filters = scores_of(torch.tensor([[1.0, 3.0], [2.0, 2.0], [5.0, 5.0]]))
    cut = describe_cut(filters, None, select(filters, "1/3", granularity="filter"), "1/3", granularity="filter")
    assert (cut.entries, cut.removed, cut.ties_at_cut, cut.layers) == (3, 1, 2, {"t0": 2 / 3})
