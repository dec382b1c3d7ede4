"""Folders of images are divided into splits, and their content names a result."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import some_folders
from lotterylab import rng
from lotterylab.data import Folder
from lotterylab.data.splits import stratified
from lotterylab.errors import UsageError
from lotterylab.plan.digest import digest, encode
from lotterylab.protocols import DataSpec
from some_folders import COUNTS, found, pixels, write


@pytest.fixture
def flat(tmp_path) -> Path:
    return some_folders.flat(tmp_path)


@pytest.fixture
def divided(tmp_path) -> Path:
    return some_folders.divided(tmp_path)


def test_pixels_are_those_of_the_files_and_classes_are_sorted(divided):
    spec = Folder(path=divided, size=4)
    data = spec.load(None)
    assert (data.classes, spec.classes, spec.shape, data.scale) == (3, 3, (3, 4, 4), 255.0)
    assert [len(split) for split in (data.train, data.validation, data.test)] == [24, 4, 6]
    for split in (data.train, data.validation, data.test):
        for (label, number), image in zip(found(split), split.images, strict=True):
            np.testing.assert_array_equal(image.permute(1, 2, 0).numpy(), pixels(label, number))
    assert sorted(found(data.train)) == [(label, i) for label, n in enumerate(COUNTS.values()) for i in range(n)]
    assert not data.train.approximate.any()


def test_mean_and_std_are_those_of_the_training_images(divided):
    data = Folder(path=divided, size=4).load(None)
    values = data.train.images.double() / 255
    assert data.mean == pytest.approx(values.mean((0, 2, 3)).tolist(), rel=1e-12)
    assert data.std == pytest.approx(values.std((0, 2, 3), correction=0).tolist(), rel=1e-12)


def test_one_level_is_divided_by_the_seed_with_the_share_of_each_class(flat):
    spec = Folder(path=flat, size=4, validation=4, test=8)
    data = spec.load(None)
    train, validation, test = (found(split) for split in (data.train, data.validation, data.test))
    assert sorted(train + validation + test) == [
        (label, i) for label, n in enumerate(COUNTS.values()) for i in range(n)
    ]
    shares = [Counter(label for label, _ in part) for part in (train, validation, test)]
    assert shares == [{0: 6, 1: 3, 2: 3}, {0: 2, 1: 1, 2: 1}, {0: 4, 1: 2, 2: 2}]
    other = replace(spec, split_seed=1)
    assert replace(spec).fingerprint(None) == spec.fingerprint(None)
    assert other.fingerprint(None).content != spec.fingerprint(None).content
    assert sorted(found(other.load(None).test)) != sorted(test)


def test_other_counts_leave_the_test_images_and_more_validation_the_training_images(flat):
    few = Folder(path=flat, size=4, train=6, test=6).load(None)
    more = Folder(path=flat, size=4, train=6, validation=5, test=6).load(None)
    most = Folder(path=flat, size=4, train=12, test=6).load(None)
    assert found(few.test) == found(more.test) == found(most.test)
    assert found(few.train) == found(more.train) == found(most.train)[:6]


@given(st.lists(st.integers(1, 12), min_size=1, max_size=5), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_each_beginning_of_a_stratified_order_has_the_shares(sizes, seed):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    order = stratified(labels, rng.stream(seed, "split"))
    assert sorted(order) == list(range(len(labels)))
    for m in range(len(labels) + 1):
        for label, size in enumerate(sizes):
            share = size / len(labels)
            assert abs((labels[order[:m]] == label).sum() - m * share) <= 0.5 + share * len(sizes) / 2 + 1e-9


def test_a_split_with_a_folder_of_its_own_is_cut_to_what_is_asked(divided):
    whole, part = (
        Folder(path=divided, size=4).load(None),
        Folder(path=divided, size=4, train=8, validation=0, test=3).load(None),
    )
    assert [len(split) for split in (part.train, part.validation, part.test)] == [8, 0, 3]
    assert found(part.test) == found(whole.test)[:3] and found(part.train) == found(whole.train)[:8]
    assert {label for label, _ in found(part.test)} == {0, 1, 2}


def test_train_without_test_needs_to_be_told(divided):
    (divided / "test").rename(divided / ".test")
    with pytest.raises(UsageError, match=r"has no folder test/. Give the number of its 24 images to test on.*test=4"):
        Folder(path=divided).load(None)
    data = Folder(path=divided, size=4, test=4).load(None)
    assert [len(split) for split in (data.train, data.validation, data.test)] == [20, 4, 4]


# what names a result


def test_the_place_is_not_part_of_the_name_and_the_content_is(flat, tmp_path):
    moved = tmp_path / "elsewhere"
    write(moved, COUNTS)
    here, there = Folder(path=flat, size=4, test=6), Folder(path=str(moved), size=4, test=6)
    assert digest(here) == digest(there) and "animals" not in encode(here)
    assert here.fingerprint(None).content == there.fingerprint(None).content
    PIL.Image.fromarray(pixels(9, 9)).save(moved / "ant" / "0.png")
    assert here.fingerprint(None).content != there.fingerprint(None).content
    assert digest(Folder(path=flat, size=5, test=6)) != digest(here)


def test_the_title_is_the_folders_name_with_counts(flat, divided):
    assert Folder(path=divided).title == "animals@24/6"
    assert Folder(path=divided, train=8, test=3, split_seed=2).title == "animals@8/3 (split 2)"
    spec: DataSpec = Folder(path=divided)
    assert spec.name == "folder"


def test_a_changed_file_is_read_again_and_the_files_have_one_checksum(flat):
    spec = Folder(path=flat, size=4, test=6)
    before = spec.fingerprint(None)
    ((name, checksum),) = before.files
    assert name == "animals (24 files)" and checksum.startswith("sha256:") and str(flat.parent) not in name
    path = flat / "bee" / "3.png"
    PIL.Image.fromarray(255 - pixels(1, 3)).save(path)
    os.utime(path, ns=(1, 1))
    assert spec.fingerprint(None).content != before.content
    assert spec.fingerprint(None).files != before.files


def test_a_fingerprint_needs_no_torch(flat):
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from lotterylab.data import Folder\n"
        "spec = Folder(path=sys.argv[1], size=4, test=6); print(spec.title, spec.fingerprint(None).content)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(flat)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["animals@18/6", Folder(path=flat, size=4, test=6).fingerprint(None).content]
