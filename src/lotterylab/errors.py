"""Errors that say what was asked, what was found and what to do; each knows its exit code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LotteryError(Exception):
    """Base of all errors that are the program's to explain.  ``exit_code`` is documented in docs/command.md."""

    exit_code = 1


class UsageError(LotteryError, ValueError):
    """A wrong option, a wrong argument, missing or damaged input: nothing was started."""

    exit_code = 2


class DamageError(LotteryError):
    """A stored blob or manifest is not what its hash says."""

    exit_code = 5


class RefusedError(LotteryError):
    """The store is in use by another process, or was written by a newer version."""

    exit_code = 6


def suggestion(word: str, known: Iterable[str]) -> str:
    """``" Did you mean 'activations'?"``, or nothing when no known word is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{near[0]}'?" if near else ""


def unknown(kind: str, word: str, known: Iterable[str]) -> UsageError:
    """The error for a name that is not among ``known``."""
    names = sorted(known)
    return UsageError(f"no {kind} is named '{word}'.{suggestion(word, names)} Known: {', '.join(names)}.")
