"""The memory of a process and all that it starts, watched while something runs."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType

EVERY = 0.25  # seconds from one look to the next


class Watched:
    """``Watched`` is a context in which ``peak`` becomes the most that the children of this process take together.

    It is in MiB: the resident pages of each process, of those that several share their part (PSS).  Without /proc it is
    None, as on macOS.
    """

    def __init__(self) -> None:
        self.peak: float | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Watched:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        if not Path("/proc/self/smaps_rollup").exists():
            return
        while not self._over.wait(EVERY):
            self.peak = max(self.peak or 0.0, sum(map(_size, _below(os.getpid()))))


def _below(process: int) -> list[int]:
    """Return the processes that a process has started, and those that they have."""
    found: list[int] = []
    for tasks in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, tasks.read_text().split()):
                found += [child, *_below(child)]
    return found


def _size(process: int) -> float:
    """Return the MiB of a process; 0 if it has just ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0
