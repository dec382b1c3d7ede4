"""The files of a store: one reader that cannot hang, one writer that cannot leave the store, one form with a checksum.

A file that is not what it should be is noted as damage and counts as absent.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lotterylab.errors import DamageError, RefusedError, UsageError
from lotterylab.formats.blobs import write_atomically
from lotterylab.formats.text import shown, shown_path

NAME = re.compile("[0-9a-f]{64}")
CHECK = "check"  # the key under which an object carries its checksum
CHECK_DIGITS = 16
LIMIT = 2**26  # bytes of a record or of a small file; the largest record of a million epochs has less
MOST_AT_ONCE = 2**24  # bytes of a read after the first, which takes the file as long as it seems to be


def is_name(text: object) -> bool:
    """Whether ``text`` can name a result or a blob: a SHA-256 in 64 small hexadecimal digits, and nothing else."""
    return isinstance(text, str) and NAME.fullmatch(text) is not None


def checked_name(text: str) -> str:
    """``text``, which is about to become part of a path.

    Raises:
        UsageError: it is not a SHA-256.
    """
    if not is_name(text):
        raise UsageError(f"{text[:80]!r} cannot name a result: that takes the 64 hexadecimal digits of a SHA-256.")
    return text


def checksum(data: bytes) -> str:
    """The first 16 digits of the SHA-256 of ``data``: enough to notice damage, short enough for a line."""
    return hashlib.sha256(data).hexdigest()[:CHECK_DIGITS]


def read_bytes(path: str | Path, most: int = sys.maxsize, *, limit: int = sys.maxsize) -> bytes | None:
    """The bytes of a regular file, or None if there is no such file.

    A pipe or a device in its place is never read, since that may block for ever.

    Args:
        most: read only so many of its first bytes.
        limit: a file of more bytes is damaged; a file of holes may say that it has any number of them.

    Raises:
        DamageError: something else than a file has that name, or the file is too large.
    """
    opened = _opened(path)
    if opened is None:
        return None
    descriptor, size = opened
    try:
        if size > limit:
            raise DamageError(f"{path} has {size:,} bytes, more than such a file can have.")
        asked = min(most, size + 1)  # a read that comes back shorter has met the end
        data = os.read(descriptor, asked)
        while len(data) == asked < most:
            part = os.read(descriptor, MOST_AT_ONCE)
            asked, data = asked + MOST_AT_ONCE, data + part
        return data
    finally:
        os.close(descriptor)


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a regular file without their ends; none if there is no such file.

    A line longer than any record is not kept in memory, and comes as an empty one.

    Raises:
        DamageError: something else than a file has that name.
    """
    opened = _opened(path)
    if opened is None:
        return
    with os.fdopen(opened[0], "rb") as file:
        while line := file.readline(LIMIT):
            whole = len(line) < LIMIT
            while not line.endswith(b"\n") and (rest := file.readline(LIMIT)):
                line = rest
                whole = False
            yield line.removesuffix(b"\n") if whole else b""


def sha256_of(path: Path) -> str:
    """The SHA-256 of a regular file, in little memory; empty if there is no such file.

    Raises:
        DamageError: something else than a file has that name.
    """
    opened = _opened(path)
    if opened is None:
        return ""
    with os.fdopen(opened[0], "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _opened(path: str | Path) -> tuple[int, int] | None:
    """The descriptor of a regular file and its size in bytes; None if there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a circle of links; a socket
            raise DamageError(f"{path} is not a file ({error.strerror}).") from error
        raise
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        os.close(descriptor)
        raise DamageError(f"{path} is not a file.")
    return descriptor, state.st_size


def sealed(fields: Mapping[str, Any]) -> bytes:
    """A JSON object with a checksum of itself under the key "check"."""
    return json.dumps({**fields, CHECK: checksum(_canonical(fields))}, sort_keys=True).encode()


def unsealed(data: bytes | None) -> dict[str, Any] | None:
    """The fields of what ``sealed`` wrote; None for anything else, damaged bytes included."""
    if data is None:
        return None
    try:
        fields = json.loads(data)
        check = fields.pop(CHECK)
        return fields if check == checksum(_canonical(fields)) else None
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
        return None


def plain_fields(data: bytes | None, **more: Any) -> dict[str, Any] | None:
    """The fields of a JSON object without a checksum, as format 1 wrote it, and ``more``; None for anything else."""
    with contextlib.suppress(ValueError, RecursionError, TypeError):
        return {**json.loads(data or b""), **more}
    return None


def _canonical(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


class Files:
    """Reading, writing and removing below one folder, and nowhere else.

    ``damage``: what is wrong with each file that was found damaged so far.  ``moved``: a sentence for each that was set
    aside.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.damage: dict[Path, str] = {}
        self.moved: list[str] = []

    def read(self, path: Path, *, limit: int = LIMIT) -> bytes | None:
        """The bytes of a file; None if there is none, if something else stands in its place, or if it is too large."""
        try:
            return read_bytes(path, limit=limit)
        except DamageError as error:
            self.damage[path] = str(error).removeprefix(f"{path} ").rstrip(".")
            return None

    def write(self, path: Path, data: bytes) -> None:
        """Write a file whole or not at all, with the folders above it; a folder in its place is set aside."""
        self.make_folder(path.parent)
        if path.is_dir() and not path.is_symlink():
            self.set_aside(path, "it is a folder, where a file belongs")
        write_atomically(path, data)
        self.damage.pop(path, None)

    def make_folder(self, folder: Path) -> None:
        """Make a folder and those above it, up to the root; a file in the place of one is set aside."""
        for above in reversed([folder, *self.inside(folder / "file").parents]):
            if above != self.root and self.root in above.parents and above.exists() and not above.is_dir():
                self.set_aside(above, "it is not a folder")
        folder.mkdir(parents=True, exist_ok=True)

    def remove(self, folder: Path) -> None:
        """Remove a folder and all that is in it; what cannot be removed stays for the next sweep."""
        if self.inside(folder).is_dir() and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)
        else:  # rmtree would open a pipe, and wait
            with contextlib.suppress(OSError):
                folder.unlink()

    def inside(self, path: Path) -> Path:
        """``path``, if it lies below the root and no folder on the way is a link.

        Raises:
            RefusedError: a folder on the way is a link, which may lead anywhere.
            ValueError: it lies elsewhere.
        """
        if ".." not in path.parts:
            for folder in path.parents:
                if folder == self.root:
                    return path
                if folder.is_symlink():
                    raise RefusedError(
                        f"{folder} is a link, and what is written there may lie outside the store {self.root}. Put "
                        "the folder itself there, or make the whole store a link."
                    )
        raise ValueError(f"{path} is not in the store {self.root}")

    def set_aside(self, path: Path, why: str) -> None:
        """Move something damaged into ``quarantine/``, if it is still there, and say so in ``moved``."""
        self.damage.pop(path, None)
        if os.path.lexists(self.inside(path)):
            target = self._quarantine(path)
            os.rename(path, target)
            self.moved.append(f"{shown_path(path)} is damaged: {shown(why)}. It was set aside as {shown_path(target)}.")

    def keep_aside(self, path: Path, why: str) -> None:
        """Give a damaged file a second name in ``quarantine/``, since it is about to be written anew; say so."""
        target = self._quarantine(path)
        try:
            os.link(path, target, follow_symlinks=False)
        except OSError:  # no such links on this file system, or a folder
            self.set_aside(path, why)
        else:
            self.moved.append(f"{shown_path(path)} is damaged: {shown(why)}. As it was it is {shown_path(target)}.")

    def _quarantine(self, path: Path) -> Path:
        stamp = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{time.monotonic_ns() % 10**9:09}"
        target = self.root / "quarantine" / "-".join((stamp, *path.relative_to(self.root).parts))
        self.inside(target).parent.mkdir(exist_ok=True)
        return target
