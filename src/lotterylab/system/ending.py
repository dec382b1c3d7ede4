"""The end of a process that only looked: at once, without giving back its memory object by object.

A plan of 10,000 rows with its records is a million objects.  Freeing them takes 0.3 s, at the end of a ``status`` of 2.
"""

from __future__ import annotations

import atexit
import os
import sys

_held: list[object] | None = None


def is_near() -> None:
    """From now on ``hold`` holds: the process ends with the command that it is about to run, by ``leave``."""
    global _held
    _held = []


def hold(*values: object) -> None:
    """Keep large values until the process ends, if it ends with this command; else they are freed as always."""
    if _held is not None:
        _held.append(values)


def leave(code: int) -> None:
    """End the process, after all that was registered with ``atexit`` and with the output written.

    It returns, and the interpreter ends as always, where the process does not end with its command, or where output
    cannot be written.
    """
    if _held is None:
        return
    atexit._run_exitfuncs()  # a library's temporary folder goes
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        return
    os._exit(code)
