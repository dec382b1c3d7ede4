"""MNIST's files: the real ones where they are, planted ones for everything that can be wrong with them."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from lotterylab.data import idx
from lotterylab.data.base import data_dir
from lotterylab.data.mnist import FashionMnist, Mnist
from lotterylab.errors import UsageError

LOCAL = data_dir(None)
HERE = LOCAL is not None and (LOCAL / "mnist").is_dir()
needs_mnist = pytest.mark.skipif(not HERE, reason="LOTTERYLAB_DATA names no folder with mnist in it")


def encoded(array: np.ndarray) -> bytes:
    header = bytes((0, 0, 8, array.ndim)) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.tobytes()


@pytest.mark.parametrize("packed", [False, True])
def test_what_was_written_is_read(tmp_path, packed):
    array = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    path = tmp_path / ("a.gz" if packed else "a")
    path.write_bytes(gzip.compress(encoded(array)) if packed else encoded(array))
    np.testing.assert_array_equal(idx.read(path, 3), array)


GOOD = encoded(np.zeros((2, 3), dtype=np.uint8))
DAMAGED = {
    "empty": (b"", "begins with nothing"),
    "other magic": (b"\x89PNG" + GOOD, "it should begin with 00 00 08 02"),
    "other type": (b"\x00\x00\x0d\x02" + GOOD[4:], "begins with 00 00 0d 02"),
    "short header": (GOOD[:7], "its header ends after 7 bytes"),
    "short": (GOOD[:-1], "6 bytes expected after its header, 5 found"),
    "long": (GOOD + b"\x00", "6 bytes expected after its header, more found"),
    "hostile": (b"\x00\x00\x08\x02" + b"\xff" * 8, "its header promises 4294967295 x 4294967295"),
}


@pytest.mark.parametrize("what", DAMAGED)
@pytest.mark.parametrize("packed", [False, True])
def test_a_damaged_file_is_named_with_what_was_found(tmp_path, what, packed):
    content, says = DAMAGED[what]
    path = tmp_path / ("a.gz" if packed else "a")
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(UsageError) as refused:
        idx.read(path, 2)
    assert says in str(refused.value) and str(path) in str(refused.value)


def test_a_damaged_gzip_stream_is_named(tmp_path):
    whole = gzip.compress(encoded(np.random.default_rng(0).integers(0, 256, (50, 50), dtype=np.uint8)))
    for number, data in enumerate((whole[:-300], whole[:40] + b"xyz" + whole[43:], b"no gzip")):
        path = tmp_path / f"{number}.gz"
        path.write_bytes(data)
        with pytest.raises(UsageError, match="is damaged"):
            idx.read(path, 2)


def test_a_gzip_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(encoded(np.zeros((2, 3), dtype=np.uint8)) + bytes(50_000_000)))
    with pytest.raises(UsageError, match="more found"):
        idx.read(path, 2)


@needs_mnist
def test_the_real_set_has_its_checksums_sizes_and_moments():
    spec = Mnist()
    fingerprint = spec.fingerprint(LOCAL)
    assert dict(fingerprint.files) == {name: f"md5:{md5}" for name, md5 in Mnist.canonical.items()}
    assert fingerprint.warnings == ()
    data = spec.load(LOCAL)
    assert [len(split) for split in (data.train, data.validation, data.test)] == [60_000, 0, 10_000]
    assert data.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]  # as its page shows them
    assert data.train.labels.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    scaled = data.train.images.double() / 255
    assert (round(float(scaled.mean()), 4), round(float(scaled.std()), 4)) == (Mnist.mean, Mnist.std)


@needs_mnist
def test_plain_files_are_the_same_content(tmp_path):
    assert LOCAL is not None
    for packed in (LOCAL / "mnist").glob("*.gz"):
        (tmp_path / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
    spec = Mnist(train=100, validation=20, test=50)
    plain, packed = spec.fingerprint(tmp_path), spec.fingerprint(LOCAL)
    assert plain.content == packed.content
    assert all(found.startswith("sha256:") for _, found in plain.files)


@needs_mnist
def test_a_split_by_seed_is_a_permutation_of_the_training_images():
    canonical = Mnist(train=59_000, validation=1_000, test=10).load(LOCAL)
    drawn = Mnist(train=59_000, validation=1_000, test=10, split_seed=3).load(LOCAL)
    for data in (canonical, drawn):
        together = data.train.labels.bincount() + data.validation.labels.bincount(minlength=10)
        assert together.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert drawn.train.labels[:50].tolist() != canonical.train.labels[:50].tolist()
    assert drawn.test.labels.tolist() == canonical.test.labels.tolist()


def test_titles_and_sizes():
    assert Mnist().title == "MNIST"
    assert FashionMnist(train=5000, validation=0, test=5000).title == "Fashion-MNIST@5000"
    with pytest.raises(UsageError, match="60000 training and 10000 test"):
        Mnist(train=60_000, validation=1)


@pytest.mark.parametrize("spec", [Mnist(), FashionMnist()])
def test_missing_files_are_named_with_what_to_do(tmp_path, spec):
    with pytest.raises(UsageError, match=f"lotterylab data fetch {spec.name}"):
        spec.load(tmp_path)
    with pytest.raises(UsageError, match="--data-dir"):
        spec.load(None)
    inside = tmp_path / spec.name
    inside.mkdir()
    (inside / "train-images-idx3-ubyte").write_bytes(b"")
    with pytest.raises(UsageError, match="train-labels-idx1-ubyte"):
        spec.load(tmp_path)


def test_files_of_another_size_are_refused(tmp_path):
    for name in Mnist.canonical:
        shape = (3, 28, 28) if "images" in name else (3,)
        Path(tmp_path / name).write_bytes(gzip.compress(encoded(np.zeros(shape, dtype=np.uint8))))
    with pytest.raises(UsageError, match="should be 60000 images"):
        Mnist().load(tmp_path)
    assert os.listdir(tmp_path)
