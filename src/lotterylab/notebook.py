"""A study from a notebook or a script: the same plan, store and numbers as the command's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lotterylab.engine.results import Result, results
from lotterylab.engine.store import Store
from lotterylab.errors import LotteryError


def run_study(name: str, *, store: str | Path, workers: int | None = None, **options: Any) -> list[Result]:
    """Compute what is missing of a study and return its rows.

    ``run_study("activations", data="digits", preset="small", seeds=1, store="my-store")``; ``options`` are those of the
    command.  ``workers``: processes of one thread each (default: one for each core); 0 computes in this process, which
    knows the models and criteria that were defined in it.  Interrupted (Ctrl-C), the same call goes on.
    ``report.table.render`` prints the rows.

    Raises:
        UsageError: for options that the command would refuse too.
        LotteryError: when runs failed; what is finished is kept.
        KeyboardInterrupt: when interrupted.
    """
    from lotterylab.engine.here import run_here
    from lotterylab.engine.local import run
    from lotterylab.studies.catalogue import request_kind

    resolved = request_kind(name)(**options).resolve()
    place = Store(store)
    if workers == 0:
        summary = run_here(resolved.study.targets(), place, data_dir=resolved.data_dir)
    else:
        summary = run(resolved.study.targets(), place, data_dir=resolved.data_dir, workers=workers)
    if summary.interrupted:
        raise KeyboardInterrupt
    if summary.failed:
        first = next(iter(summary.failed.values()))
        raise LotteryError(f"{len(summary.failed)} tasks failed, the first with: {first}")
    return results(resolved.study, place)
