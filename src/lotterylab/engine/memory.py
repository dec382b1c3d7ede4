"""Returning freed memory to the system, where the C library can (glibc); a worker keeps freed blocks otherwise."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress

GROWTH = 128 * 2**20  # bytes; fresh pages for as many take a training 0.03 s


def give_back() -> None:
    """Return all freed blocks."""
    trim = getattr(_c_library(), "malloc_trim", None)
    if trim:
        trim(0)


class Spare:
    """A ``Spare`` returns freed blocks once a process has grown since it did so last."""

    def __init__(self) -> None:
        self._after = resident()

    def give_back(self) -> None:
        """Return freed blocks if the process is larger by ``GROWTH``."""
        if resident() > self._after + GROWTH:
            give_back()
            self._after = resident()


def resident() -> int:
    """Return the bytes of this process in memory; 0 where the system does not tell."""
    with suppress(OSError), open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _c_library() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows has no library of this process
        return None
