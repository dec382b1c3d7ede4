"""Running a study from a notebook or a script, with the plan, store and numbers of the command."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lotterylab.engine.results import results
from lotterylab.engine.store import Store
from lotterylab.errors import LotteryError, unknown
from lotterylab.from_python.watching import Kind, check_kind, watched
from lotterylab.plan.plan import Plan
from lotterylab.reading.rows import Rows


def run_study(
    name: str, *, store: str | Path, workers: int | None = None, progress: Kind = "auto", **options: Any
) -> Rows:
    """Compute the missing results of a study and return its rows.

    Plan, store and numbers are those of the command.  After an interrupt (Ctrl-C), the same call goes on.
    ``reading.table.render`` prints the rows.

    Args:
        name: the study, such as "activations", or a reference to your own study, "my_package.my_study:STUDY".
        store: the folder of results.
        workers: processes of one thread each (default: one for each core); 0 computes in this process, which knows the
            models and criteria that were defined in it.  In the worker of another pool, which may start no processes,
            the default is 0.
        progress: on stderr: "bars"; "plain", a line every ten seconds; "none"; "auto": bars on a terminal, lines in a
            notebook, and nothing elsewhere.
        options: the options of the command: ``data="digits"``, ``preset="small"``, ``seeds=1``.

    Returns:
        The rows, each with labels and ``metric("train.test_accuracy")``.

    Raises:
        UsageError: an option is wrong, as for the command.
        LotteryError: a task failed; finished results are kept.
        SystemRefusal: the operating system refuses: a full disk, a file system without locks.
        KeyboardInterrupt: the run was interrupted.

    Examples:
        >>> run_study("activations", store="my-store", data="digits", sede=1)
        Traceback (most recent call last):
        ...
        lotterylab.errors.UsageError: no option of activations is named 'sede'. Did you mean 'seeds'? ...
    """
    from lotterylab.asking.catalogue import study_named
    from lotterylab.asking.options import lines

    study = study_named(name)
    known = [line.name for line in lines(study.options)]
    for given in options:
        if given not in known:
            raise unknown(f"option of {name}", given, known)
    resolved = study.resolve(study.options(**options))
    return computed(
        resolved.plan,
        Store(store),
        data_dir=resolved.data_dir,
        workers=workers,
        study_facts=resolved.facts,
        progress=progress,
    )


def computed(
    plan: Plan,
    store: Store,
    *,
    data_dir: Path | None,
    workers: int | None = None,
    device: str = "cpu",
    study_facts: Mapping[str, str] | None = None,
    progress: Kind = "auto",
) -> Rows:
    """Compute the missing results of a plan and return its rows.

    ``workers``, ``progress``: as in ``run_study``.  ``study_facts``: as in ``local.run``.

    Raises:
        LotteryError: a task failed; finished results are kept.
        KeyboardInterrupt: the run was interrupted.
    """
    from lotterylab.engine.here import run_here
    from lotterylab.engine.local import run, say
    from lotterylab.engine.reuse import not_reused
    from lotterylab.engine.surroundings import is_daemonic

    targets = list(plan.targets())
    check_kind(progress)
    say(*not_reused(targets, store))
    options: dict[str, Any] = {"data_dir": data_dir, "device": device, "study_facts": study_facts}
    with watched(progress, plan, store) as listen:
        if listen is not None:
            options["listen"] = listen
        if workers == 0 or (workers is None and is_daemonic()):
            summary = run_here(targets, store, **options)
        else:
            summary = run(targets, store, workers=workers, **options)
        if summary.interrupted:
            raise KeyboardInterrupt
    if summary.failed:
        first = next(iter(summary.failed.values()))
        raise LotteryError(f"{len(summary.failed)} tasks failed, the first with: {first}")
    return Rows(results(plan, store))
