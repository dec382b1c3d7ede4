"""The two file layouts of CIFAR: records of labels and 3 x 32 x 32 bytes (R, G, B planes)."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lotterylab.errors import UsageError
from lotterylab.formats.foreign import content
from lotterylab.formats.pickles import Plain, Refused

PIXELS = 3 * 32 * 32
DTYPES = ("b1", "i1", "u1", "i2", "i4", "i8", "u2", "u4", "u8")

Read = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # images (count, 3, 32, 32), labels (count,)


@dataclass(frozen=True, kw_only=True)
class Records:
    """How the records of a data set look: ``of``, how many stand in which file; ``label_bytes`` before the pixels in
    the binary layout, of which the last is the label; ``label_key`` of the python layout; labels below ``classes``.
    ``archive`` is what the archives' names begin with."""

    called: str
    archive: str
    of: Mapping[str, int]
    label_bytes: int
    label_key: str
    classes: int


def binary(path: Path, count: int, records: Records) -> Read:
    """The first ``count`` records of a ``.bin`` file: the label bytes, then the pixels.

    Raises:
        UsageError: the file has another size than it must have, or a label is not below ``classes``.
    """
    whole, size = records.of[path.stem], records.label_bytes + PIXELS
    found = path.stat().st_size
    if found != whole * size:
        raise UsageError(
            f"{path} is damaged: {whole * size} bytes expected ({whole} records of {size}), {found} found. "
            f"Unpack {records.archive}-binary again."
        )
    read = np.fromfile(path, dtype=np.uint8, count=count * size).reshape(count, size)
    return _checked(path, read[:, records.label_bytes :], read[:, records.label_bytes - 1], records)


def python(path: Path, count: int, records: Records) -> Read:
    """The first ``count`` records of a pickled dict with "data", uint8 ``(n, 3072)``, and a list of n labels.

    Nothing in the file is run: its pickle may name NumPy's arrays and nothing else.

    Raises:
        UsageError: the file is no such pickle, is cut short, or a label is not below ``classes``.
    """
    n = records.of[path.stem]
    try:
        # a file of Python 3 has longer numbers than one of Python 2, and no more than that
        raw = io.BytesIO(content(path, most=2 * n * (PIXELS + 128)))
        # latin1 is the encoding in which Python 2's arrays survive
        batch: Any = Plain(raw, _KNOWN, build=_set_state, encoding="latin1", most=len(raw.getbuffer())).load()
        data, labels = batch["data"], np.asarray(batch[records.label_key])
        if not isinstance(data, np.ndarray):
            raise pickle.UnpicklingError(f"its data are a {type(data).__name__}")
        whole = data.shape == (n, PIXELS) and data.dtype == np.uint8 and labels.shape == (n,)
    except UsageError:
        raise
    except Exception as error:  # a damaged pickle can raise anything
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
    """What a pickled array is before it gets its state; a pickle may not ask for a larger one."""
    if tuple(shape) != (0,):
        raise pickle.UnpicklingError("an array that is large before it has values")
    return np.empty(0, dtype=np.uint8)


def _set_state(instance: Any, state: Any) -> None:
    """The values of an array; of a type, only that it is of this machine's byte order."""
    if isinstance(instance, np.ndarray):
        instance.__setstate__(state)
    elif isinstance(instance, np.dtype) and state[1] == ">":
        raise pickle.UnpicklingError("an array of big-endian numbers")


# the three things that a pickled array names
_KNOWN: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _empty,
    ("numpy._core.multiarray", "_reconstruct"): _empty,
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): _dtype,
}
