"""A part of the training images is that part of the same images, and everything else is as it was."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
import torch

from lotterylab import rng
from lotterylab.data import Digits
from lotterylab.data.subset import Subset
from lotterylab.engine.context import Context
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.plan.digest import encode
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


def test_a_drawn_part_is_that_part_of_an_order_of_the_seed_s_own():
    """Images are told apart by their pixels; all 100 digits of the pool differ."""
    pool = [image.flatten().tolist() for image in SPEC.load(None).train.images]

    def places(**of: Any) -> list[int]:
        part = Subset(spec=SPEC, **of).load(None).train
        found = [pool.index(image.flatten().tolist()) for image in part.images]
        assert torch.equal(part.labels, SPEC.load(None).train.labels[found])
        return found

    whole = places(train=100, seed=3)
    assert sorted(whole) == list(range(100)) != whole
    assert places(train=30, first=0, seed=3) + places(train=70, first=30, seed=3) == whole
    assert places(train=100, seed=4) != whole
    order = numpy.random.Generator(numpy.random.Philox(key=rng.key(3, "subset"))).permutation(100)
    assert whole == order.tolist()


def test_a_part_in_the_pool_s_order_keeps_its_name():
    """Results of parts that no seed drew are found again."""
    assert '"seed"' not in encode(Subset(spec=SPEC, train=50))
    assert encode(Subset(spec=SPEC, train=50)) != encode(Subset(spec=SPEC, train=50, seed=0))


@pytest.mark.parametrize(("train", "first"), [(0, 0), (101, 0), (50, 51), (50, -1)])
def test_more_images_than_there_are_is_refused(train, first):
    with pytest.raises(UsageError, match="has 100"):
        Subset(spec=SPEC, train=train, first=first)
