"""Corrupted training data lose the relation of images and labels, and keep everything else."""

from __future__ import annotations

import torch

from lotterylab.data import Digits
from lotterylab.data.corrupted import Corrupted
from lotterylab.engine.context import Context
from lotterylab.engine.store import Store
from lotterylab.plan.nodes import Data

SPEC = Digits(train=200, validation=20, test=20)
CLEAN = SPEC.load(None)


def test_labels_go_to_other_images_each_as_often_as_before():
    spoilt = Corrupted(spec=SPEC, what="labels", seed=0).load(None)
    assert torch.equal(spoilt.train.images, CLEAN.train.images)
    assert torch.equal(spoilt.train.labels.bincount(), CLEAN.train.labels.bincount())
    agree = float((spoilt.train.labels == CLEAN.train.labels).double().mean())
    assert agree < 0.25, "about a tenth by chance"
    assert torch.equal(spoilt.test.labels, CLEAN.test.labels)


def test_pixels_change_places_within_each_image_in_an_order_of_its_own():
    spoilt = Corrupted(spec=SPEC, what="pixels", seed=0).load(None)
    a, b = CLEAN.train.images.flatten(1), spoilt.train.images.flatten(1)
    assert torch.equal(a.sort(dim=1).values, b.sort(dim=1).values) and not torch.equal(a, b)
    distinct = Corrupted(spec=Digits(train=200, validation=20, test=20), what="pixels", seed=1).load(None)
    assert not torch.equal(distinct.train.images, spoilt.train.images)
    assert torch.equal(spoilt.validation.images, CLEAN.validation.images)
    one_order = a[0].argsort(stable=True), b[0].argsort(stable=True)
    moved = torch.empty_like(a)
    moved[:, one_order[1]] = a[:, one_order[0]]  # as if the first image's order were that of all
    assert torch.equal(moved[0], b[0]) and not torch.equal(moved, b)


def test_the_same_content_spoilt_or_not_is_never_confused(tmp_path):
    context = Context(store=Store(tmp_path / "store").create())
    content = SPEC.fingerprint(None).content
    clean = context.dataset(Data(spec=SPEC, content=content))
    spoilt = context.dataset(Data(spec=Corrupted(spec=SPEC, what="labels", seed=0), content=content))
    assert not torch.equal(clean.train.labels, spoilt.train.labels)
