"""The idx files in which MNIST is published: a header that says the shape, then one byte a value.

Two zero bytes, the type (0x08: unsigned byte), the number of dimensions, each dimension as a big-endian 32-bit integer,
the values in C order.  [lecun1998gradient; the format is described on MNIST's page]
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from lotterylab.errors import UsageError
from lotterylab.formats.foreign import opened

UNSIGNED_BYTE = 0x08
GZIP = b"\x1f\x8b"  # no idx file begins so: its first two bytes are zero


def read(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The values of an idx file, gzipped or not (its first bytes say which, not its name), of exactly this shape.

    The header is compared with ``shape`` before any value is read, and one byte after the last is the most that is
    asked for, so that no file can make us read or allocate more than the caller expects.

    Raises:
        UsageError: no idx file of unsigned bytes, another shape, cut short, too long, or damaged compression.
    """
    with opened(path) as file:
        zipped = file.read(len(GZIP)) == GZIP
        file.seek(0)
        if not zipped:
            return _values(path, file, shape)
        try:
            with gzip.open(file) as unzipped:
                return _values(path, cast(BinaryIO, unzipped), shape)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise _damaged(path, f"its gzip stream is damaged or cut short ({error})") from error


def _values(path: Path, file: BinaryIO, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    start = file.read(4)
    if len(start) < 4:
        raise _damaged(path, f"{len(start)} bytes found, the header alone has {4 + 4 * len(shape)}")
    if start[:2] != b"\0\0":
        raise _damaged(path, f"it begins with the bytes {start.hex()}, an idx file with two zero bytes")
    if start[2] != UNSIGNED_BYTE:
        raise _damaged(path, f"its type byte is 0x{start[2]:02x}, unsigned bytes have 0x{UNSIGNED_BYTE:02x}")
    if start[3] != len(shape):
        raise _damaged(path, f"it has {start[3]} dimensions, {len(shape)} expected: {_spelled(shape)}")
    sizes = file.read(4 * len(shape))
    if len(sizes) < 4 * len(shape):
        raise _damaged(path, f"it ends within its header, after {4 + len(sizes)} bytes")
    found = tuple(int(size) for size in np.frombuffer(sizes, dtype=">u4"))
    if found != shape:
        raise _damaged(path, f"its header says {_spelled(found)}, {_spelled(shape)} expected")
    expected = math.prod(shape)
    values = file.read(expected + 1)  # reading past the end is what makes gzip compare its checksum
    if len(values) != expected:
        more = "more" if len(values) > expected else str(len(values))
        raise _damaged(path, f"{expected} values expected ({_spelled(shape)}), {more} found")
    return np.frombuffer(values, dtype=np.uint8).reshape(shape)


def _spelled(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _damaged(path: Path, found: str) -> UsageError:
    return UsageError(f"{path} is not the idx file that it should be: {found}. Download it again.")
