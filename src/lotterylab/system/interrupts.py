"""Signals that ask a command to stop: heard once, and not forgotten if a library swallows them."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from dataclasses import dataclass, field


class Interrupted(KeyboardInterrupt):
    """A signal asked the command to stop.

    After a plain KeyboardInterrupt inside ``exec``, which makes dataclasses, CPython ends the process by a signal, even
    where the interrupt was handled.
    """


@dataclass(frozen=True)
class Hearing:
    """A handler of signals that raises ``Interrupted`` and keeps the number.

    A library that is being imported may swallow the exception (a bare ``except``): whoever is about to compute asks
    ``heard_by_now``.
    """

    heard: list[int] = field(default_factory=list)

    def __call__(self, number: int, frame: object) -> None:
        """Keep the signal's number, and raise ``Interrupted``."""
        self.heard.append(number)
        raise Interrupted


def heard_by_now(numbers: Iterable[int]) -> list[int]:
    """The signals that a ``Hearing`` among the present handlers of ``numbers`` has heard, in their order."""
    for number in numbers:
        handler = signal.getsignal(number)
        if isinstance(handler, Hearing):
            return list(handler.heard)
    return []
