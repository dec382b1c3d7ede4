"""A worker process: one thread, one task at a time, controlled through a pipe."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from lotterylab.engine.environment import cleared
from lotterylab.engine.exact import CUBLAS, exact
from lotterylab.errors import DamageError
from lotterylab.system.refusals import failure
from lotterylab.system.streams import guarded

# By default glibc returns large blocks to the system after each step, and every step pays for fresh pages (3,600 page
# faults a step of the shallow CNN at batch 64, none with these values; 32 MiB is the largest that it accepts).
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "2000000000",
    **CUBLAS,
}


def environment(variables: Mapping[str, str]) -> dict[str, str | None]:
    """Return the changes to these variables before a worker starts; None removes a variable."""
    return {**dict.fromkeys(cleared(variables)), **ENVIRONMENT}


# terminals, `timeout` and batch systems send these to all processes; the parent receives them and asks the workers
ASKS_TO_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
BEAT_SECONDS = 1.0  # the shortest time between two reports of a worker that steps pass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings that all tasks of a run share."""

    store: Path
    data_dir: Path | None
    fast: bool
    device: str = "cpu"
    save_every_seconds: float
    needs_main: bool = False  # whether workers import the caller's script
    study_facts: Mapping[str, str] = field(default_factory=dict)


def work(pipe: Connection, settings: Settings, stderr: Connection | None = None) -> None:
    """Take nodes from the pipe until it closes, and reply (word, digest, detail), beginning with "ready".

    ``stderr``: where errors go once the worker is ready; until then the parent keeps them, in case the start fails.
    """
    for number in ASKS_TO_STOP:
        signal.signal(number, signal.SIG_IGN)
    os.nice(5)  # keeps a laptop usable
    if "torch" not in sys.modules:  # Python imports the caller's script here first, which may set some again
        for name in cleared(os.environ):
            del os.environ[name]
    from lotterylab.engine.context import Context
    from lotterylab.engine.facts import facts
    from lotterylab.engine.memory import Spare
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
        study_facts=settings.study_facts,
        progress=lambda node, epoch, epochs: link.say("progress", node.digest, (epoch, epochs)),
        stopping=link.stopping,
        beat=lambda: beat.is_due() and link.say("alive", "", beat.count),
    )
    if stderr:
        os.dup2(stderr.fileno(), 2)
        stderr.close()
    facts()  # before a user's module is imported, so that the libraries read their environment variables now
    spare = Spare()
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
            spare.give_back()


class Beat:
    """A counter of steps that decides when to report them."""

    def __init__(self) -> None:
        self.count = 0
        self.last = time.monotonic()

    def is_due(self) -> bool:
        """Count a step and return whether the last report was long enough ago."""
        self.count += 1
        now = time.monotonic()
        if now - self.last < BEAT_SECONDS:
            return False
        self.last = now
        return True


class Link:
    """The worker's end of the pipe; a closed pipe means that the parent is gone, which counts as a request to stop."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe
        self.asked_to_stop = False

    def next(self) -> Any:
        """Return the next node, or None when no more will come."""
        try:
            with exact("cpu"):  # receiving may import the user's module that defines a spec
                return None if self.asked_to_stop else self.pipe.recv()
        except EOFError:
            return None

    def say(self, word: str, digest: str, detail: Any) -> None:
        """Send a message to the parent; without a parent the current training saves a checkpoint and is the last."""
        try:
            self.pipe.send((word, digest, detail))
        except (BrokenPipeError, ConnectionResetError):
            self.asked_to_stop = True

    def stopping(self) -> bool:
        """Return whether the parent asked to stop (by sending None) or is gone."""
        if not self.asked_to_stop and self.pipe.poll():
            self.asked_to_stop = self.next() is None
        return self.asked_to_stop
