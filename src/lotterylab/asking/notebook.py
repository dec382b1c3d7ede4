"""A study from a notebook or a script: the same plan, store and numbers as the command's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lotterylab.engine.results import results
from lotterylab.engine.store import Store
from lotterylab.errors import LotteryError, unknown
from lotterylab.reading.rows import Rows


def run_study(name: str, *, store: str | Path, workers: int | None = None, **options: Any) -> Rows:
    """Compute what is missing of a study and return its rows.

    The same plan, store and numbers as the command's.  Interrupted (Ctrl-C), the same call goes on.
    ``reading.table.render`` prints the rows.

    Args:
        name: the study, such as "activations", or the reference of your own, "my_package.my_study:STUDY".
        store: the folder of results.
        workers: processes of one thread each (default: one for each core); 0 computes in this process, which knows the
            models and criteria that were defined in it.
        options: those of the command: ``data="digits"``, ``preset="small"``, ``seeds=1``.

    Returns:
        The rows, each with labels and ``metric("train.test_accuracy")``.

    Raises:
        UsageError: for options that the command would refuse too.
        LotteryError: when runs failed; what is finished is kept.
        SystemRefusal: when the operating system refuses: a full disk, a file system without locks.
        KeyboardInterrupt: when interrupted.

    Examples:
        >>> run_study("activations", store="my-store", data="digits", sede=1)
        Traceback (most recent call last):
        ...
        lotterylab.errors.UsageError: no option of activations is named 'sede'. Did you mean 'seeds'? ...
    """
    from lotterylab.asking.catalogue import study_named
    from lotterylab.asking.options import lines
    from lotterylab.engine.here import run_here
    from lotterylab.engine.local import run

    study = study_named(name)
    known = [line.name for line in lines(study.options)]
    for given in options:
        if given not in known:
            raise unknown(f"option of {name}", given, known)
    resolved = study.resolve(study.options(**options))
    place = Store(store)
    if workers == 0:
        summary = run_here(resolved.plan.targets(), place, data_dir=resolved.data_dir)
    else:
        summary = run(resolved.plan.targets(), place, data_dir=resolved.data_dir, workers=workers)
    if summary.interrupted:
        raise KeyboardInterrupt
    if summary.failed:
        first = next(iter(summary.failed.values()))
        raise LotteryError(f"{len(summary.failed)} tasks failed, the first with: {first}")
    return Rows(results(resolved.plan, place))
