"""Strikes at a run with workers: a process of its own that kills, stops and continues parent and workers."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path


def workers_of(parent: int) -> list[int]:
    """Processes that compute for a parent."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent and b"spawn_main" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return sorted(found)


def send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def await_workers(parent: int, seconds: float = 30) -> list[int]:
    """The workers, as soon as there are some."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if workers := workers_of(parent):
            return workers
        time.sleep(0.02)
    return []


def strike(whom: str, seed: int, spread: float) -> Callable[[int], None]:
    """What the striking process does to a parent; ``spread``: seconds over which it strikes."""
    draw = random.Random(seed)

    def pause(share: float = 1.0) -> None:
        time.sleep(draw.uniform(0, spread * share))

    def kill_workers(parent: int) -> None:
        for _ in range(draw.randint(1, 3)):
            pause(0.5)
            if workers := workers_of(parent):
                send(draw.choice(workers), signal.SIGKILL)

    def kill_parent(parent: int) -> None:
        pause()
        send(parent, signal.SIGKILL)

    def kill_both(parent: int) -> None:
        pause()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(parent, signal.SIGKILL)

    def stop_worker(parent: int) -> None:
        pause()
        if workers := workers_of(parent):
            stopped = draw.choice(workers)
            send(stopped, signal.SIGSTOP)
            time.sleep(1.5)
            send(stopped, signal.SIGCONT)

    def stop_parent(parent: int) -> None:
        pause()
        send(parent, signal.SIGSTOP)
        time.sleep(1.5)
        send(parent, signal.SIGCONT)

    def hang_worker(parent: int) -> None:
        pause()
        if workers := workers_of(parent):
            send(draw.choice(workers), signal.SIGSTOP)

    return {
        "workers": kill_workers,
        "parent": kill_parent,
        "both": kill_both,
        "a worker, for a while": stop_worker,
        "the parent, for a while": stop_parent,
        "a worker, for good": hang_worker,
    }[whom]


def begin(whom: str, seed: int, spread: float) -> int:
    """Fork the striking process, in a group of its own; it begins when there are workers."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        for handle in (1, 2):
            os.close(handle)
        if await_workers(parent):
            strike(whom, seed, spread)(parent)
    finally:
        os._exit(0)
