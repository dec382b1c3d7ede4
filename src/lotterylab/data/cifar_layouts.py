"""The two file layouts of CIFAR-10: 10,000 records a file, each a label and 3 x 32 x 32 bytes (R, G, B planes)."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lotterylab.errors import UsageError

RECORDS = 10_000
PIXELS = 3 * 32 * 32
RECORD_BYTES = 1 + PIXELS

_RECONSTRUCT: Any = np.empty(0).__reduce__()[0]  # what builds a pickled array, whatever NumPy calls its module

Records = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # images (count, 3, 32, 32), labels (count,)


def binary(path: Path, count: int) -> Records:
    """The first ``count`` records of a ``.bin`` file: one label byte, then the pixels.

    Raises:
        UsageError: the file has another size than it must have, or a label is above 9.
    """
    expected, found = RECORDS * RECORD_BYTES, path.stat().st_size
    if found != expected:
        raise UsageError(
            f"{path} is damaged: {expected} bytes expected ({RECORDS} records of {RECORD_BYTES}), {found} found. "
            "Unpack cifar-10-binary again."
        )
    records = np.fromfile(path, dtype=np.uint8, count=count * RECORD_BYTES).reshape(count, RECORD_BYTES)
    return _checked(path, records[:, 1:], records[:, 0])


def python(path: Path, count: int) -> Records:
    """The first ``count`` records of a pickled dict with "data", uint8 ``(10000, 3072)``, and "labels", a list.

    Nothing in the file is run: its pickle may name NumPy's arrays and nothing else.

    Raises:
        UsageError: the file is no such pickle, is cut short, or a label is not in 0..9.
    """
    try:
        with path.open("rb") as file:
            batch: Any = _ArraysOnly(file, encoding="latin1").load()  # the encoding in which Python 2's arrays survive
        data, labels = batch["data"], np.asarray(batch["labels"])
        whole = data.shape == (RECORDS, PIXELS) and data.dtype == np.uint8 and labels.shape == (RECORDS,)
    except Exception as error:  # a damaged pickle can raise anything
        raise UsageError(
            f"{path} ({path.stat().st_size} bytes) cannot be read as a batch of CIFAR-10 "
            f"({type(error).__name__}: {error}). Unpack cifar-10-python again."
        ) from error
    if not whole:
        raise UsageError(
            f"{path} is damaged: data uint8 ({RECORDS}, {PIXELS}) and {RECORDS} labels expected, "
            f"data {data.dtype} {data.shape} and labels {labels.shape} found. Unpack cifar-10-python again."
        )
    return _checked(path, data[:count], labels[:count])


def _checked(path: Path, pixels: NDArray[np.uint8], labels: NDArray[np.integer]) -> Records:
    wrong = np.flatnonzero((labels < 0) | (labels > 9))
    if len(wrong):
        raise UsageError(
            f"{path} is damaged: record {wrong[0]} has label {labels[wrong[0]]}, labels are 0 to 9 in CIFAR-10. "
            "Unpack it again."
        )
    return np.ascontiguousarray(pixels).reshape(-1, 3, 32, 32), labels.astype(np.uint8)


def _dtype(code: str, align: int = 0, copy: int = 0) -> np.dtype[Any]:
    # Python 2 wrote the flags as integers, which newer NumPy warns about
    return np.dtype(code, align=bool(align), copy=bool(copy))


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that can build NumPy arrays and plain values, and call nothing else."""

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        """One of the three things that a pickled array names."""
        match module, name:
            case "numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct":
                return _RECONSTRUCT
            case "numpy", "ndarray":
                return np.ndarray
            case "numpy", "dtype":
                return _dtype
        raise pickle.UnpicklingError(f"it names {module}.{name}, which no file of CIFAR-10 does")
