"""CIFAR has two file layouts, each of records with labels and 3 x 32 x 32 bytes (R, G, B planes)."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lotterylab.errors import UsageError, a_type
from lotterylab.formats.foreign import content
from lotterylab.formats.pickles import Plain, Refused

PIXELS = 3 * 32 * 32
DTYPES = ("b1", "i1", "u1", "i2", "i4", "i8", "u2", "u4", "u8")

Read = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # images (count, 3, 32, 32), labels (count,)


@dataclass(frozen=True, kw_only=True)
class Records:
    """A ``Records`` describes a data set's records.

    ``of`` is the number of records by file.  In the binary layout, ``label_bytes`` precede the pixels, and the last is
    the label; in the python layout, ``label_key`` names the labels.  Labels are below ``classes``.  The archives' names
    begin with ``archive``.
    """

    called: str
    archive: str
    of: Mapping[str, int]
    label_bytes: int
    label_key: str
    classes: int


def binary(path: Path, count: int, records: Records) -> Read:
    """Return the first ``count`` records of a ``.bin`` file, whose records are label bytes and then pixels.

    Raises:
        UsageError: the file has a wrong size, or a label is not below ``classes``.
    """
    whole, size = records.of[path.stem], records.label_bytes + PIXELS
    file_size = path.stat().st_size
    if file_size != whole * size:
        raise UsageError(
            f"{path} is damaged: {whole * size} bytes expected ({whole} records of {size}), {file_size} found. "
            f"Unpack {records.archive}-binary again."
        )
    read = np.fromfile(path, dtype=np.uint8, count=count * size).reshape(count, size)
    return _checked(path, read[:, records.label_bytes :], read[:, records.label_bytes - 1], records)


def python(path: Path, count: int, records: Records) -> Read:
    """Return the first ``count`` records of a pickled dict with "data", uint8 ``(n, 3072)``, and a list of n labels.

    No code in the file is run: its pickle may name NumPy's arrays and nothing else.

    Raises:
        UsageError: the file is not such a pickle, is cut short, or a label is not below ``classes``.
    """
    n = records.of[path.stem]
    try:
        # the limit allows for Python 3's numbers, which are longer than Python 2's
        raw = io.BytesIO(content(path, most=2 * n * (PIXELS + 128)))
        # only latin1 keeps Python 2's arrays intact
        batch: Any = Plain(raw, _KNOWN, build=_set_state, encoding="latin1", most=len(raw.getbuffer())).load()
        data, labels = batch["data"], np.asarray(batch[records.label_key])
        if not isinstance(data, np.ndarray):
            raise pickle.UnpicklingError(f"its data are {a_type(data)}")
        whole = data.shape == (n, PIXELS) and data.dtype == np.uint8 and labels.shape == (n,)
    except UsageError:
        raise
    except Exception as error:  # a damaged pickle can raise any exception
        reason = f"it names {error}, which no file of CIFAR does" if isinstance(error, Refused) else error
        raise UsageError(
            f"{path} ({path.stat().st_size} bytes) cannot be read as a batch of {records.called} "
            f"({type(error).__name__}: {reason}). Unpack {records.archive}-python again."
        ) from error
    if not whole:
        raise UsageError(
            f"{path} is damaged: data uint8 ({n}, {PIXELS}) and {n} labels expected, "
            f"data {data.dtype} {data.shape} and labels {labels.shape} found. Unpack {records.archive}-python again."
        )
    return _checked(path, data[:count], labels[:count], records)


def _checked(path: Path, pixels: NDArray[np.uint8], labels: NDArray[np.integer], records: Records) -> Read:
    wrong = np.flatnonzero((labels < 0) | (labels >= records.classes))
    if len(wrong):
        raise UsageError(
            f"{path} is damaged: record {wrong[0]} has label {labels[wrong[0]]}, labels are 0 to "
            f"{records.classes - 1} in {records.called}. Unpack it again."
        )
    return np.ascontiguousarray(pixels).reshape(-1, 3, 32, 32), labels.astype(np.uint8)


def _dtype(code: str, align: int = 0, copy: int = 0) -> np.dtype[Any]:
    if code not in DTYPES:
        raise pickle.UnpicklingError(f"an array of {code}, which no file of CIFAR has")
    return np.dtype(code)


def _empty(kind: Any, shape: Any, code: Any) -> NDArray[Any]:
    """Return the empty array that a pickle makes before it sets the state; refuse any other size."""
    if tuple(shape) != (0,):
        raise pickle.UnpicklingError("an array that is large before it has values")
    return np.empty(0, dtype=np.uint8)


def _set_state(instance: Any, state: Any) -> None:
    """Set the values of an array, and refuse a big-endian type."""
    if isinstance(instance, np.ndarray):
        instance.__setstate__(state)
    elif isinstance(instance, np.dtype) and state[1] == ">":
        raise pickle.UnpicklingError("an array of big-endian numbers")


# the names in the pickle of an array
_KNOWN: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _empty,
    ("numpy._core.multiarray", "_reconstruct"): _empty,
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): _dtype,
}
