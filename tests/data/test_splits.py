"""Splits by a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import some_mnist
from lotterylab import rng
from lotterylab.data import SPECS, Cifar10, Digits, Mnist
from lotterylab.data.arrays import exact
from lotterylab.data.splits import cut
from lotterylab.errors import UsageError
from lotterylab.plan.digest import digest, encode

POOL = exact(np.arange(50, dtype=np.uint8).reshape(50, 1, 1, 1), (np.arange(50) % 5).astype(np.uint8))


def images(part) -> list[int]:
    return part.images.ravel().tolist()


@given(st.integers(0, 50), st.integers(0, 50), st.none() | st.integers(-5, 2**70))
@settings(max_examples=50, deadline=None)
def test_parts_share_no_image_and_labels_follow(train, validation, seed):
    validation = min(validation, 50 - train)
    one, other = cut(POOL, train=train, validation=validation, split_seed=seed)
    assert (len(one), len(other)) == (train, validation)
    assert len({*images(one), *images(other)}) == train + validation
    for part in (one, other):
        assert [image % 5 for image in images(part)] == part.labels.tolist()
        assert len(part.approximate) == len(part)


def test_no_seed_is_the_canonical_order_and_a_seed_a_named_stream():
    train, validation = cut(POOL, train=3, validation=2, split_seed=None)
    assert images(train) == [0, 1, 2] and images(validation) == [3, 4]
    train, validation = cut(POOL, train=3, validation=2, split_seed=7)
    assert images(train) + images(validation) == rng.stream(7, "split").permutation(50)[:5].tolist()


def test_a_larger_part_holds_the_smaller_ones_images():
    small, large = (cut(POOL, train=n, validation=0, split_seed=1)[0] for n in (10, 20))
    assert images(large)[:10] == images(small)


# the specs


@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if "split_seed" in spec.__dataclass_fields__])
def test_only_a_seed_given_is_part_of_the_digest_and_the_title(name):
    spec = SPECS[name]
    assert "split_seed" not in encode(spec()) and '"split_seed":0' in encode(spec(split_seed=0))
    assert len({digest(spec()), digest(spec(split_seed=0)), digest(spec(split_seed=1))}) == 3
    assert spec(split_seed=7).title == f"{spec().title} (split 7)"


def test_of_digits_the_test_images_stay_those_of_the_default():
    whole = Digits().load(None)
    data = Digits(train=100, validation=50, test=400, split_seed=3).load(None)
    np.testing.assert_array_equal(data.test.images.numpy(), whole.test.images.numpy())
    few = Digits(train=100, validation=50, test=30, split_seed=4).load(None)
    np.testing.assert_array_equal(few.test.images.numpy(), whole.test.images[:30].numpy())
    order = rng.stream(3, "split").permutation(1397)
    pool = np.concatenate([whole.train.images.numpy(), whole.validation.images.numpy()])
    np.testing.assert_array_equal(data.train.images.numpy(), pool[order[:100]])
    np.testing.assert_array_equal(data.validation.images.numpy(), pool[order[100:150]])
    contents = {Digits(split_seed=seed).fingerprint(None).content for seed in (None, 0, 1)}
    assert len(contents) == 3


def test_digits_refuses_what_would_mix_training_and_test_images():
    with pytest.raises(UsageError, match="400 test images with a split_seed, and 401 were asked for"):
        Digits(train=100, validation=0, test=401, split_seed=0)
    with pytest.raises(UsageError, match="1397 images to train and validate on with a split_seed, and 1300 and 98"):
        Digits(train=1300, validation=98, test=1, split_seed=0)
    assert Digits(train=1300, validation=98, test=1).title == "digits@1300/1"


def test_a_seed_draws_from_all_training_images_and_leaves_the_test_images(tmp_path: Path):
    some_mnist.write(tmp_path)
    plain = Mnist(train=30, validation=10, test=20).load(tmp_path)
    drawn = Mnist(train=3_000, validation=1_000, test=20, split_seed=5).load(tmp_path)
    np.testing.assert_array_equal(drawn.test.images.numpy(), plain.test.images.numpy())
    order = rng.stream(5, "split").permutation(60_000)
    first, labels = some_mnist.made_up("train")
    for split, part in ((drawn.train, order[:3_000]), (drawn.validation, order[3_000:4_000])):
        expected = np.where(part < 100, labels[np.minimum(part, 99)], 0)
        np.testing.assert_array_equal(split.labels.numpy(), expected)
        (place,) = np.flatnonzero(part < 100)[:1]
        np.testing.assert_array_equal(split.images[place, 0].numpy(), first[part[place]])


def test_of_cifar_all_training_files_are_needed_when_a_seed_draws(tmp_path: Path):
    for name in ("data_batch_1.bin", "test_batch.bin"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(10_000 * 3073)
    assert len(Cifar10(train=10, test=10).load(tmp_path).train) == 10
    with pytest.raises(UsageError, match=r"data_batch_2\.bin is missing"):
        Cifar10(train=10, test=10, split_seed=0).load(tmp_path)
