"""Computing a plan on this machine: worker processes of one thread each."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from lotterylab.engine.ledger import keep_needed
from lotterylab.engine.schedule import Schedule
from lotterylab.engine.store import Store
from lotterylab.engine.worker import ASKS_TO_STOP, Settings, environment, work
from lotterylab.errors import RefusedError, UsageError
from lotterylab.plan.nodes import Node

ATTEMPTS = 3  # how often a task whose worker died is handed out in all


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened: "started", "progress" (epoch, epochs), "done" (seconds, twin), "failed" (message,
    trace), "stopped"."""

    word: str
    node: Node
    detail: Any = None


@dataclass(kw_only=True)
class Summary:
    """What became of the missing tasks.  ``interrupted``: the signal that ended it, 0 if none did."""

    done: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    skipped: int = 0
    interrupted: int = 0

    def __add__(self, other: Summary) -> Summary:
        """Of one run after another."""
        return Summary(
            done=self.done + other.done,
            failed=self.failed | other.failed,
            skipped=self.skipped + other.skipped,
            interrupted=self.interrupted or other.interrupted,
        )


def run(
    targets: Iterable[Node],
    store: Store,
    *,
    data_dir: Path | None = None,
    workers: int | None = None,
    fast: bool = True,
    device: str = "cpu",
    save_every_seconds: float = 20.0,
    listen: Callable[[Event], None] = lambda event: None,
) -> Summary:
    """Compute what is missing of ``targets`` and return what became of it.  ``device``: "cpu", "cuda" or "cuda:N".

    An interrupt (SIGINT, SIGTERM) lets each worker save a checkpoint at the end of its epoch and returns; a second one
    ends them at once.  In both cases, as after a kill, the same call goes on from there.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"{workers} workers: at least 1 is needed.")
    targets = list(targets)
    if not Schedule(targets, store):  # all is there: reading needs no lock, so that a busy store answers too
        return put_in_order(store)
    store.create()
    settings = Settings(
        store=store.path.resolve(), data_dir=data_dir, fast=fast, device=device, save_every_seconds=save_every_seconds
    )
    with store.lock():
        schedule, summary = prepared(targets, store), Summary()
        count = min(workers or (1 if device != "cpu" else os.cpu_count() or 1), len(schedule.waiting))
        with _signals() as caught, _Pool(count, settings) as pool:
            _serve(schedule, pool, store, summary, listen, caught)
        summary.interrupted = caught[0] if caught else 0
        summary.skipped = len(schedule.skipped)
        return summary


def prepared(targets: list[Node], store: Store) -> Schedule:
    """The schedule of what is missing from a store, after damage in it was set aside.  For the holder of the lock."""
    store.damage.clear()  # what was read without the lock may have been mended since
    store.sweep()
    keep_needed(targets, store)
    schedule = Schedule(targets, store)
    store.set_aside_damage()
    return schedule


def _serve(
    schedule: Schedule,
    pool: _Pool,
    store: Store,
    summary: Summary,
    listen: Callable[[Event], None],
    caught: list[int],
) -> None:
    attempts: dict[str, int] = {}
    asked_to_stop = False
    while schedule.running or (schedule.waiting and not caught):
        while not caught and pool.idle and (node := schedule.next()) is not None:
            pool.give(node)
            attempts[node.digest] = attempts.get(node.digest, 0) + 1
            listen(Event(word="started", node=node))
        if caught and not asked_to_stop:
            asked_to_stop = True
            pool.ask_to_stop()
        if len(caught) > 1:
            return
        for word, node, detail in pool.hear():
            if word == "died" and caught:  # killed while it stopped; its last checkpoint is in the store
                word = "stopped"
            elif word == "died":
                pool.add()
                if attempts[node.digest] < ATTEMPTS:
                    schedule.give_back(node.digest)
                    continue
                word, detail = "failed", (f"its worker died {attempts[node.digest]} times (out of memory?)", "")
            if word == "damaged":
                path, message = detail
                if isinstance(path, Path):
                    store.files.set_aside(path, "a task could not read it")
                if attempts[node.digest] < ATTEMPTS:
                    schedule.again(node.digest)
                    continue
                word, detail = "failed", (message, "")
            if word == "done":
                schedule.done(node.digest)
                summary.done += 1
            elif word == "failed":
                schedule.fail(node.digest)
                summary.failed[node.digest] = detail[0]
                with contextlib.suppress(OSError):  # a full disk, perhaps why it failed: all others go on
                    store.remember_failure(node.digest, *detail)
            elif word == "stopped":
                schedule.running.pop(node.digest)
            listen(Event(word=word, node=node, detail=detail))


def put_in_order(store: Store) -> Summary:
    """Remove what kills left and set damage aside, if there is a store in which nobody computes."""
    if (store.path / "runs").is_dir():
        with contextlib.suppress(RefusedError, OSError), store.create().lock():
            store.sweep()
            store.set_aside_damage()
    return Summary()


class _Pool:
    """Worker processes and who works on what."""

    def __init__(self, count: int, settings: Settings) -> None:
        self.settings = settings
        self.busy: dict[Connection, tuple[BaseProcess, Node]] = {}
        self.idle: list[tuple[Connection, BaseProcess]] = []
        self.count = count

    def __enter__(self) -> _Pool:
        for _ in range(self.count):
            self.add()
        return self

    def __exit__(self, *_: object) -> None:
        for pipe, process in [*self.idle, *((pipe, process) for pipe, (process, _) in self.busy.items())]:
            pipe.close()  # an idle worker ends at this
            process.join(timeout=0.5 if any(pipe is one for one in self.busy) else 5)
            if process.is_alive():
                process.kill()
                process.join()

    def add(self) -> None:
        """Start one more worker."""
        ours, theirs = multiprocessing.Pipe()
        spawn = multiprocessing.get_context("spawn")
        process = spawn.Process(target=work, args=(theirs, self.settings), daemon=True)
        with _environment(environment(os.environ)), _deaf_to(ASKS_TO_STOP):
            process.start()
        theirs.close()
        self.idle.append((ours, process))

    def give(self, node: Node) -> None:
        pipe, process = self.idle.pop()
        try:
            pipe.send(node)
        except BrokenPipeError:  # it died while it had nothing to do
            process.join()
            self.add()
            self.give(node)
        else:
            self.busy[pipe] = (process, node)

    def ask_to_stop(self) -> None:
        for pipe in self.busy:
            with contextlib.suppress(OSError):
                pipe.send(None)

    def hear(self) -> Iterator[tuple[str, Node, Any]]:
        """What the workers say, waiting at most half a second for the first word."""
        for pipe in wait(list(self.busy), timeout=0.5):
            assert isinstance(pipe, Connection)
            process, node = self.busy[pipe]
            try:
                word, _, detail = pipe.recv()
            except (EOFError, OSError):
                del self.busy[pipe]
                process.join()
                yield "died", node, None
                continue
            if word != "progress":
                del self.busy[pipe]
                self.idle.append((pipe, process))
            yield word, node, detail


@contextlib.contextmanager
def _environment(variables: Mapping[str, str | None]) -> Iterator[None]:
    """The variables, for processes started inside.  None: without it."""
    before = {name: os.environ.get(name) for name in variables}
    try:
        _set(variables)
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextlib.contextmanager
def _deaf_to(signals: tuple[signal.Signals, ...]) -> Iterator[None]:
    """Processes started inside never hear these signals, not even while they start."""
    resource_tracker.ensure_running()  # started in between, it would end the blocking
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """The list into which the signals that ask to stop are written while inside."""
    caught: list[int] = []
    try:
        before = {one: signal.signal(one, lambda number, _: caught.append(number)) for one in ASKS_TO_STOP}
    except ValueError:  # not in the main thread (a notebook's executor): signals stay whose they were
        yield caught
        return
    try:
        yield caught
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
