"""A study from a notebook or a script: the same plan, store and numbers as the command's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from os import PathLike
from pathlib import Path
from typing import Any, get_type_hints

from lotterylab.engine.results import results
from lotterylab.engine.store import Store
from lotterylab.errors import LotteryError, unknown
from lotterylab.own_code.options import Option, converted
from lotterylab.reading.rows import Rows


def run_study(name: str, *, store: str | Path, workers: int | None = None, **options: Any) -> Rows:
    """Compute what is missing of a study and return its rows.

    ``run_study("activations", data="digits", preset="small", seeds=1, store="my-store")``; ``options`` are those of the
    command.  ``workers``: processes of one thread each (default: one for each core); 0 computes in this process, which
    knows the models and criteria that were defined in it.  Interrupted (Ctrl-C), the same call goes on.
    ``reading.table.render`` prints the rows.

    Raises:
        UsageError: for options that the command would refuse too.
        LotteryError: when runs failed; what is finished is kept.
        SystemRefusal: when the operating system refuses: a full disk, a file system without locks.
        KeyboardInterrupt: when interrupted.
    """
    from lotterylab.asking.catalogue import request_kind
    from lotterylab.engine.here import run_here
    from lotterylab.engine.local import run

    kind = request_kind(name)
    resolved = kind(**_checked(kind, options, name)).resolve()
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
    return Rows(results(resolved.study, place))


def _checked(kind: type, options: Mapping[str, Any], study: str) -> dict[str, Any]:
    """Options in the types of the command's, so that they name the same results: 1 for a rate is 1.0, a list a tuple.

    Raises:
        UsageError: an unknown option, or a value of another type.
    """
    hints = get_type_hints(kind)
    known = {one.name: hints[one.name] for one in fields(kind)}
    for given in options:
        if given not in known:
            raise unknown(f"option of {study}", given, known)
    plain = {given: str(value) if isinstance(value, PathLike) else value for given, value in options.items()}
    return {
        given: value
        if isinstance(value, Mapping)  # the options of a model or of data, which are checked with them
        else converted(value, Option(name=given, type=known[given], required=False), study)
        for given, value in plain.items()
    }
