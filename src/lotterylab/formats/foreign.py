"""Files and tensors of other people, refused or bounded before they are read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from lotterylab.errors import UsageError
from lotterylab.formats.sparse import PARTS, REMEDY, densified
from lotterylab.formats.text import shown, shown_path
from lotterylab.system.places import missing, unread

if TYPE_CHECKING:
    from torch import Tensor

MOST_DIMENSIONS = 64  # the limit of torch's own loops over elements
TIMES, SPARE = 3, 64 << 20  # tied tensors may have three times the bytes of their file, and 64 MiB more
# networks carry complex and unsigned buffers, so they are read; masks are never made of them
READABLE = {"float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"} | {
    "complex64",
    "complex128",
    "uint16",
    "uint32",
    "uint64",
}


@contextmanager
def opened(path: str | Path) -> Iterator[BinaryIO]:
    """Open a regular file to read it; anything else is refused at once, without waiting.

    Raises:
        UsageError: no such file, a pipe, device, socket or folder in its place, or the system refuses it.
    """
    try:
        kind = os.stat(path).st_mode
        if not stat.S_ISREG(kind):  # before the file is opened: opening a device can do something
            raise _not_regular(path, kind)
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except FileNotFoundError:
        raise UsageError(f"{missing('file', path)}. Name another file.") from None
    except UsageError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise UsageError(unread(path, error)) from error
    with file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise _not_regular(path, os.fstat(file.fileno()).st_mode)
        try:
            yield file
        except OSError as error:  # a failing disk raises while the file is read
            raise UsageError(unread(path, error)) from error


def regular(path: str | Path) -> int:
    """Return the size of a regular file in bytes.

    Raises:
        UsageError: as ``opened``.
    """
    with opened(path) as file:
        return os.fstat(file.fileno()).st_size


def content(path: str | Path, *, most: int) -> bytes:
    """Return the bytes of a regular file of at most ``most`` bytes.

    Raises:
        UsageError: as ``opened``, or the file is larger.
    """
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        data = b"" if size > most else file.read(most + 1)
    if max(size, len(data)) > most:
        raise UsageError(f"{shown_path(path)} has {max(size, len(data)):,} bytes; at most {most:,} are read.")
    return data


def text(path: str | Path, *, most: int) -> str:
    """Return the UTF-8 text of a regular file of at most ``most`` bytes, without the byte-order mark of an editor.

    Raises:
        UsageError: as ``content``, or the text has another encoding.
    """
    try:
        return content(path, most=most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{shown_path(path)} is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from error


def admitted(tensors: Mapping[Any, Any], *, where: str, size: int | None = None) -> dict[str, Tensor]:
    """Return the tensors if all are named by text, of a known type and hold values; sparse ones are densified.

    Args:
        tensors: names and torch tensors.
        where: the file or the argument, for errors.
        size: bytes of the file; the tensors together may have three times as many, and 64 MiB more.

    Raises:
        UsageError: the first tensor that cannot be read, by name, with what to do.
    """
    import torch

    total, admitted = 0, {}
    for name, tensor in tensors.items():
        named(name, where)
        if reason := _unreadable(tensor):
            raise UsageError(f"{where}: '{shown(name)}' is {reason}.")
        total += tensor.numel() * tensor.element_size()
        admitted[name] = tensor if tensor.layout == torch.strided else densified(tensor, name, where)
    if size is not None:
        bounded(total, size, where)
    return admitted


def named(name: object, where: str) -> None:
    """Refuse a tensor's name that is not text."""
    if not isinstance(name, str):
        spelled = f"{shown(repr(name), most=40)} ({type(name).__name__})"
        raise UsageError(f"{where}: the name of a tensor is {spelled}; names are text.")


def bounded(total: int, size: int, where: str, *, sparse: str = "") -> None:
    """Refuse tensors of ``total`` bytes from a file of ``size`` bytes if the file cannot hold nearly as many.

    ``sparse``: the name of a sparse tensor among them.
    """
    if total > TIMES * size + SPARE:
        remedy = f"'{shown(sparse)}' is sparse; {REMEDY}" if sparse else ""
        raise UsageError(
            f"{where}: its tensors ask for {total:,} bytes and the file has {size:,}. "
            f"{remedy or 'Save expanded or shared tensors as tensor.clone()'}."
        )


def refusal(kind: str) -> str:
    """Return why a kind of tensor cannot be read and what to do, to follow "'name' is"."""
    remedies = {
        "meta": "on the meta device, which holds no values; save the loaded weights",
        "quantized": "quantized; save tensor.dequantize()",
        "nested": "a nested tensor; save its parts, tensor.unbind()",
        "subclass": "of a tensor subclass; save plain tensors",
        "view": "a conjugate or negative view; save tensor.resolve_conj().resolve_neg()",
    }
    if kind.startswith("sparse"):
        return f"{kind}; {REMEDY}"
    return remedies.get(kind, f"{kind}, which is not read; convert it: tensor.to(torch.float32)")


def _unreadable(tensor: Tensor) -> str:
    import torch

    if tensor.is_nested:
        return refusal("nested")
    layout = str(tensor.layout).removeprefix("torch.")
    if tensor.layout != torch.strided and layout not in PARTS:
        return refusal(layout)
    if tensor.is_quantized:
        return refusal("quantized")
    if tensor.device.type == "meta":
        return refusal("meta")
    kind = str(tensor.dtype).removeprefix("torch.")
    if kind not in READABLE:
        return refusal(kind)
    return too_deep(tensor.dim())


def too_deep(dimensions: int) -> str:
    """Return what is wrong with a tensor of this many dimensions, or an empty text."""
    return f"of {dimensions} dimensions; at most {MOST_DIMENSIONS} are read" if dimensions > MOST_DIMENSIONS else ""


def _not_regular(path: str | Path, mode: int) -> UsageError:
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    kind = kinds.get(stat.S_IFMT(mode), "a device")
    return UsageError(f"{shown_path(path)} is {kind}, not a file. Move it away, or name a file.")
