"""idx files are read to the byte, and refused at every defect."""

from __future__ import annotations

import gzip
import math
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lotterylab.data import idx
from lotterylab.errors import UsageError


def written(values: np.ndarray, *, kind: int = 8) -> bytes:
    """The bytes of an idx file, as the format's description says."""
    sizes = b"".join(struct.pack(">I", size) for size in values.shape)
    return bytes([0, 0, kind, values.ndim]) + sizes + values.astype(np.uint8).tobytes()


@given(
    shape=st.lists(st.integers(0, 5), min_size=1, max_size=4).map(tuple), zipped=st.booleans(), seed=st.integers(0, 9)
)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_written_is_read(tmp_path, shape, zipped, seed):
    values = np.random.default_rng(seed).integers(0, 256, shape)
    raw = written(values)
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(raw) if zipped else raw)
    read = idx.read(path, shape)
    np.testing.assert_array_equal(read, values)
    assert read.dtype == np.uint8


SHAPE = (3, 2, 2)
WHOLE = written(np.arange(12).reshape(SHAPE))
DEFECTS = {
    "empty": (b"", "0 bytes found, the header alone has 16"),
    "no idx file": (b"PK\x03\x04" + WHOLE[4:], "begins with the bytes 504b0304"),
    "floats": (b"\0\0\x0d" + WHOLE[3:], "type byte is 0x0d and not 0x08, unsigned bytes"),
    "labels for images": (written(np.arange(3)), "it has 1 dimensions, 3 expected: 3 x 2 x 2"),
    "cut in the header": (WHOLE[:11], "ends within its header, after 11 bytes"),
    "another shape": (written(np.zeros((4, 2, 2))), "header says 4 x 2 x 2, 3 x 2 x 2 expected"),
    "cut short": (WHOLE[:-1], r"12 values expected \(3 x 2 x 2\), 11 found"),
    "too long": (WHOLE + b"\0", r"12 values expected \(3 x 2 x 2\), more found"),
}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", DEFECTS)
def test_each_defect_is_refused_with_the_file_and_what_was_found(tmp_path, name, zipped):
    raw, found = DEFECTS[name]
    path = tmp_path / "train-images"
    path.write_bytes(gzip.compress(raw) if zipped else raw)
    with pytest.raises(UsageError, match=rf"train-images is not .*{found}.*Download it again"):
        idx.read(path, SHAPE)


@pytest.mark.parametrize("damage", ["cut", "checksum", "inside"])
def test_a_damaged_gzip_stream_is_refused(tmp_path, damage):
    raw = bytearray(gzip.compress(WHOLE))
    if damage == "cut":
        raw = raw[:-9]
    else:
        raw[-8 if damage == "checksum" else 12] ^= 0xFF
    path = tmp_path / "images.gz"
    path.write_bytes(raw)
    with pytest.raises(UsageError, match=r"images\.gz is not .*Download it again"):
        idx.read(path, SHAPE)


def test_a_hostile_header_or_stream_is_not_followed(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b"\0\0\x08\x03" + b"\xff" * 12 + bytes(20_000_000), compresslevel=1))
    header = WHOLE[:16]
    endless = tmp_path / "endless.gz"
    endless.write_bytes(gzip.compress(header + bytes(20_000_000), compresslevel=1))
    tracemalloc.start()
    try:
        with pytest.raises(UsageError, match="header says 4294967295 x 4294967295 x 4294967295"):
            idx.read(path, SHAPE)
        with pytest.raises(UsageError, match="more found"):
            idx.read(endless, SHAPE)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"no file .*missing"):
        idx.read(tmp_path / "missing", SHAPE)
    with pytest.raises(UsageError, match="is a folder, not a file"):
        idx.read(Path(tmp_path), SHAPE)


def test_the_example_of_the_formats_description_is_read(tmp_path):
    """MNIST's page gives 0x00000803 and 0x00000801 as the first words of its files."""
    for word, shape in ((0x00000803, (1, 28, 28)), (0x00000801, (5,))):
        path = tmp_path / f"{word}"
        sizes = struct.pack(f">{len(shape)}I", *shape)
        path.write_bytes(struct.pack(">I", word) + sizes + bytes(math.prod(shape)))
        assert idx.read(path, shape).shape == shape
