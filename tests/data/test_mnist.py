"""MNIST and Fashion-MNIST, from files made here."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import some_mnist
from lotterylab.data import FashionMnist, Mnist, mnist_files
from lotterylab.data.copies import md5
from lotterylab.data.normalise import Normalise
from lotterylab.errors import UsageError
from lotterylab.plan.digest import digest

SMALL = Mnist(train=30, validation=10, test=20)


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("plain")
    some_mnist.write(folder)
    return folder


@pytest.fixture
def copy(plain, tmp_path) -> Path:
    """A folder with links to the plain files, each of which a test may replace."""
    for file in plain.iterdir():
        (tmp_path / file.name).symlink_to(file)
    return tmp_path


def test_the_first_images_are_trained_on_and_the_next_validate(plain):
    data = SMALL.load(plain)
    assert torch.equal(SMALL.load(str(plain)).train.images, data.train.images)  # a folder by its name
    images, labels = some_mnist.made_up("train")
    np.testing.assert_array_equal(data.train.images.numpy(), images[:30, None])
    np.testing.assert_array_equal(data.train.labels.numpy(), labels[:30])
    np.testing.assert_array_equal(data.validation.images.numpy(), images[30:40, None])
    np.testing.assert_array_equal(data.test.labels.numpy(), some_mnist.made_up("t10k")[1][:20])
    assert (data.train.images.dtype, data.train.labels.dtype) == (torch.uint8, torch.int64)
    assert tuple(data.train.images.shape[1:]) == SMALL.shape and data.classes == 10
    assert not data.train.approximate.any()


def test_gzipped_and_plain_files_hold_the_same_content(plain, tmp_path):
    some_mnist.write(tmp_path, zipped=True)
    one, other = SMALL.fingerprint(plain), SMALL.fingerprint(tmp_path)
    assert one.content == other.content
    assert [name for name, _ in one.files] == list(mnist_files.NAMES)
    assert [name for name, _ in other.files] == [f"{name}.gz" for name in mnist_files.NAMES]
    (warning,) = other.warnings
    assert warning.startswith("This copy of MNIST is not the canonical copy: checksums differ (train-images-idx3-ubyte")
    assert "\n" not in warning and str(tmp_path) not in warning


def test_canonical_checksums_give_no_warning():
    for published in (mnist_files.MNIST, mnist_files.FASHION):
        copy = mnist_files.IdxCopy(path=Path("/nowhere"), published=published)
        files = tuple((name, f"md5:{md5}") for name, md5 in published.canonical.items())
        assert len(set(files)) == 8 and copy.warnings(files, used=0) == ()


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        (SMALL, "mnist"),
        (SMALL, "MNIST/raw"),
        (SMALL, "."),
        (FashionMnist(train=30, test=20), "fashion-mnist"),
        (FashionMnist(train=30, test=20), "FashionMNIST/raw"),
    ],
)
def test_files_are_found_where_people_and_torchvision_put_them(plain, tmp_path, spec, place):
    data_dir = tmp_path / "data"
    (data_dir / place).parent.mkdir(parents=True, exist_ok=True)
    if place != ".":
        (data_dir / place).symlink_to(plain)
    assert len(spec.load(data_dir if place != "." else plain).train) == 30


def test_a_folder_of_its_own_comes_before_files_that_lie_about(copy):
    some_mnist.write(copy / "mnist", seed=1)
    np.testing.assert_array_equal(SMALL.load(copy).train.labels.numpy(), some_mnist.made_up("train", 1)[1][:30])


def test_one_set_is_not_taken_for_the_other(tmp_path, monkeypatch):
    some_mnist.write(tmp_path)
    labels = "train-labels-idx1-ubyte"
    monkeypatch.setitem(mnist_files.FASHION.canonical, labels, md5(tmp_path / labels))  # as if these were its labels
    with pytest.raises(UsageError, match=f"holds Fashion-MNIST, not MNIST: {labels} has its checksum"):
        SMALL.load(tmp_path)
    assert len(FashionMnist(train=30, test=1).load(tmp_path).train) == 30


def test_a_missing_file_is_named(copy):
    (copy / "t10k-labels-idx1-ubyte").unlink()
    for ask in (SMALL.load, SMALL.fingerprint):
        with pytest.raises(UsageError, match=r"MNIST in .* is incomplete: t10k-labels-idx1-ubyte\.gz is missing"):
            ask(copy)


def test_a_label_above_nine_is_refused_with_its_place(copy):
    path = copy / "train-labels-idx1-ubyte"
    content = bytearray(path.read_bytes())
    content[8 + 7] = 10
    path.unlink()
    path.write_bytes(content)
    with pytest.raises(UsageError, match="label 7 is 10, labels are 0 to 9 in MNIST"):
        SMALL.load(copy)


def test_a_file_of_another_shape_is_refused(copy):
    (copy / "train-images-idx3-ubyte").unlink()
    (copy / "train-images-idx3-ubyte").symlink_to(copy / "t10k-images-idx3-ubyte")
    with pytest.raises(UsageError, match="header says 10000 x 28 x 28, 60000 x 28 x 28 expected"):
        SMALL.load(copy)


def test_without_a_folder_the_error_says_where_to_put_one(tmp_path):
    with pytest.raises(UsageError, match=r"MNIST needs a local copy: .*data fetch mnist.*--data digits"):
        Mnist().load(None)
    with pytest.raises(UsageError, match=r"no folder .*missing to read Fashion-MNIST from"):
        FashionMnist().load(tmp_path / "missing")
    with pytest.raises(UsageError, match=r"no MNIST in .* \(searched mnist, MNIST/raw, .*\)\. .*data fetch mnist"):
        Mnist().fingerprint(tmp_path)


@pytest.mark.parametrize("sizes", [{"train": 0}, {"validation": 1}, {"test": 10_001}, {"train": 60_001}])
def test_sizes_that_cannot_be_are_refused(sizes):
    with pytest.raises(UsageError, match=r"^MNIST (with|has)"):
        Mnist(**sizes)


def test_a_subset_says_so_in_its_title():
    assert (Mnist().title, FashionMnist().title) == ("MNIST", "Fashion-MNIST")
    assert Mnist(train=55_000, validation=5_000).title == "MNIST"
    assert Mnist(train=5_000, validation=1_000, test=5_000).title == "MNIST@5000"
    assert FashionMnist(train=5_000, test=1_000).title == "Fashion-MNIST@5000/1000"


def test_a_fingerprint_needs_no_torch(plain):
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from pathlib import Path; from lotterylab.data import Mnist\n"
        "print(Mnist(train=30, validation=10, test=20).fingerprint(Path(sys.argv[1])).content)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(plain)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == SMALL.fingerprint(plain).content


def test_pixels_can_stay_from_0_to_1(plain):
    unit = replace(SMALL, pixels="unit")
    data, raw = unit.load(plain), torch.from_numpy(some_mnist.made_up("train")[0][:30, :, :, None])
    torch.testing.assert_close(Normalise.of(data)(raw), raw.permute(0, 3, 1, 2) / 255, rtol=0, atol=0)
    assert unit.fingerprint(plain).content != SMALL.fingerprint(plain).content
    assert unit.title == f"{SMALL.title}, pixels from 0 to 1"
    assert digest(SMALL) == digest(replace(unit, pixels="standardised")) != digest(unit)
    with pytest.raises(UsageError, match="Did you mean 'unit'"):
        replace(SMALL, pixels="unti")  # type: ignore[arg-type]
