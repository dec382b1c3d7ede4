"""The progress of a call from Python, and its end by an interrupt."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, get_args

from lotterylab.engine.local import Event
from lotterylab.engine.schedule import Schedule
from lotterylab.engine.store import Store
from lotterylab.errors import unknown
from lotterylab.formats.text import shown_path
from lotterylab.plan.plan import Plan
from lotterylab.report.progress import Meter, names_of, progress

Kind = Literal["auto", "bars", "plain", "none"]


@contextmanager
def watched(kind: Kind, plan: Plan, store: Store) -> Iterator[Callable[[Event], None] | None]:
    """Show the progress of a plan on stderr, and yield the function that takes the engine's events; None shows nothing.

    An interrupt inside becomes a ``KeyboardInterrupt`` with one line that says what is kept and how to go on, without
    the frames of what was interrupted.

    Args:
        kind: "bars"; "plain", a line every ten seconds; "none"; "auto": bars on a terminal, lines in a notebook, and
            nothing elsewhere.
        plan: the plan, for the names of its runs.
        store: the store, for what is missing.

    Raises:
        UsageError: the kind is none of these.
    """
    check_kind(kind)
    if kind == "auto":
        kind = "bars" if sys.stderr is not None and sys.stderr.isatty() else "plain" if _in_a_notebook() else "none"
    try:
        if kind == "none":
            yield None
            return
        waiting = list(Schedule(plan.targets(), store).waiting.values())
        with progress(kind, Meter(waiting, names_of(plan))) as listen:
            yield listen
    except KeyboardInterrupt:
        place = shown_path(store.path)
        raise KeyboardInterrupt(f"Interrupted. What is done is kept in {place}; the same call goes on.") from None


def check_kind(kind: str) -> None:
    """Refuse a word that is no kind of progress."""
    if kind not in get_args(Kind):
        raise unknown("kind of progress", kind, get_args(Kind))


def _in_a_notebook() -> bool:
    """Tell whether the code runs in a kernel of Jupyter, whose output is no terminal."""
    return "ipykernel" in sys.modules
