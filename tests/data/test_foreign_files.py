"""Pipes, folders and devices in place of a data file are refused at once, and their names shown harmlessly."""

from __future__ import annotations

import pickle
import struct

import numpy as np
import pytest

import some_folders
from lotterylab.data import Cifar10, Folder, cifar_layouts, copies, idx
from lotterylab.data.cifar_files import CIFAR10
from lotterylab.errors import UsageError
from some_hostile_checkpoints import NO_FILES

NO_FILE = (
    r"(is a (pipe|socket|device|folder|pipe, a socket or a device)|has the folder|cannot be read|is missing|no file)"
)


@pytest.mark.parametrize("name", NO_FILES)
def test_only_files_are_read_as_images_idx_and_batches(tmp_path, name):
    some_folders.write(tmp_path / "images", {"a": 3, "b": 3})
    NO_FILES[name](tmp_path / "images" / "a" / "9.png")
    with pytest.raises(UsageError, match=NO_FILE):
        Folder(path=tmp_path / "images", size=4, test=1).load(None)
    NO_FILES[name](tmp_path / "x-ubyte")
    with pytest.raises(UsageError, match=NO_FILE):
        idx.read(tmp_path / "x-ubyte", (3,))
    NO_FILES[name](tmp_path / "data_batch_1")
    (tmp_path / "test_batch").write_bytes(b"")
    with pytest.raises(UsageError, match=NO_FILE):
        Cifar10(train=1, test=1).fingerprint(tmp_path)


def test_files_far_larger_than_any_published_one_are_not_read_through(tmp_path):
    with (tmp_path / "x").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UsageError, match="x has 1,099,511,627,776 bytes, far more than any file of MNIST"):
        copies.file(tmp_path, "x", called="MNIST")


def test_a_large_image_file_is_refused_before_it_is_read(tmp_path):
    some_folders.write(tmp_path, {"a": 3, "b": 3})
    with (tmp_path / "a" / "9.png").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UsageError, match=r"a/9\.png has 1,099,511,627,776 bytes"):
        Folder(path=tmp_path, size=4, test=1).load(None)


def test_an_image_is_bounded_although_a_program_has_switched_pillows_bound_off(tmp_path, monkeypatch):
    import PIL.Image

    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", None)
    some_folders.write(tmp_path, {"a": 3, "b": 3})
    PIL.Image.new("1", (10_000, 9_000)).save(tmp_path / "a" / "9.png")
    with pytest.raises(UsageError, match="90,000,000 pixels, which could be a decompression bomb"):
        Folder(path=tmp_path, size=4, test=1).load(None)


@pytest.mark.parametrize("name", ["x\nOK", "\x1b[2J", "a\u202eb", "a\udcff"])
def test_the_name_of_a_folder_is_harmless_in_titles_and_lists(tmp_path, name):
    some_folders.write(tmp_path / name, {name: 3, "b": 3})
    spec = Folder(path=tmp_path / name, size=4, test=1)
    assert spec.title.isprintable() and spec.fingerprint(None).files[0][0].isprintable()
    (tmp_path / name / name / "9.png").write_bytes(b"x")
    with pytest.raises(UsageError) as refused:
        spec.load(None)
    assert str(refused.value).isprintable()


def batch(array: bytes) -> bytes:
    return b"\x80\x02}(U\x06labels]U\x04data" + array + b"u."


LARGE = b"\x8a\x06" + (1 << 40).to_bytes(6, "little")
KIND = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (b"cnumpy\nndarray\n" + LARGE + b"\x85R", "not callable"),
        (
            b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + LARGE + b"\x85U\x01b\x87R",
            "large before it has values",
        ),
        (b"cnumpy\ndtype\nU\x05V9999K\x00K\x01\x87R", "an array of V9999"),
        (b"cnumpy\ndtype\nU\x01OK\x00K\x01\x87R", "an array of O"),
        (KIND + b"(K\x03U\x01>NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb", "big-endian"),
        (b"]r\xff\xff\xff\xff", "its data are a list"),
        (b"\x96" + struct.pack("<Q", 1 << 40), "instruction 0x96"),
    ],
)
def test_a_batch_cannot_ask_for_memory_that_it_does_not_hold(tmp_path, array, words):
    (tmp_path / "data_batch_1").write_bytes(batch(array))
    with pytest.raises(UsageError, match=f"cannot be read as a batch .*{words}"):
        cifar_layouts.python(tmp_path / "data_batch_1", 1, CIFAR10.records)


@pytest.mark.parametrize("protocol", [3, 4])
def test_arrays_of_labels_are_read_as_they_were(tmp_path, protocol):
    labels, data = np.arange(10_000) % 10, np.zeros((10_000, 3072), dtype=np.uint8)
    path = tmp_path / "data_batch_1"
    path.write_bytes(pickle.dumps({"data": data, "labels": labels}, protocol=protocol))
    assert cifar_layouts.python(path, 20, CIFAR10.records)[1].tolist() == labels[:20].tolist()
