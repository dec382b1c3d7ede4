"""The local copy of MNIST is read, if it exists."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lotterylab.data import FashionMnist, Mnist, mnist_files
from lotterylab.data.base import data_dir
from lotterylab.data.copies import md5
from lotterylab.errors import UsageError


@pytest.fixture(scope="module")
def local() -> Path:
    folder = data_dir(None)
    if folder is None:
        pytest.skip("LOTTERYLAB_DATA names no folder with MNIST")
    try:
        mnist_files.find(folder, mnist_files.MNIST)
    except UsageError as error:
        pytest.skip(str(error))
    return folder


def test_the_local_copy_is_the_canonical_one_in_canonical_order(local):
    fingerprint = Mnist(train=10, test=10).fingerprint(local)
    if fingerprint.warnings:
        pytest.skip(fingerprint.warnings[0])
    data = Mnist(train=10, test=10).load(local)
    assert data.train.labels.tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]  # as every tutorial shows them
    assert data.test.labels.tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


def test_mean_std_and_class_sizes_are_those_of_all_training_images(local):
    data = Mnist().load(local)
    counts = data.train.images.flatten().bincount(minlength=256).double()
    values = torch.arange(256, dtype=torch.float64) / 255
    mean = (counts @ values / counts.sum()).item()
    std = (counts @ values**2 / counts.sum() - mean**2).sqrt().item()
    assert data.mean == pytest.approx([mean], abs=5e-5) and data.std == pytest.approx([std], abs=5e-5)
    # as published
    assert data.train.labels.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert data.test.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_mnist_is_not_taken_for_fashion_mnist(local):
    folder = mnist_files.find(local, mnist_files.MNIST).path
    labels = next(folder.glob("train-labels-idx1-ubyte*"))
    if f"{md5(labels)}" not in mnist_files.MNIST.canonical.values():
        pytest.skip("the local copy is not the canonical one")
    with pytest.raises(UsageError, match="holds MNIST, not Fashion-MNIST"):
        FashionMnist().load(folder)
