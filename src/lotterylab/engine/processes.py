"""A worker process as its parent sees it: its start, its last output, its end."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import socket
import struct
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, BinaryIO

from lotterylab.engine.patience import Patience
from lotterylab.engine.surroundings import main_hidden
from lotterylab.engine.worker import ASKS_TO_STOP, Settings, environment, work
from lotterylab.plan.nodes import Node

LAST_LINES, MOST_LETTERS = 12, 800  # of the output of a worker that died
SAVE_SECONDS = 0.5  # for a busy worker to end by itself
END_SECONDS = 5.0  # for an idle worker
START_SECONDS = 60.0  # a worker imports torch before its first message, perhaps from a slow disk
PIPE_SECONDS = 20  # for a message that has begun; if it takes longer, the other end hangs


@dataclass(kw_only=True, eq=False)
class Worker:
    """A worker: its process, our end of its pipe, and its task; ``words`` is its output before it was ready."""

    pipe: Connection
    process: BaseProcess
    words: BinaryIO | None
    patience: Patience
    ready: bool = False
    node: Node | None = None
    text: str = ""

    def end(self, seconds: float = 0.0) -> None:
        """Wait for the process to end, then kill it."""
        with contextlib.suppress(OSError):
            self.pipe.close()
        self.process.join(timeout=seconds)
        if self.process.is_alive():
            self.process.kill()
            self.process.join(timeout=END_SECONDS)  # a process that waits for a broken disk cannot be killed
        self.close_words()

    def close_words(self) -> None:
        """Keep the output so far and close its file."""
        if self.words:
            with contextlib.suppress(OSError):
                self.words.seek(0)
                self.text = self.words.read().decode(errors="replace")
            self.words.close()
            self.words = None

    def last_words(self) -> str:
        """Return the end of the output before it was ready, on one line; without output, how the process ended."""
        lines = ["".join(filter(str.isprintable, line)) for line in self.text.strip().splitlines()]
        code = self.process.exitcode or 0
        how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        words = " | ".join(lines[-LAST_LINES:])
        return f"...{words[-MOST_LETTERS:]}" if len(words) > MOST_LETTERS else words or f"no output ({how})"


def start(settings: Settings, patience_seconds: float) -> Worker:
    """Start a worker; after a failure nothing is left open.

    Raises:
        OSError: the system refuses.
    """
    with contextlib.ExitStack() as after, contextlib.ExitStack() as after_failure:
        ours, theirs = multiprocessing.Pipe()
        after.callback(theirs.close)
        after_failure.callback(ours.close)
        _limit(ours)
        words = _file_for_words()
        if words:
            after_failure.callback(words.close)
        with _stderr_into(words) as stderr:
            process = spawned(work, theirs, settings, stderr, needs_main=settings.needs_main)
        after_failure.pop_all()
        patience = Patience(floor=max(START_SECONDS, patience_seconds), process=process.pid or 0)
        return Worker(pipe=ours, process=process, words=words, patience=patience)


def spawned(target: Callable[..., None], *given: Any, needs_main: bool) -> BaseProcess:
    """Start a process that computes, with the environment of all workers and deaf to requests to stop.

    Args:
        target: what it calls.
        given: the arguments of the call.
        needs_main: whether it imports the caller's script.

    Raises:
        OSError: the system refuses.
    """
    with _environment(environment(os.environ)), _deaf_to(ASKS_TO_STOP), main_hidden(not needs_main):
        process = multiprocessing.get_context("spawn").Process(target=target, args=given, daemon=True)
        process.start()
    return process


def _limit(pipe: Connection) -> None:
    """Limit the time for a message that has begun, since a stopped worker may be in the middle of it."""
    with socket.socket(fileno=os.dup(pipe.fileno())) as ours:
        seconds = struct.pack("ll", PIPE_SECONDS, 0)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, seconds)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, seconds)


def _file_for_words() -> BinaryIO | None:
    """Return a file for a worker's output until it is ready, or None without a place for it or without a stderr."""
    try:
        os.fstat(2)
        if hasattr(os, "memfd_create"):
            return os.fdopen(os.memfd_create("words"), "w+b")
        return tempfile.TemporaryFile()  # type: ignore[return-value]
    except OSError:
        return None


@contextlib.contextmanager
def _stderr_into(words: BinaryIO | None) -> Iterator[Connection | None]:
    """Let processes started inside write errors into ``words``; yield the stderr that they use once they are ready."""
    if words is None:
        yield None
        return
    before = Connection(os.dup(2), readable=False)  # a connection can be passed to a process that starts
    try:
        os.dup2(words.fileno(), 2)
        yield before
    finally:
        os.dup2(before.fileno(), 2)
        before.close()


@contextlib.contextmanager
def _environment(variables: Mapping[str, str | None]) -> Iterator[None]:
    """Give processes started inside these variables; None removes a variable."""
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
    """Keep these signals from processes started inside, even while they start."""
    resource_tracker.ensure_running()  # if it started inside the block, it would unblock the signals
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
