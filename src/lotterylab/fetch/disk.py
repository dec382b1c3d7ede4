"""Reading and writing downloads, with the disk's errors as sentences."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lotterylab.errors import UsageError


@contextmanager
def disk(path: Path) -> Iterator[None]:
    """Turn errors of reading and writing inside into a ``UsageError`` that names ``path``."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{error.filename or path}: {error.strerror or error}. Make room or give another folder; the bytes "
            "that arrived are kept, and the same command goes on from there."
        ) from error


def sha256(path: Path) -> str:
    """Return the SHA-256 of a whole file, in hexadecimal."""
    with disk(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def settle(path: Path) -> None:
    """Force the names in a folder, or the bytes of a file, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
