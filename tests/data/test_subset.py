"""A part of the training images is that part of the same images, and everything else is as it was."""

from __future__ import annotations

import pytest
import torch

from lotterylab.data import Digits
from lotterylab.data.subset import Subset
from lotterylab.engine.context import Context
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.plan.nodes import Data

SPEC = Digits(train=100, validation=20, test=20)


def test_the_halves_are_the_whole():
    whole = SPEC.load(None)
    halves = [Subset(spec=SPEC, train=50, first=first).load(None) for first in (0, 50)]
    for field in ("images", "labels", "approximate"):
        both = torch.cat([getattr(half.train, field) for half in halves])
        assert torch.equal(both, getattr(whole.train, field))
        for split in ("validation", "test"):
            parts = [getattr(getattr(data, split), field) for data in (*halves, whole)]
            assert all(torch.equal(part, parts[-1]) for part in parts)
    assert halves[0].mean == whole.mean and halves[0].std == whole.std


def test_a_subset_has_the_sizes_of_a_data_spec_and_is_pinned_by_the_whole(tmp_path):
    subset = Subset(spec=SPEC, train=30, first=70)
    assert (subset.train, subset.validation, subset.test) == (30, 20, 20)
    assert (subset.name, subset.shape, subset.classes) == (SPEC.name, SPEC.shape, SPEC.classes)
    content = SPEC.fingerprint(None).content
    assert subset.fingerprint(None).content == content
    context = Context(store=Store(tmp_path / "store").create())
    parts = [context.dataset(Data(spec=Subset(spec=SPEC, train=30, first=first), content=content)) for first in (0, 70)]
    assert len(parts[0].train) == 30 and not torch.equal(parts[0].train.images, parts[1].train.images)


@pytest.mark.parametrize(("train", "first"), [(0, 0), (101, 0), (50, 51), (50, -1)])
def test_more_images_than_there_are_is_refused(train, first):
    with pytest.raises(UsageError, match="has 100"):
        Subset(spec=SPEC, train=train, first=first)
