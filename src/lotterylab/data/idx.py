"""MNIST is published in idx files: a header with the shape, then a byte for each value.

The header is two zero bytes, the type (0x08: unsigned byte), the number of dimensions, and each dimension as a
big-endian 32-bit integer.  The values follow in C order.   [lecun1998gradient; MNIST's page describes the format]
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
GZIP = b"\x1f\x8b"  # an idx file begins with two zero bytes instead


def read(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the values of an idx file of exactly this shape; its first bytes show whether it is gzipped.

    The header is compared with ``shape`` before any value is read, and at most one byte too many is requested, so no
    file can make the caller read or allocate more than expected.

    Raises:
        UsageError: the file is not an idx file of unsigned bytes, has another shape, is cut short or too long, or its
            compression is damaged.
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
        raise _damaged(path, f"it begins with the bytes {start.hex()} and not with two zero bytes")
    if start[2] != UNSIGNED_BYTE:
        raise _damaged(path, f"its type byte is 0x{start[2]:02x} and not 0x{UNSIGNED_BYTE:02x}, unsigned bytes")
    if start[3] != len(shape):
        raise _damaged(path, f"it has {start[3]} dimensions, {len(shape)} expected: {_spelled(shape)}")
    sizes = file.read(4 * len(shape))
    if len(sizes) < 4 * len(shape):
        raise _damaged(path, f"it ends within its header, after {4 + len(sizes)} bytes")
    file_shape = tuple(int(size) for size in np.frombuffer(sizes, dtype=">u4"))
    if file_shape != shape:
        raise _damaged(path, f"its header says {_spelled(file_shape)}, {_spelled(shape)} expected")
    expected = math.prod(shape)
    values = file.read(expected + 1)  # gzip compares its checksum only when it is read past the end
    if len(values) != expected:
        more = "more" if len(values) > expected else str(len(values))
        raise _damaged(path, f"{expected} values expected ({_spelled(shape)}), {more} found")
    return np.frombuffer(values, dtype=np.uint8).reshape(shape)


def _spelled(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _damaged(path: Path, reason: str) -> UsageError:
    return UsageError(f"{path} is not the expected idx file: {reason}. Download it again.")
