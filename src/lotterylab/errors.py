"""Errors state what was asked, what was found and what to do; each class has an exit code."""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from lotterylab.formats.text import shown

LONGEST, MOST_COMPARED = 100, 1000  # letters of a compared word, and compared words
MOST_SUGGESTED, MOST_LISTED = 3, 8  # words at the same distance, and known words where none is near
MOST_LETTERS = 4000  # letters of a message


class LotteryError(Exception):
    """The base class of the package's errors; docs/command.md documents their exit codes."""

    exit_code = 1

    def __str__(self) -> str:
        """Return the message as one line with control characters made harmless; it may quote foreign names."""
        return shown(super().__str__(), most=MOST_LETTERS)


class UsageError(LotteryError, ValueError):
    """An option or argument is wrong, or input is missing or damaged; nothing was started.

    ``option``: the name of the option that was wrong ("dense_epochs", "model.width"), if an option was.
    """

    exit_code = 2

    def __init__(self, message: str = "", *, option: str = "") -> None:
        super().__init__(message)
        self.option = option


class CallError(UsageError, TypeError):
    """A function or class was called with arguments that it does not take, or without one that it needs."""


@contextmanager
def about(option: str) -> Iterator[None]:
    """Mark each ``UsageError`` of the block as an error of this option."""
    try:
        yield
    except UsageError as error:
        error.option = option
        raise


class DamageError(LotteryError):
    """A stored file does not match its checksum; ``path`` is the file, or None."""

    exit_code = 5

    def __init__(self, message: str, path: Path | None = None) -> None:
        super().__init__(message)
        self.path = path


class SystemRefusal(LotteryError):
    """The operating system refused: the disk is full or read-only, files cannot be locked, no process can start."""

    exit_code = 4


class RefusedError(LotteryError):
    """The store is in use by another process, or was written by a newer version."""

    exit_code = 6


class LotteryWarning(UserWarning):
    """A mask or a number may not mean what a reader takes it for."""


def warn(message: str) -> None:
    """Warn once, at the line outside of the package that called it."""
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in (__package__, "contextlib"):
        frame, level = frame.f_back, level + 1
    warnings.warn(shown(message, most=MOST_LETTERS), LotteryWarning, stacklevel=level)


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'activations'?"``, or "" if no known word is near.

    Examples:
        >>> suggestion("relo", ["relu", "tanh"])
        " Did you mean 'relu'?"
    """
    near = nearest(word, known)
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""


def near_or_known(word: str, known: Iterable[str]) -> str:
    """Return the suggestion of a near word, or else the first known words.

    Examples:
        >>> near_or_known("conv", ["0.weight", "2.weight"])
        ' There are: 0.weight, 2.weight.'
    """
    words = list(known)
    more = ", ..." if len(words) > MOST_LISTED else ""
    return suggestion(word, words) or f" There are: {', '.join(words[:MOST_LISTED])}{more}."


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """Return the known words near ``word``, at most three; [] if none is near.

    Near means few edits (a letter changed, missing, added, or two swapped) or, failing that, many letters in common.
    Words at the same distance are all named.

    Examples:
        >>> nearest("relo", ["relu", "tanh"])
        ['relu']
    """
    # the time grows with the product of the lengths, and the word may be hostile
    names = [name for name in islice(known, MOST_COMPARED) if len(name) <= LONGEST] if len(word) <= LONGEST else []
    by_edits: dict[int, list[str]] = {}
    for name in names:
        by_edits.setdefault(edits(word.lower(), name.lower()), []).append(name)
    least = min(by_edits, default=len(word) + 1)
    if least <= max(1, len(word) // 4) and least < len(word):
        return by_edits[least][:MOST_SUGGESTED]
    return difflib.get_close_matches(word, names, n=1, cutoff=0.6)


def edits(a: str, b: str) -> int:
    """Return the least number of letters to change, add, drop or swap with a neighbour that turns a into b.

    The distance is optimal string alignment: Damerau-Levenshtein without editing a swapped pair again.

    Examples:
        >>> edits("snip", "sinp")
        1
    """
    rows = [list(range(len(b) + 1))]
    for i, letter in enumerate(a, start=1):
        row = [i]
        for j, other in enumerate(b, start=1):
            least = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                least = min(least, rows[-2][j - 2] + 1)
            row.append(least)
        rows.append(row)
    return rows[-1][-1]


def unknown(kind: str, word: str, known: Iterable[str]) -> UsageError:
    """Return the error for a name that is not among ``known``, or for a value that is not a name."""
    names = sorted(known)
    if not isinstance(word, str):
        article = "an" if kind[:1] in "aeio" else "a"
        return UsageError(f"{word!r} is not the name of {article} {kind}. Known: {', '.join(names)}.")
    return UsageError(f"no {kind} is named '{word}'.{suggestion(word, names)} Known: {', '.join(names)}.")


def a_type(value: object) -> str:
    """Return the type of a value with its article.

    Examples:
        >>> a_type(3), a_type([])
        ('an int', 'a list')
    """
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeio' else 'a'} {name}"
