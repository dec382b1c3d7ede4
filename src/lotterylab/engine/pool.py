"""The pool of worker processes: given tasks, listened to, replaced if they die or hang, always ended."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import Any

from lotterylab.engine.patience import Patience
from lotterylab.engine.processes import END_SECONDS, SAVE_SECONDS, Worker, start
from lotterylab.engine.worker import Settings
from lotterylab.errors import LotteryError, SystemRefusal
from lotterylab.plan.nodes import Node
from lotterylab.system.refusals import is_of_the_system, refusal

EARLY_DEATHS = 3  # workers in a row that end before they are ready; more cannot be an accident
EARLY_KILLS = 10  # workers in a row that are killed before they are ready
TURN_SECONDS = 0.5


@dataclass(kw_only=True)
class Pool:
    """At most ``count`` workers; used as a context manager, after which no worker runs.

    Args:
        count: number of workers wanted.
        settings: the settings of all tasks.
        patience_seconds: silence after which a hanging worker is reported; after twice as long it is replaced.
    """

    count: int
    settings: Settings
    patience_seconds: float = 60.0
    workers: list[Worker] = field(default_factory=list)
    early_deaths: int = 0
    has_spoken: bool = False  # whether any worker has sent a message about a task
    refused: str = ""  # why there are fewer workers than wanted
    urgent: bool = False  # end at once
    wanted: int = field(init=False)

    def __post_init__(self) -> None:
        self.wanted = self.count

    def __enter__(self) -> Pool:
        try:
            self.fill(self.count)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all workers: idle workers end by themselves, busy workers are killed if they do not end soon."""
        workers, self.workers = self.workers, []
        for worker in workers:
            with contextlib.suppress(OSError):
                worker.pipe.close()  # an idle worker ends at this
        soon = time.monotonic() + SAVE_SECONDS
        later = time.monotonic() + END_SECONDS
        for worker in workers:
            deadline = soon if worker.node else later
            worker.end(max(0.0, deadline - time.monotonic()) if worker.ready and not self.urgent else 0.0)

    def fill(self, wanted: int) -> None:
        """Start workers until there are ``wanted``, or as many as the system allows.

        Raises:
            SystemRefusal: the system allows no worker.
            LotteryError: workers die before they are ready, one after another.
        """
        while len(self.workers) < min(wanted, self.count):
            try:
                self.add()
            except OSError as error:
                if not self.workers:
                    raise refusal(error, "to start a worker process") from error
                self.refused = str(refusal(error, "to start a worker process"))
                self.count = len(self.workers)

    def add(self) -> None:
        """Start one more worker."""
        self.workers.append(start(self.settings, self.patience_seconds))

    @property
    def idle(self) -> list[Worker]:
        """Return the workers that are ready for a task."""
        return [worker for worker in self.workers if worker.ready and worker.node is None]

    def give(self, node: Node) -> bool:
        """Hand a task to an idle worker; return False if that worker turns out to be dead, and remove it."""
        worker = self.idle[-1]
        try:
            worker.pipe.send(node)
        except OSError:
            self._remove(worker)
            return False
        worker.node = node
        worker.patience = Patience(floor=self.patience_seconds, process=worker.process.pid or 0)
        return True

    def ask_to_stop(self) -> None:
        """Let each busy worker save a checkpoint and stop."""
        for worker in self.workers:
            if worker.node:
                with contextlib.suppress(OSError):
                    worker.pipe.send(None)

    def hear(self) -> Iterator[tuple[str, Node | None, Any]]:
        """Yield the workers' messages, after at most half a second.

        A task whose worker died, is silent or hangs is yielded with "died", "silent" or "hung".  The task is None while
        a worker starts.

        Raises:
            LotteryError: workers die before they are ready, one after another.
        """
        by_pipe = {worker.pipe: worker for worker in self.workers}
        for pipe in wait(list(by_pipe), timeout=TURN_SECONDS):
            yield from self._hear_worker(by_pipe[pipe])  # type: ignore[index]
        for worker in list(self.workers):
            if worker.node or not worker.ready:
                yield from self._doubt(worker)

    def _hear_worker(self, worker: Worker) -> Iterator[tuple[str, Node | None, Any]]:
        try:
            word, _, detail = worker.pipe.recv()
        except Exception:  # the pipe's end, or bytes that are not a message
            node = worker.node
            self._remove(worker)
            if node:
                yield "died", node, None
            elif not worker.ready:
                self._note_early_death(worker)
            return
        worker.patience.heard()
        if word == "ready":
            worker.ready, self.early_deaths = True, 0
            worker.close_words()
            return
        self.has_spoken = True
        if word != "alive":
            node = worker.node
            if word != "progress":
                worker.node = None
            yield word, node, detail

    def _doubt(self, worker: Worker) -> Iterator[tuple[str, Node | None, Any]]:
        doubt = worker.patience.doubt(worker.node)
        if doubt is None:
            return
        node = worker.node
        yield ("hung" if doubt.replaced else "silent"), node, doubt
        if doubt.replaced:
            self._remove(worker)
            if node is None:
                self._note_early_death(worker)

    def _remove(self, worker: Worker) -> None:
        self.workers.remove(worker)
        code = worker.process.exitcode
        worker.end(0.0 if code is not None else SAVE_SECONDS)

    def _note_early_death(self, worker: Worker) -> None:
        self.early_deaths += 1
        by_itself = (worker.process.exitcode or 0) >= 0
        if self.early_deaths < (EARLY_DEATHS if by_itself else EARLY_KILLS):
            return
        if not self.workers:
            words = worker.last_words()
            kind = SystemRefusal if is_of_the_system(RuntimeError(words)) else LotteryError
            raise kind(cannot_begin(self.early_deaths, words))
        self.count = len(self.workers)  # running workers go on
        self.refused = f"new worker processes die before they begin. Last output of a worker: {worker.last_words()}"


def cannot_begin(deaths: int, words: str) -> str:
    """Return the error text for workers that die before they do anything."""
    return (
        f"{deaths} worker processes in a row died before they could begin. A module that they import, or a part of "
        "this installation, ends them. What is finished is kept, and the same command goes on. Last output of a "
        f"worker: {words}"
    )
