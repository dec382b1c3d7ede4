"""The local copy of CIFAR-10 is read, if it exists."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lotterylab.data import Cifar10
from lotterylab.data.base import data_dir
from lotterylab.errors import UsageError


@pytest.fixture(scope="module")
def local() -> Path:
    folder = data_dir(None)
    if folder is None:
        pytest.skip("LOTTERYLAB_DATA names no folder with CIFAR-10")
    try:
        Cifar10(train=1, test=1).load(folder)
    except UsageError as error:
        pytest.skip(str(error))
    return folder


def test_the_local_copy_is_in_canonical_order(local):
    data = Cifar10(train=10, test=10).load(local)
    assert data.train.labels.tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    assert data.test.labels.tolist() == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]


def test_mean_std_and_class_sizes_are_those_of_all_training_images(local):
    data = Cifar10().load(local)
    counts = torch.stack([data.train.images[:, c].flatten().bincount(minlength=256) for c in range(3)]).double()
    values = torch.arange(256, dtype=torch.float64) / 255
    mean = counts @ values / counts.sum(1)
    std = (counts @ values**2 / counts.sum(1) - mean**2).sqrt()
    assert data.mean == pytest.approx(mean.tolist(), abs=1e-4)
    assert data.std == pytest.approx(std.tolist(), abs=1e-4)
    assert data.train.labels.bincount().tolist() == [5000] * 10
    assert data.test.labels.bincount().tolist() == [1000] * 10


def test_a_local_copy_that_is_not_canonical_says_so_in_one_line(local):
    spec = Cifar10(train=5_000, validation=1_000, test=5_000)
    data, fingerprint = spec.load(local), spec.fingerprint(local)
    approximate = sum(int(split.approximate.sum()) for split in (data.train, data.validation, data.test))
    if not fingerprint.warnings:
        assert approximate == 0
        pytest.skip("the local copy is canonical")
    (warning,) = fingerprint.warnings
    assert "\n" not in warning and "is not the canonical copy" in warning
    assert f"{approximate} of them in use" in warning or "no approximate_images.csv" in warning
