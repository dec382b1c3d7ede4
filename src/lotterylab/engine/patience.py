"""How long a worker may be silent: until that is said, and until it is replaced."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from lotterylab.engine.worker import BEAT_SECONDS
from lotterylab.plan.nodes import At, Node, Train
from lotterylab.plan.user_nodes import Promises, UserTrain

MULTIPLE = 10  # of the longest silence so far between two words about the same task
WHILE_COMPUTING = 10  # times as long for a worker that says nothing, but uses the processor
LEAST_SHARE = 0.01  # of a processor, to count as computing: a process that only waits may wake up now and then
MISSED_SECONDS = 3.0  # a longer turn of the parent means that the parent itself was stopped, or busy


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """Why something is said about a worker.  ``seconds``: of silence.  ``computes``: it uses the processor.
    ``replaced_after``: how long a silence ends it; None if it is waited for whatever happens."""

    seconds: float
    process: int
    computes: bool
    replaced: bool
    replaced_after: float | None

    def __str__(self) -> str:
        """The doubt in a sentence."""
        how = "but computes" if self.computes else "and has used no processor time"
        text = f"worker process {self.process} has said nothing for {self.seconds:.0f} s {how}"
        if self.replaced:
            return f"{text}; it is replaced, and the task goes on from its last checkpoint"
        if self.replaced_after is None:
            return f"{text}; it is waited for"
        return f"{text}; after {self.replaced_after:.0f} s it is replaced"


class Patience:
    """Watches one worker during one task.

    Steps are its heartbeat.  A worker that neither speaks nor uses the processor stands still (it was stopped, or waits
    for what never comes).  One that uses the processor is given ten times as long, and is replaced only if its task
    has steps to speak of.  A user's own training may be silent for as long as it likes.

    Args:
        floor: the shortest silence in seconds of which anything is said.
        process: the worker's process id.
    """

    def __init__(self, *, floor: float, process: int) -> None:
        self.floor, self.process = floor, process
        self.longest = 0.0
        self.is_said = self.has_spoken = False
        self.last = self.moved = self.looked = time.monotonic()
        self.used = processor_seconds(process)

    def heard(self) -> None:
        """The worker has spoken."""
        now = self._now()
        self.longest = max(self.longest, now - self.last - BEAT_SECONDS)
        self.last = self.moved = now
        self.used = processor_seconds(self.process)
        self.is_said, self.has_spoken = False, True

    def doubt(self, node: Node | None) -> Doubt | None:
        """What is to be said now, if anything.  ``node``: its task; None for a worker that is still starting."""
        now = self._now()
        if now - self.last < self.floor:
            return None
        used = processor_seconds(self.process)
        if used is not None and (
            used - (self.used or 0.0) > LEAST_SHARE * (now - self.moved) or self._waits_for_disk()
        ):
            self.moved, self.used = now, used
        limit = max(self.floor, MULTIPLE * self.longest)
        stands = (now - self.moved) / limit if used is not None else 0.0
        silent = (now - self.last) / (limit * WHILE_COMPUTING)
        computes = stands < 1
        has_steps = node is None or (self.has_spoken and isinstance(node, Train | At))
        ends = not _is_of_a_user(node) and (has_steps or not computes)
        replaced = ends and max(stands, silent if has_steps else 0.0) >= 2
        if not replaced and (self.is_said or max(stands, silent) < 1):
            return None
        self.is_said = True
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
        """The time, after forgiving the worker what the parent itself has missed."""
        now = time.monotonic()
        missed = now - self.looked
        if missed > MISSED_SECONDS:
            self.last += missed
            self.moved += missed
        self.looked = now
        return now


def processor_seconds(process: int) -> float | None:
    """Processor time that a process has used, in seconds; None where the system does not tell."""
    fields = _fields(process)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else None


def _fields(process: int) -> list[bytes]:
    """What Linux says of a process, from its state on; nothing on other systems."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []


def _is_of_a_user(node: Node | None) -> bool:
    """Whether a user's own function trains in this task."""
    run = node.run if isinstance(node, At | Promises) else node
    return isinstance(run, UserTrain)
