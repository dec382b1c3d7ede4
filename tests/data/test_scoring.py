"""Criteria score on these batches."""

import pytest
import torch

from lotterylab.data import Augment, Digits, TorchGlobalStream
from lotterylab.data.loader import Loader
from lotterylab.data.scoring import FirstOfStream, PerClass
from lotterylab.errors import UsageError

DATASET = Digits().load(None)
AUGMENT = Augment(crop_padding=1, flip=True)
STREAM = TorchGlobalStream(drawn_before=100, scoring_batch=16)


def test_a_balanced_batch_has_so_many_different_images_of_each_class():
    batch = PerClass(count=7).draw(DATASET, seed=3)
    assert batch.targets.tolist() == sorted(list(range(10)) * 7)
    assert len({image.numpy().tobytes() for image in batch.inputs}) == 70
    again, other = PerClass(count=7).draw(DATASET, seed=3), PerClass(count=7).draw(DATASET, seed=4)
    assert torch.equal(batch.inputs, again.inputs) and not torch.equal(batch.inputs, other.inputs)


def test_it_says_which_class_has_too_few():
    with pytest.raises(UsageError, match="500 images of class 0"):
        PerClass(count=500).draw(DATASET, seed=0)


def test_the_first_batch_of_the_shared_stream_is_what_the_loader_would_give():
    batch = FirstOfStream(size=16, stream=STREAM, augment=AUGMENT).draw(DATASET, seed=42)
    loader = Loader(DATASET, augment=AUGMENT, stream=STREAM, seed=42, batch_size=16)
    draws = STREAM.scoring_draws(42, n=len(DATASET.train), size=16, augment=AUGMENT)
    expected = loader.batch(draws)
    assert torch.equal(batch.inputs, expected.inputs) and torch.equal(batch.targets, expected.targets)
