"""Signals that ask a command to stop: heard once, and remembered even if a library swallows the exception."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from dataclasses import dataclass, field


class Interrupted(KeyboardInterrupt):
    """A signal asked the command to stop.

    CPython ends the process by a signal after a plain KeyboardInterrupt inside ``exec`` (as in dataclasses), even if
    the interrupt was handled.
    """


@dataclass(frozen=True)
class Hearing:
    """A handler of signals that raises ``Interrupted`` and keeps the signal's number.

    A library that is being imported may swallow the exception (a bare ``except``), so code that is about to compute
    calls ``heard_by_now``.
    """

    heard: list[int] = field(default_factory=list)

    def __call__(self, number: int, frame: object) -> None:
        """Keep the signal's number, and raise ``Interrupted``."""
        self.heard.append(number)
        raise Interrupted


def heard_by_now(numbers: Iterable[int]) -> list[int]:
    """Return the signals heard so far by a ``Hearing`` that handles one of ``numbers``, in their order."""
    for number in numbers:
        handler = signal.getsignal(number)
        if isinstance(handler, Hearing):
            return list(handler.heard)
    return []
