"""Real small disks: a tmpfs of a size, or with a number of inodes, that can be made larger."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NoMount(Exception):
    """The system lets us mount nothing."""


def mount(place: Path, options: str) -> None:
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "lotterylab-faults", str(place)], capture_output=True, text=True
    )
    if done.returncode:
        raise NoMount(done.stderr.strip())


@contextmanager
def disk(place: Path, options: str) -> Iterator[Path]:
    """A small disk at a folder.

    Raises:
        NoMount: it cannot be mounted, as where we are not root.
    """
    place.mkdir(parents=True, exist_ok=True)
    try:
        mount(place, options)
    except FileNotFoundError as error:
        raise NoMount("there is no command mount") from error
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], capture_output=True, check=False)


def enlarge(place: Path) -> None:
    """Free space and inodes."""
    mount(place, "remount,size=256m,nr_inodes=100000")
