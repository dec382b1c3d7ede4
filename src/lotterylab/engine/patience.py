"""The patience with a silent worker: how long until it is reported, and until it is replaced."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from lotterylab.engine.worker import BEAT_SECONDS
from lotterylab.plan.nodes import At, Node, Train
from lotterylab.plan.user_nodes import Promises, UserTrain

MULTIPLE = 10  # times the longest silence so far between two messages about the task
WHILE_COMPUTING = 10  # times as long for a silent worker that uses the processor
LEAST_SHARE = 0.01  # share of a processor that counts as computing; a waiting process may wake up now and then
MISSED_SECONDS = 3.0  # a longer turn means that the parent itself was stopped or busy


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """The reason to report a worker.

    Args:
        seconds: length of its silence.
        process: its process id.
        computes: whether it uses the processor.
        replaced: whether it is replaced now.
        replaced_after: the silence in seconds that ends it; None if it is never ended.
    """

    seconds: float
    process: int
    computes: bool
    replaced: bool
    replaced_after: float | None

    def __str__(self) -> str:
        """Return the doubt as a sentence."""
        how = "but computes" if self.computes else "and has used no processor time"
        text = f"worker process {self.process} has sent no message for {self.seconds:.0f} s {how}"
        if self.replaced:
            return f"{text}; it is replaced, and the task goes on from its last checkpoint"
        if self.replaced_after is None:
            return f"{text}; it is not replaced"
        return f"{text}; after {self.replaced_after:.0f} s it is replaced"


class Patience:
    """The watch over one worker during one task.

    Steps are its heartbeat.  A worker hangs if it neither sends messages nor uses the processor (it was stopped, or
    waits in vain).  A worker that uses the processor gets ten times as long, and is replaced only if its task reports
    steps.  A user's own training may be silent for any time.

    Args:
        floor: the shortest silence in seconds that is reported.
        process: the worker's process id.
    """

    def __init__(self, *, floor: float, process: int) -> None:
        self.floor, self.process = floor, process
        self.longest = 0.0
        self.is_reported = self.has_spoken = False
        self.last = self.moved = self.looked = time.monotonic()
        self.used = processor_seconds(process)

    def heard(self) -> None:
        """Note a message of the worker."""
        now = self._now()
        self.longest = max(self.longest, now - self.last - BEAT_SECONDS)
        self.last = self.moved = now
        self.used = processor_seconds(self.process)
        self.is_reported, self.has_spoken = False, True

    def doubt(self, node: Node | None) -> Doubt | None:
        """Return the doubt to report now, or None; ``node`` is the worker's task, or None while it starts."""
        now = self._now()
        if now - self.last < self.floor:
            return None
        used = processor_seconds(self.process)
        if used is not None and (
            used - (self.used or 0.0) > LEAST_SHARE * (now - self.moved) or self._waits_for_disk()
        ):
            self.moved, self.used = now, used
        limit = max(self.floor, MULTIPLE * self.longest)
        hanging = (now - self.moved) / limit if used is not None else 0.0
        silent = (now - self.last) / (limit * WHILE_COMPUTING)
        computes = hanging < 1
        has_steps = node is None or (self.has_spoken and isinstance(node, Train | At))
        ends = not _is_of_a_user(node) and (has_steps or not computes)
        replaced = ends and max(hanging, silent if has_steps else 0.0) >= 2
        if not replaced and (self.is_reported or max(hanging, silent) < 1):
            return None
        self.is_reported = True
        return Doubt(
            seconds=now - self.last,
            process=self.process,
            computes=computes,
            replaced=replaced,
            replaced_after=2 * limit * (WHILE_COMPUTING if computes else 1) if ends else None,
        )

    def _waits_for_disk(self) -> bool:
        fields = _fields(self.process)
        return bool(fields) and fields[0] == b"D"

    def _now(self) -> float:
        """Return the time, after excusing the worker for the time that the parent itself missed."""
        now = time.monotonic()
        missed = now - self.looked
        if missed > MISSED_SECONDS:
            self.last += missed
            self.moved += missed
        self.looked = now
        return now


def processor_seconds(process: int) -> float | None:
    """Return the processor time of a process in seconds, or None if the system does not report it."""
    fields = _fields(process)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else None


def _fields(process: int) -> list[bytes]:
    """Return the fields of Linux's /proc/PID/stat from the state on; none on other systems."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []


def _is_of_a_user(node: Node | None) -> bool:
    """Return whether a user's own function trains in this task."""
    run = node.run if isinstance(node, At | Promises) else node
    return isinstance(run, UserTrain)
