"""Real small disks, in mounts of these tests' own: they end with the process, also with one that is killed."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNS = 0x00020000  # <sched.h>: a namespace of mounts of one's own
MS_REC, MS_PRIVATE = 0x4000, 1 << 18  # <sys/mount.h>


class NoMount(Exception):
    """The system lets us mount nothing."""


def separate() -> None:
    """Give this thread, and the processes that it starts, mounts of their own; where that is refused, do nothing.

    A mount that outlives a killed test in the mounts of everybody makes the next run of pytest fail as it clears its
    folders.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) == 0:
        libc.mount(b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None)


def mount(place: Path, options: str) -> None:
    """Mount a tmpfs at a folder, or mount it again with other options.

    Raises:
        NoMount: it cannot be mounted, as where we are not root.
    """
    words = ["mount", "-t", "tmpfs", "-o", options, "lotterylab-tests", str(place)]
    try:
        done = subprocess.run(words, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise NoMount("there is no command mount") from error
    if done.returncode:
        raise NoMount(done.stderr.strip())


@contextmanager
def disk(place: Path, options: str) -> Iterator[Path]:
    """A small disk at a folder.

    Raises:
        NoMount: it cannot be mounted, as where we are not root.
    """
    place.mkdir(parents=True, exist_ok=True)
    mount(place, options)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], capture_output=True, check=False)


def enlarge(place: Path) -> None:
    """Free space and inodes."""
    mount(place, "remount,size=256m,nr_inodes=100000")
