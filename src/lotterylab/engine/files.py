"""The files of a store: a reader that cannot hang, a writer that cannot leave the store, and JSON with a checksum.

A wrong file is noted as damage and counts as absent.
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
from lotterylab.formats.blobs import Sync, write_atomically
from lotterylab.formats.text import shown, shown_path

NAME = re.compile("[0-9a-f]{64}")
CHECK = "check"  # the key under which an object carries its checksum
CHECK_DIGITS = 16
LIMIT = 2**26  # bytes of a record or of a small file; the record of a million epochs has fewer
MOST_AT_ONCE = 2**24  # bytes of each read after the first, which reads the size that the system reports


def is_name(text: object) -> bool:
    """Return whether ``text`` can name a result or a blob: a SHA-256 in 64 lower-case hexadecimal digits."""
    return isinstance(text, str) and NAME.fullmatch(text) is not None


def checked_name(text: str) -> str:
    """Return ``text`` if it may become part of a path.

    Raises:
        UsageError: it is not a SHA-256.
    """
    if not is_name(text):
        raise UsageError(f"{text[:80]!r} cannot name a result: a name is the 64 hexadecimal digits of a SHA-256.")
    return text


def checksum(data: bytes) -> str:
    """Return the first 16 digits of the SHA-256 of ``data``: enough to notice damage, short enough for a line."""
    return hashlib.sha256(data).hexdigest()[:CHECK_DIGITS]


def read_bytes(path: str | Path, most: int = sys.maxsize, *, limit: int = sys.maxsize) -> bytes | None:
    """Return the bytes of a regular file, or None if no such file exists.

    A pipe or a device in its place is never read, because that may block forever.

    Args:
        most: number of first bytes to read.
        limit: largest size; a sparse file may claim any size.

    Raises:
        DamageError: the path is not a regular file, or the file is too large.
    """
    opened = _opened(path)
    if opened is None:
        return None
    descriptor, size = opened
    try:
        if size > limit:
            raise DamageError(f"{path} has {size:,} bytes, more than such a file can have.")
        asked = min(most, size + 1)  # a shorter read has reached the end
        data = os.read(descriptor, asked)
        while len(data) == asked < most:
            part = os.read(descriptor, MOST_AT_ONCE)
            asked, data = asked + MOST_AT_ONCE, data + part
        return data
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; where it exists, the system is not asked to make it."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)


def read_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a regular file without their ends; none if no such file exists.

    A line longer than any record is not kept in memory and is yielded as an empty line.

    Raises:
        DamageError: the path is not a regular file.
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
    """Return the SHA-256 of a regular file, in little memory; empty if no such file exists.

    Raises:
        DamageError: the path is not a regular file.
    """
    opened = _opened(path)
    if opened is None:
        return ""
    with os.fdopen(opened[0], "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _opened(path: str | Path) -> tuple[int, int] | None:
    """Return the descriptor and size in bytes of a regular file, or None if no such file exists."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a loop of links, or a socket
            raise DamageError(f"{path} is not a file ({error.strerror}).") from error
        raise
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        os.close(descriptor)
        raise DamageError(f"{path} is not a file.")
    return descriptor, state.st_size


def sealed(fields: Mapping[str, Any]) -> bytes:
    """Return a JSON object with its own checksum under the key "check"."""
    return json.dumps({**fields, CHECK: checksum(_canonical(fields))}, sort_keys=True).encode()


def unsealed(data: bytes | None) -> dict[str, Any] | None:
    """Return the fields of an object that ``sealed`` wrote, or None for any other bytes."""
    if data is None:
        return None
    try:
        fields = json.loads(data)
        check = fields.pop(CHECK)
        return fields if check == checksum(_canonical(fields)) else None
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
        return None


def plain_fields(data: bytes | None, **more: Any) -> dict[str, Any] | None:
    """Return the fields of a JSON object of format 1, which has no checksum, and ``more``; None for other bytes."""
    with contextlib.suppress(ValueError, RecursionError, TypeError):
        return {**json.loads(data or b""), **more}
    return None


def _canonical(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


class Files:
    """The only reader, writer and remover of files below one folder.

    ``damage`` describes each damaged file found so far.  ``moved`` has a sentence for each file set aside.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.damage: dict[Path, str] = {}
        self.moved: list[str] = []

    def read(self, path: Path, *, limit: int = LIMIT) -> bytes | None:
        """Return the bytes of a file, or None if it does not exist, is not a regular file or is too large."""
        try:
            return read_bytes(path, limit=limit)
        except DamageError as error:
            self.damage[path] = str(error).removeprefix(f"{path} ").rstrip(".")
            return None

    def write(self, path: Path, data: bytes, *, sync: Sync = "all") -> None:
        """Write a file completely or not at all, with the folders above it; a folder in its place is set aside.

        Args:
            path: of the file.
            data: its bytes.
            sync: what waits for the disk, as in ``write_atomically``; less than "all" for what can be computed again.
        """
        self.make_folder(path.parent)
        if path.is_dir() and not path.is_symlink():
            self.set_aside(path, "it is a folder, where a file belongs")
        write_atomically(path, data, sync=sync)
        self.damage.pop(path, None)

    def make_folder(self, folder: Path) -> None:
        """Make a folder and its parents up to the root; a file in the place of a folder is set aside."""
        if self._is_there(folder):
            return
        for above in reversed([folder, *self.inside(folder / "file").parents]):
            if above != self.root and self.root in above.parents and above.exists() and not above.is_dir():
                self.set_aside(above, "it is not a folder")
        folder.mkdir(parents=True, exist_ok=True)

    def _is_there(self, folder: Path) -> bool:
        """Return whether a folder below the root and all between them are folders, and none of them a link."""
        root, place = str(self.root), str(folder)
        if ".." in folder.parts or not place.startswith(f"{root}{os.sep}"):
            return False
        with contextlib.suppress(OSError):
            while place != root and stat.S_ISDIR(os.lstat(place).st_mode):
                place = os.path.dirname(place)
        return place == root

    def remove(self, folder: Path) -> None:
        """Remove a folder with its content; whatever cannot be removed stays for the next sweep."""
        if self.inside(folder).is_dir() and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)
        else:  # rmtree would open a pipe and wait
            with contextlib.suppress(OSError):
                folder.unlink()

    def inside(self, path: Path) -> Path:
        """Return ``path`` if it lies below the root and no folder between is a link.

        Raises:
            RefusedError: a folder between is a link, which may lead anywhere.
            ValueError: it lies elsewhere.
        """
        if ".." not in path.parts:
            for folder in path.parents:
                if folder == self.root:
                    return path
                if folder.is_symlink():
                    raise RefusedError(
                        f"{folder} is a link, so files written there may lie outside the store {self.root}. Put the "
                        "folder itself there, or make the whole store a link."
                    )
        raise ValueError(f"{path} is not in the store {self.root}")

    def set_aside(self, path: Path, why: str) -> None:
        """Move a damaged file or folder into ``quarantine/``, if it still exists, and report it in ``moved``."""
        self.damage.pop(path, None)
        if os.path.lexists(self.inside(path)):
            target = self._quarantine(path)
            os.rename(path, target)
            self.moved.append(f"{shown_path(path)} is damaged: {shown(why)}. It was set aside as {shown_path(target)}.")

    def keep_aside(self, path: Path, why: str) -> None:
        """Give a damaged file that is about to be rewritten a second name in ``quarantine/``, and report it."""
        target = self._quarantine(path)
        try:
            os.link(path, target, follow_symlinks=False)
        except OSError:  # the file system has no such links, or it is a folder
            self.set_aside(path, why)
        else:
            self.moved.append(f"{shown_path(path)} is damaged: {shown(why)}. A copy was kept as {shown_path(target)}.")

    def _quarantine(self, path: Path) -> Path:
        stamp = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{time.monotonic_ns() % 10**9:09}"
        target = self.root / "quarantine" / "-".join((stamp, *path.relative_to(self.root).parts))
        self.inside(target).parent.mkdir(exist_ok=True)
        return target
