"""The two file layouts of CIFAR: records, each its labels and 3 x 32 x 32 bytes (R, G, B planes)."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lotterylab.errors import UsageError

PIXELS = 3 * 32 * 32

_RECONSTRUCT: Any = np.empty(0).__reduce__()[0]  # what builds a pickled array, whatever NumPy calls its module

ImagesAndLabels = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # images (count, 3, 32, 32), labels (count,)


@dataclass(frozen=True, kw_only=True)
class Records:
    """How the records of a set are laid out.

    ``label_bytes``: in the binary layout, the label wanted being the last.  ``label_key``: of the pickled dict.
    """

    name: str
    label_bytes: int
    label_key: str
    classes: int
    archives: tuple[str, str]  # of the binary and of the python layout


def binary(path: Path, count: int, *, of: int, records: Records) -> ImagesAndLabels:
    """The first ``count`` of the ``of`` records of a ``.bin`` file: label bytes, then the pixels.

    Raises:
        UsageError: the file has another size than it must have, or a label is out of range.
    """
    size = records.label_bytes + PIXELS
    expected, found = of * size, path.stat().st_size
    if found != expected:
        raise UsageError(
            f"{path} is damaged: {expected} bytes expected ({of} records of {size}), {found} found. "
            f"Unpack {records.archives[0]} again."
        )
    table = np.fromfile(path, dtype=np.uint8, count=count * size).reshape(count, size)
    return _checked(path, table[:, records.label_bytes :], table[:, records.label_bytes - 1], records)


def python(path: Path, count: int, *, of: int, records: Records) -> ImagesAndLabels:
    """The first ``count`` records of a pickled dict with "data", uint8 ``(of, 3072)``, and a list of labels.

    Nothing in the file is run: its pickle may name NumPy's arrays and nothing else.

    Raises:
        UsageError: the file is no such pickle, is cut short, or a label is out of range.
    """
    try:
        with path.open("rb") as file:
            batch: Any = _ArraysOnly(file, encoding="latin1").load()  # the encoding in which Python 2's arrays survive
        data, labels = batch["data"], np.asarray(batch[records.label_key])
        whole = data.shape == (of, PIXELS) and data.dtype == np.uint8 and labels.shape == (of,)
    except Exception as error:  # a damaged pickle can raise anything
        raise UsageError(
            f"{path} ({path.stat().st_size} bytes) cannot be read as a batch of {records.name} "
            f"({type(error).__name__}: {error}). Unpack {records.archives[1]} again."
        ) from error
    if not whole:
        raise UsageError(
            f"{path} is damaged: data uint8 ({of}, {PIXELS}) and {of} labels expected, "
            f"data {data.dtype} {data.shape} and labels {labels.shape} found. Unpack {records.archives[1]} again."
        )
    return _checked(path, data[:count], labels[:count], records)


def _checked(path: Path, pixels: NDArray[np.uint8], labels: NDArray[np.integer], records: Records) -> ImagesAndLabels:
    highest = records.classes - 1
    wrong = np.flatnonzero((labels < 0) | (labels > highest))
    if len(wrong):
        raise UsageError(
            f"{path} is damaged: record {wrong[0]} has label {labels[wrong[0]]}, labels are 0 to {highest} in "
            f"{records.name}. Unpack it again."
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
        raise pickle.UnpicklingError(f"it names {module}.{name}, which no file of CIFAR does")
