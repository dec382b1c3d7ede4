"""The idx format of MNIST's files, gzipped or not: a magic number, the dimensions, the bytes."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lotterylab.errors import UsageError

UNSIGNED_BYTES = 0x08
MOST = 1 << 31  # bytes that a header may promise; MNIST's images are 47 million


def read(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The array of a file of unsigned bytes with that many dimensions.

    No more is read, or unpacked, than the header promises and one byte.

    Raises:
        UsageError: another magic number, type or number of dimensions, a header cut short, fewer or more bytes than it
            promises, a damaged gzip stream.
    """
    try:
        with path.open("rb") as stored, gzip.open(stored) if path.suffix == ".gz" else stored as file:
            header = file.read(4 + 4 * dimensions)
            sizes = _sizes(path, header, dimensions)
            promised = math.prod(sizes)
            data = file.read(promised + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UsageError(f"{path} is damaged: {error}. Fetch it again.") from error
    if len(data) != promised:
        found = "more" if len(data) > promised else str(len(data))
        raise UsageError(f"{path} is damaged: {promised} bytes expected after its header, {found} found.")
    return np.frombuffer(data, dtype=np.uint8).reshape(sizes)


def _sizes(path: Path, header: bytes, dimensions: int) -> tuple[int, ...]:
    expected = bytes((0, 0, UNSIGNED_BYTES, dimensions))
    if header[:4] != expected:
        raise UsageError(
            f"{path} is no idx file of {dimensions} dimensions of unsigned bytes: it should begin with "
            f"{expected.hex(' ')}, and begins with {header[:4].hex(' ') or 'nothing'}."
        )
    if len(header) < 4 + 4 * dimensions:
        raise UsageError(f"{path} is damaged: its header ends after {len(header)} bytes.")
    sizes = tuple(int.from_bytes(header[4 + 4 * axis : 8 + 4 * axis], "big") for axis in range(dimensions))
    if math.prod(sizes) > MOST:
        raise UsageError(f"{path} is damaged: its header promises {' x '.join(map(str, sizes))} bytes.")
    return sizes
