"""Computing a plan in this process, one task after another: for a notebook, and for specs defined in it."""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lotterylab.engine.local import ATTEMPTS, Event, Summary, finished, prepared, put_in_order, say
from lotterylab.engine.lock import Lock
from lotterylab.engine.schedule import Schedule
from lotterylab.engine.store import Store
from lotterylab.engine.tasks import compute
from lotterylab.errors import DamageError, LotteryError
from lotterylab.own_code.references import described
from lotterylab.plan.nodes import Node
from lotterylab.system.refusals import failure, is_of_the_system, refusals

if TYPE_CHECKING:
    from lotterylab.engine.context import Context


EVERY_SECONDS = 0.1  # between two events of progress of one run
LOCKS: dict[int, threading.RLock] = {}  # by process: one that was forked has no part in what its parent computes


def run_here(
    targets: Iterable[Node],
    store: Store,
    *,
    data_dir: Path | None = None,
    fast: bool = True,
    device: str = "cpu",
    save_every_seconds: float = 20.0,
    study_facts: Mapping[str, str] | None = None,
    listen: Callable[[Event], None] = lambda event: None,
) -> Summary:
    """Compute the missing tasks of ``targets`` in this process, with the bits and the arguments of ``local.run``.

    ``listen`` is called with the events of tasks; by default nothing is reported.

    While it computes, torch has one thread and the switches of a new process.  These belong to the whole process, so
    calls from other threads wait.  Ctrl-C ends it at once; the last checkpoint is kept, and the same call goes on from
    there.

    Environment variables that choose kernels (``ONEDNN_MAX_CPU_ISA``, ``MKL_CBWR`` ...) cannot be cleared in a running
    process.  They are a fact of the results, and an unfinished run with other facts starts again.

    Raises:
        SystemRefusal: the operating system refuses to open or lock the store.
        RefusedError: another process is computing in the store.
    """
    import torch

    from lotterylab.engine.context import Context

    targets = list(targets)
    with (
        LOCKS.setdefault(os.getpid(), threading.RLock()),
        refusals(f"to use the store {store.path}", store.path),
    ):
        if not Schedule(targets, store):
            return put_in_order(store)
        store.create()
        with store.lock() as lock:
            schedule, summary = prepared(targets, store), Summary()
            context = Context(
                store=store,
                data_dir=data_dir,
                fast=fast,
                device=device,
                save_every_seconds=save_every_seconds,
                study_facts=study_facts or {},
                progress=_Rarely(listen),
            )
            # trainings seed torch's generators, which belong to the caller
            generators = torch.random.fork_rng(devices=[] if device == "cpu" else [torch.device(device)])
            with generators:
                _all_of(schedule, context, lock, summary, listen)
            summary.skipped = len(schedule.skipped)
    say(*store.files.moved)
    return summary


def _all_of(
    schedule: Schedule, context: Context, lock: Lock, summary: Summary, listen: Callable[[Event], None]
) -> None:
    attempts: Counter[str] = Counter()
    while (node := schedule.next()) is not None:
        lock.check()
        attempts[node.digest] += 1
        listen(Event(word="started", node=node))
        record, message, trace = None, "", ""
        try:
            record = compute(node, context)
        except DamageError as error:
            if error.path:
                with contextlib.suppress(OSError):
                    context.store.files.set_aside(error.path, "a task could not read it")
            if attempts[node.digest] < ATTEMPTS:
                schedule.again(node.digest)
                continue
            message, trace = failure(error), traceback.format_exc()
        except Exception as error:
            record = finished(node, context.store)  # an error after the commit does not make the task fail
            ours = isinstance(error, LotteryError) or is_of_the_system(error)
            message, trace = failure(error) if ours else described(error), traceback.format_exc()
        if record is None:
            schedule.fail(node.digest)
            summary.failed[node.digest] = message
            with contextlib.suppress(OSError, LotteryError):  # a full disk may be why it failed; other tasks go on
                context.store.remember_failure(node.digest, message, trace)
            listen(Event(word="failed", node=node, detail=(message, trace)))
        else:
            schedule.done(node.digest)
            summary.done += 1
            listen(Event(word="done", node=node, detail=(record.seconds, record.same_as)))


class _Rarely:
    """``_Rarely`` passes progress on, at most ten times a second for a run: a user's loop reports each step."""

    def __init__(self, listen: Callable[[Event], None]) -> None:
        self._listen, self._last = listen, (math.nan, "")

    def __call__(self, node: Node, done: int, of: int) -> None:
        now, (last, digest) = time.monotonic(), self._last
        if digest != node.digest or now - last >= EVERY_SECONDS or done == of:
            self._last = now, node.digest
            self._listen(Event(word="progress", node=node, detail=(done, of)))
