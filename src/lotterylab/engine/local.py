"""Computing a plan on this machine, in worker processes of one thread each."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lotterylab.engine import upkeep
from lotterylab.engine.ledger import keep_needed
from lotterylab.engine.lock import Lock
from lotterylab.engine.patience import Doubt
from lotterylab.engine.pool import Pool as _Pool
from lotterylab.engine.pool import cannot_begin
from lotterylab.engine.records import Record
from lotterylab.engine.schedule import Schedule
from lotterylab.engine.store import Store
from lotterylab.engine.surroundings import needs_main
from lotterylab.engine.worker import ASKS_TO_STOP, Settings
from lotterylab.errors import LotteryError, RefusedError, SystemRefusal, UsageError
from lotterylab.plan.nodes import Node
from lotterylab.system.interrupts import heard_by_now
from lotterylab.system.refusals import refusals

ATTEMPTS = 3  # how often a task is handed out in all if its workers die
HOPELESS = 3  # tasks whose workers all died before any worker sent a message about a task


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event of a task.

    ``word`` (with its ``detail``): "started", "progress" (epoch, epochs), "done" (seconds, digest of an equal run),
    "failed" (message, trace), "stopped", "silent" (a ``Doubt`` about its worker, which may be replaced), or "fewer"
    (number of workers, number wanted, reason), which comes with the next task that is handed out.
    """

    word: str
    node: Node
    detail: Any = None


@dataclass(kw_only=True)
class Summary:
    """The outcome of the missing tasks; ``interrupted`` is the signal that ended the run, or 0."""

    done: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    skipped: int = 0
    interrupted: int = 0


def run(
    targets: Iterable[Node],
    store: Store,
    *,
    data_dir: Path | None = None,
    workers: int | None = None,
    fast: bool = True,
    device: str = "cpu",
    save_every_seconds: float = 20.0,
    patience_seconds: float = 60.0,
    study_facts: Mapping[str, str] | None = None,
    listen: Callable[[Event], None] | None = None,
) -> Summary:
    """Compute the missing tasks of ``targets`` and return their outcome.

    An interrupt (SIGINT, SIGTERM, SIGHUP) lets each worker save a checkpoint at the end of its epoch, and then returns.
    A second interrupt ends the workers at once.  In both cases, as after a kill, the same call goes on from there.

    Args:
        device: "cpu", "cuda" or "cuda:N".
        patience_seconds: how long a worker may neither send a message nor use the processor until ``listen`` is called;
            after twice as long it is replaced, and its task goes on from its last checkpoint.  Ten times the longest
            silence of the task so far counts instead if it is longer.
        study_facts: facts that each new result gets, by name: the study, and the digest of its claims.
        listen: called with each event.  By default, missing or hanging workers and damage are reported on stderr.

    Raises:
        SystemRefusal: the operating system refuses: a full disk, no locks, no new process.
        RefusedError: another process is computing in the store.
        UsageError: this process may start no others, or workers cannot import what nodes hold.
        LotteryError: the workers die before they can begin.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"{workers} workers were asked for: at least 1 is needed.")
    targets = list(targets)
    with refusals(f"to use the store {store.path}", store.path):
        if not Schedule(targets, store):  # nothing is missing: reading needs no lock, so a store in use answers too
            return put_in_order(store)
        settings = Settings(
            store=store.path.resolve(),
            data_dir=data_dir,
            fast=fast,
            device=device,
            save_every_seconds=save_every_seconds,
            needs_main=needs_main(targets),
            study_facts=study_facts or {},
        )
        store.create()
        with store.lock() as lock:
            schedule = prepared(targets, store)
            count = min(workers or (1 if device != "cpu" else os.cpu_count() or 1), len(schedule.waiting))
            pool = _Pool(count=count, settings=settings, patience_seconds=patience_seconds)
            with _signals() as caught, pool:
                serving = _Serving(
                    schedule=schedule, pool=pool, store=store, lock=lock, listen=listen or report, caught=caught
                )
                summary = serving.serve()
            summary.interrupted = caught[0] if caught else 0
            summary.skipped = len(schedule.skipped)
            if not listen:
                say(*store.files.moved)
            return summary


def report(event: Event) -> None:
    """Report missing or hanging workers on stderr."""
    if event.word == "fewer":
        count, wanted, why = event.detail
        say(f"{count} of {wanted} workers compute: {why}")
    elif event.word == "silent":
        say(f"waiting for {type(event.node).__name__} {event.node.digest[:12]}: {event.detail}")


def say(*sentences: str) -> None:
    """Print sentences on stderr, even if it has no reader."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        for sentence in sentences:
            print(f"lotterylab: {sentence}", file=sys.stderr, flush=True)


def prepared(targets: list[Node], store: Store) -> Schedule:
    """Set damage in a store aside and return the schedule of its missing tasks.  The caller holds the lock."""
    store.damage.clear()  # damage found without the lock may be repaired since
    upkeep.sweep(store)
    keep_needed(targets, store)
    schedule = Schedule(targets, store)
    store.set_aside_damage()
    return schedule


def put_in_order(store: Store) -> Summary:
    """Remove the leftovers of kills and set damage aside, if a store exists and no process computes in it."""
    if (store.path / "runs").is_dir():
        with contextlib.suppress(RefusedError, SystemRefusal, OSError), store.create().lock():
            upkeep.sweep(store)
            store.set_aside_damage()
    return Summary()


@dataclass(kw_only=True)
class _Serving:
    """A loop that hands out tasks until none is left or a signal asks to stop."""

    schedule: Schedule
    pool: _Pool
    store: Store
    lock: Lock
    listen: Callable[[Event], None]
    caught: list[int]
    summary: Summary = field(default_factory=Summary)
    attempts: dict[str, int] = field(default_factory=dict)
    hopeless: int = 0

    def serve(self) -> Summary:
        """Serve the pool and return the outcome of the tasks."""
        asked_to_stop = False
        while self.schedule.running or (self.schedule.waiting and not self.caught):
            self.lock.check()
            if not self.caught:
                self.pool.fill(len(self.schedule.running) + len(self.schedule.waiting))
                self._hand_out()
            elif not asked_to_stop:
                asked_to_stop = True
                self.pool.ask_to_stop()
            if sum(number != signal.SIGHUP for number in self.caught) > 1:
                self.pool.urgent = True
                break
            for word, node, detail in self.pool.hear():
                self._take(word, node, detail)
        return self.summary

    def _hand_out(self) -> None:
        while not self.caught and self.pool.idle and (node := self.schedule.next()) is not None:
            if not self.pool.give(node):
                self.schedule.give_back(node.digest)
                continue
            self.attempts[node.digest] = self.attempts.get(node.digest, 0) + 1
            self.listen(Event(word="started", node=node))
            if self.pool.refused:
                count = len(self.pool.workers)
                self.listen(Event(word="fewer", node=node, detail=(count, self.pool.wanted, self.pool.refused)))
                self.pool.refused = ""

    def _take(self, word: str, node: Node | None, detail: Any) -> None:
        """Account for a message of the pool and pass it on as an event."""
        if node is None:  # the worker is still starting
            node = next(iter(self.schedule.waiting.values()), None)
            if node and word in ("silent", "hung"):
                self.listen(Event(word="silent", node=node, detail=detail))
            return
        if word in ("died", "hung"):
            if word == "hung":
                self.listen(Event(word="silent", node=node, detail=detail))
            word, detail = self._after_death(node, detail)
        elif word == "damaged":
            word, detail = self._after_damage(node, *detail)
        elif word == "failed" and (record := finished(node, self.store)):
            word, detail = "done", (record.seconds, record.same_as)
        if word == "done":
            self.schedule.done(node.digest)
            self.summary.done += 1
        elif word == "failed":
            self.schedule.fail(node.digest)
            self.summary.failed[node.digest] = detail[0]
            with contextlib.suppress(OSError, LotteryError):  # a full disk may be why it failed; other tasks go on
                self.store.remember_failure(node.digest, *detail)
        elif word == "stopped":
            self.schedule.running.pop(node.digest)
        elif word == "handed out again":
            return
        self.listen(Event(word=word, node=node, detail=detail))

    def _after_death(self, node: Node, doubt: Doubt | None) -> tuple[str, Any]:
        """Return the event of a task whose worker died, or hung and was ended (``doubt``)."""
        if record := finished(node, self.store):  # the worker died before its message
            return "done", (record.seconds, record.same_as)
        if self.caught:  # killed while it stopped; its last checkpoint is in the store
            return "stopped", None
        attempts = self.attempts[node.digest]
        if attempts < ATTEMPTS:
            self.schedule.give_back(node.digest)
            return "handed out again", None
        if not self.pool.has_spoken:
            self.hopeless += 1
            if self.hopeless == HOPELESS:
                raise LotteryError(cannot_begin(ATTEMPTS * HOPELESS, "none; they died after they took a task"))
        if doubt:
            why = f"its worker hung and was replaced {attempts} times (the last: {doubt})"
        else:
            why = f"its worker died {attempts} times (out of memory?)"
        return "failed", (why, "")

    def _after_damage(self, node: Node, path: Path | None, message: str) -> tuple[str, Any]:
        """Set the damaged input of a task aside so that it is computed again, and return the task's event."""
        if path:
            with contextlib.suppress(OSError, LotteryError):
                self.store.files.set_aside(path, "a task could not read it")
        if self.attempts[node.digest] < ATTEMPTS:
            self.schedule.again(node.digest)
            return "handed out again", None
        return "failed", (message, "")


def finished(node: Node, store: Store) -> Record | None:
    """Return the record of a task if the store has it with its tensors, whatever message its worker sent."""
    with contextlib.suppress(OSError, LotteryError):
        record = store.record(node.digest)
        if record and store.has_blobs_of(record):
            return record
    return None


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect the signals that ask to stop while inside, with those heard before, in the yielded list."""
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # a notebook's executor keeps its handlers
        yield caught
        return
    before: dict[signal.Signals, Any] = {}
    caught += heard_by_now(ASKS_TO_STOP)
    try:
        for number in ASKS_TO_STOP:
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:  # nohup
                continue
            before[number] = signal.signal(number, lambda number, _: caught.append(number))
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
