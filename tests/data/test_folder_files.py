"""Folders of images are read from files of all kinds, or refused."""

from __future__ import annotations

import io
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import some_folders
from lotterylab.data import Folder
from lotterylab.errors import UsageError
from some_folders import COUNTS, found, pixels, write


@pytest.fixture
def flat(tmp_path) -> Path:
    return some_folders.flat(tmp_path)


@pytest.fixture
def divided(tmp_path) -> Path:
    return some_folders.divided(tmp_path)


# files


def saved(image: PIL.Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def one(flat: Path, raw: bytes, name: str = "0.png", **fields) -> np.ndarray:
    """Return the decoded pixels of an image saved as ant/``name``, (H, W, C)."""
    (flat / "ant" / "0.png").unlink(missing_ok=True)
    (flat / "ant" / name).write_bytes(raw)
    data = Folder(path=flat, size=4, train=18, test=6, **fields).load(None)
    images = np.concatenate([data.train.images.numpy(), data.test.images.numpy()])
    others = {tuple(pixels(0, i)[1, 1]) for i in range(1, 12)}
    labels = np.concatenate([data.train.labels.numpy(), data.test.labels.numpy()])
    (place,) = [i for i, image in enumerate(images) if labels[i] == 0 and tuple(image[:, 1, 1]) not in others]
    return images[place].transpose(1, 2, 0)


def test_palettes_and_transparency_become_rgb(flat):
    image = PIL.Image.fromarray(np.full((4, 4, 3), (10, 200, 30), dtype=np.uint8))
    palette = image.convert("P", palette=PIL.Image.Palette.ADAPTIVE)
    assert (one(flat, saved(palette, transparency=0)) == (10, 200, 30)).all()
    image.putalpha(7)
    assert (one(flat, saved(image)) == (10, 200, 30)).all()


def test_grey_is_the_weighted_sum_and_grey_files_become_rgb(flat, divided):
    data = Folder(path=divided, size=4, channels=1).load(None)
    assert tuple(data.train.images.shape[1:]) == (1, 4, 4) and len(data.mean) == 1
    label, _ = found(data.train)[0]
    weighted = [pixels(label, i) @ (0.299, 0.587, 0.114) for i in range(12)]
    nearest = min(np.abs(data.train.images[0, 0].numpy() - grey).max() for grey in weighted)
    assert nearest <= 1
    grey = np.arange(16, dtype=np.uint8).reshape(4, 4)
    np.testing.assert_array_equal(one(flat, saved(PIL.Image.fromarray(grey))), np.stack([grey] * 3, axis=2))


def test_a_jpeg_is_near_what_was_saved(flat):
    smooth = np.full((4, 4, 3), (120, 60, 30), dtype=np.uint8)
    raw = saved(PIL.Image.fromarray(smooth), "JPEG", quality=100, subsampling=0)
    assert np.abs(one(flat, raw, name="photo.jpg").astype(int) - smooth).max() <= 3


def test_other_sizes_are_averaged_down_to_the_size(flat):
    """Halving with a triangle of width two gives weights 1, 3, 3, 1 over 8: exact on a ramp, away from the border."""
    ramp = np.repeat(np.arange(0, 80, 10, dtype=np.uint8)[None, :, None], 6, axis=0).repeat(3, axis=2)  # 6 x 8
    small = one(flat, saved(PIL.Image.fromarray(ramp)))
    assert small.shape == (4, 4, 3)
    assert small[:, 1:3, 0].tolist() == [[25, 45]] * 4


def test_hidden_files_and_files_beside_the_classes_are_ignored(flat):
    before = Folder(path=flat, size=4, test=6).fingerprint(None).content
    (flat / "ant" / ".DS_Store").write_bytes(b"no image")
    (flat / ".git").mkdir()
    (flat / "README.md").write_text("about")
    assert Folder(path=flat, size=4, test=6).fingerprint(None).content == before


def truncated() -> bytes:
    return saved(PIL.Image.fromarray(pixels(0, 0, 64)))[:-900]


def sixteen_bits(kind: int, channels: int) -> bytes:
    """A PNG of 4 x 4 with 16 bits a channel, which Pillow does not write in colour."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    said, row = struct.pack(">2I5B", 4, 4, 16, kind, 0, 0, 0), b"\0" + b"\x12\x34" * 4 * channels
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", said) + chunk(b"IDAT", zlib.compress(row * 4)) + chunk(b"IEND", b"")


def header(width: int, height: int) -> bytes:
    """Return the beginning of a grey PNG of that size, which is enough to refuse it."""
    said = b"IHDR" + struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + said + struct.pack(">I", zlib.crc32(said)) + b"\0\0\0\0IDAT"


WRONG = {
    "text": (b"no image at all", "it is neither"),
    "empty": (b"", "it is neither"),
    "gif": (saved(PIL.Image.new("P", (4, 4)), "GIF"), "it is neither"),
    "cut short": (truncated(), "truncated"),
    "16 bits": (saved(PIL.Image.fromarray(np.full((4, 4), 999, dtype=np.uint16))), "more than 8 bits a channel"),
    "16 bits in colour": (sixteen_bits(2, 3), "more than 8 bits a channel"),
    "16 bits, grey and alpha": (sixteen_bits(4, 2), "more than 8 bits a channel"),
    "16 bits, colour and alpha": (sixteen_bits(6, 4), "more than 8 bits a channel"),
    "bomb": (header(10_000, 9_000), "decompression bomb"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_is_no_image_is_named(flat, name):
    raw, said = WRONG[name]
    (flat / "bee" / "5.png").write_bytes(raw)
    with pytest.raises(UsageError, match=rf"bee/5\.png cannot be read as a PNG or JPEG image \(.*{said}"):
        Folder(path=flat, size=4, test=6).load(None)


# folders


def test_what_is_no_folder_of_class_folders_is_refused_by_name(flat, divided, tmp_path):
    def refused(path: Path, message: str, **fields) -> None:
        for ask in (lambda spec: spec.load(None), lambda spec: spec.fingerprint(None), lambda spec: spec.title):
            with pytest.raises(UsageError, match=message):
                ask(Folder(path=path, **fields))

    refused(tmp_path / "nowhere", "no folder .*nowhere. Name a folder with images in class folders")
    (tmp_path / "bare").mkdir()
    refused(tmp_path / "bare", "bare has no class folders; at least two")
    write(tmp_path / "single", {"ant": 2})
    refused(tmp_path / "single", r"single has one class only \(ant\)")
    write(tmp_path / "deep", COUNTS)
    (tmp_path / "deep" / "bee" / "more").mkdir()
    refused(tmp_path / "deep", "bee has the folder more in it")
    write(tmp_path / "empty", {**COUNTS, "dog": 0})
    refused(tmp_path / "empty", r"class folder .*empty/dog is empty")


def test_split_folders_that_do_not_fit_are_refused_by_name(divided):
    (divided / "valid").mkdir()
    with pytest.raises(UsageError, match=r"has test, train, val and also valid\. Either its folders are"):
        Folder(path=divided).load(None)
    (divided / "valid").rename(divided / "validation")
    with pytest.raises(UsageError, match="both validation/ and val/"):
        Folder(path=divided).load(None)
    (divided / "validation").rmdir()
    (divided / "test" / "dog").mkdir()
    with pytest.raises(UsageError, match=r"test and .*train have different classes: only one of them has dog"):
        Folder(path=divided).load(None)
    (divided / "test" / "dog").rmdir()
    (divided / "train").rename(divided / ".train")
    with pytest.raises(UsageError, match="has test, val and no train/"):
        Folder(path=divided).load(None)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, r"no folder test/. Give the number of its 24 images"),
        ({"test": 24}, "has 24 images to divide; the rest for training, 0 for validation and 24 for testing"),
        ({"test": 4, "train": 21}, "has 24 images to divide; 21 for training"),
        ({"test": 4, "train": 20, "validation": 1}, "20 for training, 1 for validation and 4 for testing"),
        ({"test": 0}, "test=0 of the images in .*: at least 1"),
        ({"train": 0}, "train=0"),
        ({"validation": -1}, "validation=-1"),
        ({"size": 0}, "size=0"),
        ({"channels": 2}, "channels=2"),
    ],
)
def test_counts_that_cannot_be_are_refused(flat, fields, message):
    with pytest.raises(UsageError, match=message):
        Folder(path=flat, **{"size": 4, **fields}).load(None)


def test_images_that_are_all_alike_are_refused(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(2):
            PIL.Image.new("RGB", (4, 4), (1, number + 2 * (name == "a"), 3)).save(tmp_path / name / f"{number}.png")
    with pytest.raises(UsageError, match="channel 0 has the same value"):
        Folder(path=tmp_path, test=1).load(None)


def test_more_than_256_classes_keep_their_labels(tmp_path):
    draw = np.random.default_rng(0)
    for label in range(300):
        (tmp_path / f"{label:03}").mkdir()
        for number in range(2):
            image = PIL.Image.fromarray(draw.integers(0, 256, (1, 1), dtype=np.uint8))
            image.save(tmp_path / f"{label:03}" / f"{number}.png")
    data = Folder(path=tmp_path, size=1, channels=1, test=300).load(None)
    assert data.train.labels.bincount().tolist() == data.test.labels.bincount().tolist() == [1] * 300
    assert math.isclose(sum(data.mean), data.train.images.double().mean().item() / 255, rel_tol=1e-12)
