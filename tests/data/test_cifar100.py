"""CIFAR-100 is read in both layouts, from files made here; test_cifar.py has the tests of both sets."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from lotterylab.data import Cifar100, cifar_files
from lotterylab.errors import UsageError

SIZES = {"train": 50_000, "test": 10_000}
SMALL = Cifar100(train=30, validation=10, test=20)


def made_up(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(coarse (50,), fine (50,), pixels (50, 3072)) that begin a made-up file."""
    draw = np.random.default_rng(SIZES[name])
    pixels = draw.integers(0, 256, (50, 3072), dtype=np.uint8)
    return draw.integers(0, 20, 50, dtype=np.uint8), draw.integers(0, 100, 50, dtype=np.uint8), pixels


def write_binary(folder: Path) -> None:
    """``<coarse><fine><3072 pixels>`` a record, zero after the first 50; sparse on the disk."""
    for name, count in SIZES.items():
        coarse, fine, pixels = made_up(name)
        with (folder / f"{name}.bin").open("wb") as file:
            file.write(np.concatenate([coarse[:, None], fine[:, None], pixels], axis=1).tobytes())
            file.truncate(count * 3074)


@pytest.fixture(scope="module")
def binary(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cifar100")
    write_binary(folder)
    return folder


def test_the_fine_labels_are_read(binary):
    data = SMALL.load(binary)
    _, fine, pixels = made_up("train")
    np.testing.assert_array_equal(data.train.labels.numpy(), fine[:30])
    np.testing.assert_array_equal(data.validation.labels.numpy(), fine[30:40])
    np.testing.assert_array_equal(data.train.images.numpy(), pixels[:30].reshape(30, 3, 32, 32))
    np.testing.assert_array_equal(data.test.labels.numpy(), made_up("test")[1][:20])
    assert data.classes == SMALL.classes == 100


def test_both_layouts_hold_the_same_content(binary, tmp_path):
    inner = tmp_path / "cifar100" / "cifar-100-python"
    inner.mkdir(parents=True)
    for name, count in SIZES.items():
        coarse, fine, pixels = made_up(name)
        data = np.zeros((count, 3072), dtype=np.uint8)
        data[:50] = pixels
        rest = [0] * (count - 50)
        batch = {"data": data, "fine_labels": fine.tolist() + rest, "coarse_labels": coarse.tolist() + rest}
        (inner / name).write_bytes(pickle.dumps(batch, protocol=4))
    one, other = SMALL.fingerprint(binary), SMALL.fingerprint(tmp_path)
    assert one.content == other.content
    assert [name for name, _ in one.files] == ["train.bin", "test.bin"]
    assert [name for name, _ in other.files] == ["train", "test"]
    (warning,) = one.warnings
    assert warning.startswith("This copy of CIFAR-100 is not the canonical copy: checksums differ (train.bin md5:")


@pytest.mark.parametrize("suffix", ["", ".bin"])
def test_canonical_checksums_give_no_warning(tmp_path, suffix):
    copy = cifar_files.CifarCopy(path=tmp_path, suffix=suffix, published=cifar_files.CIFAR100)
    names = copy.names(training=50_000, test=10_000)
    assert names == (f"train{suffix}", f"test{suffix}")
    files = tuple((name, f"md5:{cifar_files.CIFAR100.canonical[name]}") for name in names)
    assert copy.warnings(files, used=0) == ()


def test_a_label_above_ninety_nine_and_a_file_of_cifar_10_are_refused(binary, tmp_path):
    (tmp_path / "test.bin").symlink_to(binary / "test.bin")
    content = bytearray(made_up("train")[2].tobytes().ljust(50_000 * 3074, b"\0")[: 50_000 * 3074])
    content[1] = 100
    (tmp_path / "train.bin").write_bytes(content)
    with pytest.raises(UsageError, match="record 0 has label 100, labels are 0 to 99 in CIFAR-100"):
        SMALL.load(tmp_path)
    with (tmp_path / "train.bin").open("r+b") as file:
        file.truncate(10_000 * 3073)
    with pytest.raises(UsageError, match=r"153700000 bytes expected .*, 30730000 found. Unpack cifar-100-binary"):
        SMALL.load(tmp_path)


def test_titles_sizes_and_the_error_without_a_copy(tmp_path):
    assert Cifar100().title == "CIFAR-100"
    assert Cifar100(train=5_000, test=5_000).title == "CIFAR-100@5000"
    with pytest.raises(UsageError, match="CIFAR-100 has 50000 training images"):
        Cifar100(validation=1)
    with pytest.raises(
        UsageError, match=r"no CIFAR-100 in .*cifar-100-binary or cifar-100-python.*data fetch cifar100"
    ):
        Cifar100().load(tmp_path)
