"""The digits that ship inside the package."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from lotterylab.data import SPECS, Digits
from lotterylab.errors import UsageError
from lotterylab.protocols import DataSpec


def source() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's copy: images (1797, 8, 8) and labels (1797,)."""
    flat, targets = load_digits(return_X_y=True)
    return np.asarray(flat).reshape(-1, 8, 8), np.asarray(targets)


def test_the_shipped_file_is_what_scikit_learn_gives_bit_for_bit():
    expected, targets = source()
    loaded = Digits().load(None)
    splits = (loaded.train, loaded.validation, loaded.test)
    images = torch.cat([split.images for split in splits])
    assert images.dtype == torch.uint8 and images.shape == (1797, 1, 8, 8)
    np.testing.assert_array_equal(images[:, 0].numpy(), expected)
    np.testing.assert_array_equal(torch.cat([split.labels for split in splits]).numpy(), targets)


def test_splits_follow_each_other_in_the_order_of_the_source():
    _, targets = source()
    loaded = Digits(train=10, validation=3, test=5).load(None)
    np.testing.assert_array_equal(loaded.train.labels.numpy(), targets[:10])
    np.testing.assert_array_equal(loaded.validation.labels.numpy(), targets[10:13])
    np.testing.assert_array_equal(loaded.test.labels.numpy(), targets[13:18])
    assert loaded.train.labels.dtype == torch.int64
    assert not loaded.train.approximate.any() and len(loaded.train.approximate) == 10


def test_mean_and_std_are_those_of_the_default_training_images():
    loaded = Digits().load(None)
    values = loaded.train.images.double() / loaded.scale
    assert loaded.mean == pytest.approx([values.mean().item()], abs=5e-5)
    assert loaded.std == pytest.approx([values.std(correction=0).item()], abs=5e-5)


def test_a_subset_says_so_in_its_title():
    assert Digits().title == "digits"
    assert Digits(train=600, validation=0, test=100).title == "digits@600/100"


@pytest.mark.parametrize("sizes", [{"train": 0}, {"validation": -1}, {"test": 0}, {"train": 1198}])
def test_sizes_that_cannot_be_are_refused(sizes):
    with pytest.raises(UsageError, match=r"digits (with|has)"):
        Digits(**sizes)


def test_the_content_names_images_labels_and_their_division_into_splits():
    whole = Digits().fingerprint(None)
    assert whole.content == Digits().fingerprint(Path("/nowhere")).content
    others = [Digits(train=1196, validation=201), Digits(test=399), Digits(train=1197, validation=0, test=600)]
    assert len({whole.content, *(spec.fingerprint(None).content for spec in others)}) == 4
    assert whole.warnings == ()


def test_the_fingerprint_is_the_one_that_stored_results_were_made_with():
    fingerprint = Digits().fingerprint(None)
    assert fingerprint.content == "0c7f91a9fa5ce806484775097a2d012513c5007c64743d72c59d76bc611be2a4"
    ((name, checksum),) = fingerprint.files
    assert name == "digits.npz" and checksum.startswith("sha256:")
    assert checksum.removeprefix("sha256:") in files("lotterylab.data").joinpath("digits-source.txt").read_text()


def test_specs_titles_and_fingerprints_need_no_torch():
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from lotterylab.data import Augment, Cifar10, Digits, NamedStream, TorchGlobalStream\n"
        "Augment(crop_padding=4), NamedStream(), TorchGlobalStream()\n"
        "print(Cifar10(train=10).title, Digits().fingerprint(None).content)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["CIFAR-10@10", Digits().fingerprint(None).content]


def test_every_spec_has_what_the_protocol_asks_for():
    specs: list[DataSpec] = [spec() for spec in SPECS.values()]
    assert [spec.name for spec in specs] == list(SPECS)
    expected = {
        "cifar10": ((3, 32, 32), 10),
        "cifar100": ((3, 32, 32), 100),
        "mnist": ((1, 28, 28), 10),
        "fashion-mnist": ((1, 28, 28), 10),
        "digits": ((1, 8, 8), 10),
        "shapeset-3x2": ((1, 32, 32), 9),
        "cubist-spiral": ((2, 1, 1), 2),
    }
    assert {spec.name: (spec.shape, spec.classes) for spec in specs} == expected
