"""Data sets that mean harm: folders of images, idx files, batches of CIFAR."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import PIL.Image

import some_folders
from some_hostile_checkpoints import NO_FILES, Call


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG that says that it is of this size, with chunks that say anything."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    start = chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + start + b"".join(chunk(*one) for one in chunks) + chunk(b"IEND", b"")


@cache
def _zeros(count: int) -> bytes:
    return zlib.compress(bytes(count), 1)


def _saved(kind: str) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (4, 4)).save(buffer, kind)
    return buffer.getvalue()


IMAGES = {
    "an image of 90 million pixels": png(10_000, 9_000, (b"IDAT", _zeros(1 << 20))),
    "an image of 2^62 pixels": png((1 << 31) - 1, (1 << 31) - 1, (b"IDAT", b"")),
    "an image without pixels": png(0, 0, (b"IDAT", b"")),
    "an image with a text of 400 MB": png(4, 4, (b"zTXt", b"a\0\0" + _zeros(400 << 20)), (b"IDAT", _zeros(64))),
    "an image with a profile of 400 MB": png(4, 4, (b"iCCP", b"a\0\0" + _zeros(400 << 20)), (b"IDAT", _zeros(64))),
    "an image with more pixels than it says": png(4, 4, (b"IDAT", _zeros(400 << 20))),
    "an image with a chunk of 2 GB": png(4, 4)[:33] + struct.pack(">I", (1 << 31) - 1) + b"IDAT",
    "a GIF": _saved("GIF"),
    "a TIFF": _saved("TIFF"),
    "a PostScript program": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(owned) (w) file\n",
    "half of a JPEG": _saved("JPEG")[:300],
    "an empty image": b"",
}


def _batches() -> Iterator[tuple[str, bytes]]:
    """Batches of CIFAR in the python layout."""
    named = b"\x80\x02}(U\x06labels](e"
    yield "code in a batch", pickle.dumps({"data": Call(os.system, "touch owned"), "labels": []}, 2)
    yield (
        "an array of 1 TB",
        b"\x80\x02}U\x04datacnumpy\nndarray\n\x8a\x06" + (1 << 40).to_bytes(6, "little") + b"\x85Rs.",
    )
    rebuild = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n\x8a\x06" + (1 << 40).to_bytes(6, "little")
    yield "an array of 1 TB before its values", b"\x80\x02}U\x04data" + rebuild + b"\x85U\x01b\x87Rs."
    yield "an array of objects", pickle.dumps({"data": np.array([None] * 9), "labels": []}, 2)
    yield "a type of 1 TB", b"\x80\x02}U\x04datacnumpy\ndtype\nU\x0eV1099511627776K\x00K\x01\x87Rs."
    yield "a batch with a memo of 2^32 places", named + b"r\xff\xff\xff\xffu."
    yield "a batch with a byte array of 1 TB", b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"a."
    yield "data that are a text", pickle.dumps({"data": "x", "labels": []}, 2)
    yield "a batch that is a list", pickle.dumps([1, 2], 2)


def data_files(folder: Path) -> Iterator[tuple[str, Path, str]]:
    """(what, path, how it is read)."""
    folder.mkdir(parents=True)
    for number, (name, data) in enumerate(IMAGES.items()):
        yield name, _with(folder / f"i{number}", lambda path, data=data: path.write_bytes(data)), "images"
    for number, (name, make) in enumerate(NO_FILES.items()):
        yield f"{name} among images", _with(folder / f"n{number}", make), "images"
        place = folder / f"idx{number}"
        place.mkdir()
        make(place / "train-images-idx3-ubyte")
        yield f"{name} in place of idx", place / "train-images-idx3-ubyte", "idx"
        place = folder / f"c{number}"
        place.mkdir()
        _whole(place / "test_batch.bin")
        make(place / "data_batch_1.bin")
        yield f"{name} in place of a batch", place, "cifar"
    yield "an image of 1 TB without content", _with(folder / "large", lambda path: _sparse(path, 1 << 40)), "images"
    for number, name in enumerate(("a\nOK forged", "a\x1b[2J\x1b[H", "a\u202eb\u2028", "a\udcff")):
        root = folder / f"names{number}" / name
        some_folders.write(root, {name: 3, "b": 3})
        yield f"classes with the name {number}", root, "images"
        (root / name / f"{name}.png").write_bytes(b"damaged")
        damaged = folder / f"damaged{number}"
        root.parent.rename(damaged)
        yield f"a damaged image with the name {number}", damaged / name, "images"
        some_folders.write(folder / f"names{number}" / name, {name: 3, "b": 3})
    header = struct.pack(">I3I", 0x00000803, 10, 28, 28)
    bomb = gzip.compress(header + bytes(400 << 20), 1)
    for number, (name, data) in enumerate(
        {
            "an idx file that unpacks to 400 MB": bomb,
            "an idx file of 2^31 images": struct.pack(">I3I", 0x803, 1 << 31, 28, 28),
            "an idx file with 255 dimensions": b"\0\0\x08\xff" + b"\xff" * 1020,
            "an idx file of members without content": gzip.compress(b"") * 30_000,
            "half of a gzip": bomb[: len(bomb) // 2],
        }.items()
    ):
        (folder / f"x{number}.gz").write_bytes(data)
        yield name, folder / f"x{number}.gz", "idx"
    _sparse(folder / "sparse-idx", 1 << 40)
    yield "an idx file of 1 TB without content", folder / "sparse-idx", "idx"
    for number, (name, data) in enumerate(_batches()):
        place = folder / f"b{number}"
        place.mkdir()
        (place / "data_batch_1").write_bytes(data)
        (place / "test_batch").write_bytes(data)
        yield name, place, "cifar"
    for number, (name, data) in enumerate(LISTS.items()):
        place = folder / f"l{number}"
        place.mkdir()
        for batch in ("data_batch_1.bin", "test_batch.bin"):
            _whole(place / batch)
        (place / "approximate_images.csv").write_bytes(data)
        yield name, place, "cifar"


LISTS = {
    "a list of images with an index of 9,000 digits": b"file,index_in_file\ntest_batch.bin," + b"9" * 9000,
    "a list of images with a field of 1 MB": b"file,index_in_file\n" + b"x" * 1_000_000 + b",3\n",
    "a list of images with NUL": b"file,index_in_file\n\0,3\n",
    "a list of images in another encoding": b"file,index_in_file\n\xff\xfe,3\n",
    "a list of images that forges a line": b'file,index_in_file\n"x\nOK forged\x1b[2J",3\n',
    "a list of images of 20 MB": b"file,index_in_file\n" + b"test_batch.bin,3\n" * 1_200_000,
}


def _with(root: Path, make: Callable[[Path], object]) -> Path:
    """A folder of good images with one file more."""
    some_folders.write(root, {"a": 3, "b": 3})
    make(root / "a" / "9.png")
    return root


def _sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def _whole(path: Path) -> None:
    """A batch of zeros in the binary layout, without content on the disk."""
    _sparse(path, 10_000 * 3073)
