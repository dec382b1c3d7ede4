"""Computing a plan in this process, one task after the other: for a notebook, and for specs defined in it."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from pathlib import Path

from lotterylab.engine.local import Summary
from lotterylab.engine.schedule import Schedule
from lotterylab.engine.store import Store
from lotterylab.plan.nodes import Node


def run_here(
    targets: Iterable[Node],
    store: Store,
    *,
    data_dir: Path | None = None,
    fast: bool = True,
    device: str = "cpu",
    save_every_seconds: float = 20.0,
) -> Summary:
    """As ``local.run``, with the same bits: one thread while it computes.  Ctrl-C ends it at once; the last checkpoint
    is kept, and the same call goes on."""
    import torch

    from lotterylab.engine.context import Context
    from lotterylab.engine.rules import execute

    targets, summary = list(targets), Summary()
    if not Schedule(targets, store):
        return summary
    store.create()
    threads = torch.get_num_threads()
    with store.lock():
        store.sweep()
        schedule = Schedule(targets, store)
        context = Context(
            store=store, data_dir=data_dir, fast=fast, device=device, save_every_seconds=save_every_seconds
        )
        torch.set_num_threads(1)
        try:
            while (node := schedule.next()) is not None:
                try:
                    execute(node, context)
                except Exception as error:
                    message = f"{type(error).__name__}: {error}"
                    schedule.fail(node.digest)
                    summary.failed[node.digest] = message
                    store.remember_failure(node.digest, message, traceback.format_exc())
                else:
                    schedule.done(node.digest)
                    summary.done += 1
        finally:
            torch.set_num_threads(threads)
        summary.skipped = len(schedule.skipped)
    return summary
