"""Figures are drawn by a second process while this one makes the page: drawing is half the time of a large report."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue

from lotterylab.report.grid import Grid

Files = tuple[bytes, ...]  # SVG, PNG, and for a wide figure an SVG for a narrow screen
# the path of this process, so that the helper imports the same packages; the helper ignores interrupts
PROGRAM = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); sys.path[:] = {path!r}; "
    "from lotterylab.report.figure_helper import serve; serve()"
)


class Drawings:
    """``Drawings`` draws grids in a helper process as they come, and the rest here when ``finish`` is called.

    Everything is drawn here on a machine with one core, or if matplotlib has been imported: its settings may have been
    changed here, and the helper would have those of a new process.
    """

    def __init__(self) -> None:
        self._waiting: SimpleQueue[Grid | None] = SimpleQueue()
        self._files: dict[str, Files] = {}
        self._left: dict[str, Grid] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    def add(self, grid: Grid) -> None:
        """Queue a grid, which is drawn when ``finish`` returns."""
        if not self._left and _is_of_use():
            self._start()
        self._left[grid.name] = grid
        self._waiting.put(grid)

    def finish(self) -> Mapping[str, Files]:
        """Return the files of all grids by name; grids that the helper has not drawn are drawn here."""
        try:
            with suppress(Empty):
                while grid := self._waiting.get_nowait():
                    self._draw(grid)
            self._waiting.put(None)
            if self._thread:
                self._thread.join()
            for name, grid in self._left.items():
                if name not in self._files:
                    self._draw(grid)
        finally:
            self.stop()
        return self._files

    def stop(self) -> None:
        """End the helper, even while it draws."""
        if self._process:
            self._process.kill()
            self._process.wait()
        self._waiting.put(None)
        if self._thread:
            self._thread.join()
        for pipe in (self._process.stdin, self._process.stdout) if self._process else ():
            with suppress(OSError):  # unsent grids are not needed
                pipe.close()  # type: ignore[union-attr]
        self._process = self._thread = None

    def _draw(self, grid: Grid) -> None:
        from lotterylab.report.figure_draw import draw  # matplotlib takes half a second to import

        self._files[grid.name] = draw(grid)

    def _start(self) -> None:
        words = [sys.executable, "-c", PROGRAM.format(path=sys.path)]
        with suppress(OSError, ValueError):  # no process can be started, so everything is drawn here
            self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self._thread = threading.Thread(target=self._feed, args=(self._process,), daemon=True)
            self._thread.start()

    def _feed(self, process: subprocess.Popen[bytes]) -> None:
        """Send the helper one grid after the other, until it ends or no grid waits."""
        assert process.stdin is not None
        assert process.stdout is not None
        while grid := self._waiting.get():
            try:
                pickle.dump(grid, process.stdin)
                process.stdin.flush()
                self._files[grid.name] = pickle.load(process.stdout)
            except (OSError, EOFError, pickle.UnpicklingError):  # the helper has ended
                return


def serve() -> None:
    """Draw the grids that come on the standard input, until it ends; an error ends the helper, with its traceback."""
    from lotterylab.report.figure_draw import draw

    answers = sys.stdout.buffer
    sys.stdout = sys.stderr  # a library's output is not an answer
    with suppress(EOFError, BrokenPipeError):
        while True:
            pickle.dump(draw(pickle.load(sys.stdin.buffer)), answers)
            answers.flush()


def _is_of_use() -> bool:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores > 1 and "matplotlib" not in sys.modules
