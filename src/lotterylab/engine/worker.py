"""A worker process: one thread of computing, one task at a time, told what to do through a pipe."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from lotterylab.engine.environment import cleared
from lotterylab.engine.exact import CUBLAS, exact
from lotterylab.errors import DamageError
from lotterylab.system.refusals import failure
from lotterylab.system.streams import guarded

# glibc gives large blocks back to the system after each step by default, and every step then pays for fresh pages
# (3,600 page faults a step of the shallow CNN at batch 64, none with these; 32 MiB is the largest value it accepts)
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "2000000000",
    **CUBLAS,
}


def environment(variables: Mapping[str, str]) -> dict[str, str | None]:
    """What to change in these variables before a worker is started; None: to remove."""
    return {**dict.fromkeys(cleared(variables)), **ENVIRONMENT}


# terminals, `timeout` and batch systems send these to all processes; the parent hears them, and asks the workers
ASKS_TO_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
BEAT_SECONDS = 1.0  # at most so often, a worker says that steps pass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every task of a run has in common."""

    store: Path
    data_dir: Path | None
    fast: bool
    device: str = "cpu"
    save_every_seconds: float


def work(pipe: Connection, settings: Settings, stderr: Connection | None = None) -> None:
    """Take nodes from the pipe until it closes.  Replies: (word, digest, detail), first of all "ready".

    ``stderr``: where to write errors from then on; until then the parent keeps them, to show them if this fails.
    """
    for one in ASKS_TO_STOP:
        signal.signal(one, signal.SIG_IGN)
    os.nice(5)  # a laptop stays usable
    if "torch" not in sys.modules:  # the caller's script, which Python imports here first, may have set some again
        for name in cleared(os.environ):
            del os.environ[name]
    from lotterylab.engine.context import Context
    from lotterylab.engine.facts import facts
    from lotterylab.engine.rules import Stopped
    from lotterylab.engine.store import Store
    from lotterylab.engine.tasks import compute

    link, beat = Link(pipe), Beat()
    context = Context(
        store=Store(settings.store),
        data_dir=settings.data_dir,
        fast=settings.fast,
        device=settings.device,
        save_every_seconds=settings.save_every_seconds,
        progress=lambda node, epoch, epochs: link.say("progress", node.digest, (epoch, epochs)),
        stopping=link.stopping,
        beat=lambda: beat.is_due() and link.say("alive", "", beat.count),
    )
    if stderr:
        os.dup2(stderr.fileno(), 2)
        stderr.close()
    facts()  # before a user's module is imported: the libraries read their variables of the environment now
    with guarded():
        link.say("ready", "", None)
        while (node := link.next()) is not None:
            try:
                record = compute(node, context)
            except Stopped:
                link.say("stopped", node.digest, None)
            except DamageError as error:
                link.say("damaged", node.digest, (error.path, f"{type(error).__name__}: {error}"))
            except Exception as error:
                link.say("failed", node.digest, (failure(error), traceback.format_exc()))
            else:
                link.say("done", node.digest, (record.seconds, record.same_as))


class Beat:
    """The steps of a worker, and when to speak of them."""

    def __init__(self) -> None:
        self.count = 0
        self.last = time.monotonic()

    def is_due(self) -> bool:
        """Count a step; True if the last word about steps was long enough ago."""
        self.count += 1
        now = time.monotonic()
        if now - self.last < BEAT_SECONDS:
            return False
        self.last = now
        return True


class Link:
    """The worker's end of the pipe.  A closed pipe means that the parent is gone: stop as if asked to."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe
        self.asked_to_stop = False

    def next(self) -> Any:
        """The next node, or None when there will be no more."""
        try:
            with exact("cpu"):  # it may import the user's module that defines a spec
                return None if self.asked_to_stop else self.pipe.recv()
        except EOFError:
            return None

    def say(self, word: str, digest: str, detail: Any) -> None:
        """Tell the parent; where it is gone, the training under way is the last one, and saves a checkpoint."""
        try:
            self.pipe.send((word, digest, detail))
        except (BrokenPipeError, ConnectionResetError):
            self.asked_to_stop = True

    def stopping(self) -> bool:
        """Whether the parent has asked to stop (it sends None) or is gone."""
        if not self.asked_to_stop and self.pipe.poll():
            self.asked_to_stop = self.next() is None
        return self.asked_to_stop
