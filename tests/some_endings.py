"""Tasks that end their worker or never end, and processes that are watched until nothing of them is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from lotterylab.types import Scores
from lotterylab.views import View


@dataclass(frozen=True, kw_only=True)
class Ends:
    """A criterion that never scores.  ``how``: "sleeps" for ever, "spins" for ever, "exits" at once."""

    version: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = False
    needs_shape: ClassVar[bool] = False
    needs_initial: ClassVar[bool] = False
    how: str

    def __call__(self, view: View) -> Scores:
        """Never returns."""
        while self.how == "spins":
            pass
        if self.how == "exits":
            os._exit(9)
        time.sleep(1e6)
        raise AssertionError


@contextmanager
def process(command: Sequence[str], **options) -> Iterator[subprocess.Popen[str]]:
    """A process in a group of its own with this Python's paths, killed in the end with all that it started."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "OMP_NUM_THREADS": "1",
        **options.pop("env", {}),
    }
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    started = subprocess.Popen(command, env=environment, **{**pipes, **options})
    try:
        with started:
            yield started
            if started.poll() is None:
                kill_group(started)
    finally:
        kill_group(started)


def kill_group(process: subprocess.Popen[str]) -> None:
    """Kill a process and all that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def is_alone(process: subprocess.Popen[str], seconds: float = 10.0) -> bool:
    """Whether nothing that an ended process has started is left, soon."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False
