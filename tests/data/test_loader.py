"""Batches of a whole data set on the device."""

from __future__ import annotations

import pytest
import torch

from lotterylab.data import Augment, Digits, NamedStream, TorchGlobalStream
from lotterylab.data.draws import EpochDraws
from lotterylab.data.loader import Loader
from lotterylab.errors import UsageError

DATA = Digits(train=50, validation=0, test=7).load(None)


def make(*, augment: Augment | None = None, seed: int = 0, batch_size: int = 16) -> Loader:
    return Loader(DATA, augment=augment or Augment(), stream=NamedStream(), seed=seed, batch_size=batch_size)


def normalised(images: torch.Tensor) -> torch.Tensor:
    return (images.float() / DATA.scale - DATA.mean[0]) / DATA.std[0]


def test_an_epoch_is_every_training_image_once_in_the_order_of_the_stream():
    loader = make()
    batches = list(loader.batches(3))
    order = NamedStream().epoch(0, 3, n=50, augment=Augment()).order
    assert [len(batch.targets) for batch in batches] == [16, 16, 16, 2]
    assert loader.steps_per_epoch == 4
    assert torch.equal(torch.cat([batch.targets for batch in batches]), DATA.train.labels[order])
    inputs = torch.cat([batch.inputs for batch in batches])
    torch.testing.assert_close(inputs, normalised(DATA.train.images[order]), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 25, 50, 51])
def test_steps_per_epoch_counts_the_batches(batch_size):
    loader = make(batch_size=batch_size)
    assert loader.steps_per_epoch == len(list(loader.batches(0)))


def test_starting_within_an_epoch_gives_the_rest_of_the_same_batches():
    augment = Augment(crop_padding=1, flip=True)
    whole, rest = list(make(augment=augment).batches(2)), list(make(augment=augment).batches(2, start=2))
    assert len(rest) == 2
    for one, other in zip(whole[2:], rest, strict=True):
        assert torch.equal(one.inputs, other.inputs) and torch.equal(one.targets, other.targets)


def test_epochs_and_seeds_differ_and_repeat():
    def targets(seed: int, epoch: int) -> list[int]:
        return torch.cat([batch.targets for batch in make(seed=seed).batches(epoch)]).tolist()

    assert targets(0, 1) == targets(0, 1)
    assert targets(0, 0) != targets(0, 1) != targets(1, 1)


def test_the_scoring_batch_of_the_shared_stream_can_be_fetched_alone():
    stream = TorchGlobalStream(drawn_before=11)
    draws = stream.scoring_draws(4, n=50, size=8, augment=Augment(flip=True))
    batch = make(augment=Augment(flip=True)).batch(draws)
    expected = DATA.train.images[draws.order]
    expected[draws.flips] = expected[draws.flips].flip(3)
    torch.testing.assert_close(batch.inputs, normalised(expected), rtol=1e-6, atol=1e-6)
    assert torch.equal(batch.targets, DATA.train.labels[draws.order])


def test_evaluation_reads_a_split_in_its_own_order_without_augmentation():
    loader = make(augment=Augment(crop_padding=2, flip=True))
    batches = list(loader.evaluation_batches("test", 3))
    assert [len(batch.targets) for batch in batches] == [3, 3, 1]
    torch.testing.assert_close(
        torch.cat([batch.inputs for batch in batches]), normalised(DATA.test.images), rtol=1e-6, atol=1e-6
    )
    assert torch.equal(torch.cat([batch.targets for batch in batches]), DATA.test.labels)
    assert batches[0].inputs.is_contiguous(memory_format=torch.channels_last)


def test_evaluation_and_training_normalise_to_the_same_bits():
    loader = make()
    (seen,) = loader.evaluation_batches("train")
    order = torch.arange(50)
    none = torch.zeros(50, dtype=torch.int64)
    trained = loader.batch(EpochDraws(order=order, rows=none, cols=none, flips=none.bool()))
    assert torch.equal(seen.inputs, trained.inputs)


def test_an_empty_or_unknown_split_is_refused():
    with pytest.raises(UsageError, match="validation split has no images"):
        list(make().evaluation_batches("validation"))
    with pytest.raises(UsageError, match=r"no split is named 'tests'\. Did you mean 'test'"):
        make().split("tests")


def test_a_batch_of_nothing_is_refused():
    with pytest.raises(UsageError, match="batch_size=0"):
        make(batch_size=0)
