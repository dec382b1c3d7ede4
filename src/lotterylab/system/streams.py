"""What is told to a person may be lost; what is computed may not: streams whose reader may go away."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

ALWAYS: Callable[[OSError], bool] = lambda error: True  # noqa: E731 - a policy by name


class OutputLost(Exception):
    """The output of a command could not be written.  ``error``: what the system said."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


def is_closed_pipe(error: OSError) -> bool:
    """Whether the reader of our output has gone (``| head``)."""
    return error.errno in (errno.EPIPE, errno.ESHUTDOWN)


def has_no_reader(error: OSError) -> bool:
    """Whether nobody is there to read our output: a closed pipe, a closed terminal, or none from the beginning."""
    return is_closed_pipe(error) or error.errno in (errno.EIO, errno.EBADF)


class Stream:
    """A text stream that goes on after an error.

    ``silent(error)`` decides whether an error is swallowed, and with it all that is written later; else it is raised as
    ``OutputLost``.  In both cases the interpreter's last flush of the stream finds nothing to complain about.
    """

    def __init__(self, stream: TextIO | None, silent: Callable[[OSError], bool]) -> None:
        self._stream = stream or io.StringIO()  # a process without a console has None there
        self._silent = silent

    def write(self, text: str) -> int:
        """Write ``text``; returns its length."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._lose(error)
            return len(text)

    def writelines(self, lines: Any) -> None:
        """Write each of ``lines``."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hand what was written to the system."""
        try:
            self._stream.flush()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        _to_nowhere(self._stream)
        if not self._silent(error):
            raise OutputLost(error) from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _to_nowhere(stream: TextIO) -> None:
    """Let the stream's descriptor lead to /dev/null, so that what it has buffered can be flushed."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
    except OSError:
        return
    try:
        os.dup2(nowhere, stream.fileno())
    except (OSError, ValueError, AttributeError):  # a stream without a descriptor keeps no bytes from the interpreter
        return
    finally:
        os.close(nowhere)


@contextmanager
def guarded(*, out: Callable[[OSError], bool] = ALWAYS, err: Callable[[OSError], bool] = ALWAYS) -> Iterator[None]:
    """Inside, errors of stdout and stderr are swallowed where ``out`` and ``err`` say so, else are ``OutputLost``."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = cast(TextIO, Stream(before[0], out)), cast(TextIO, Stream(before[1], err))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def open_standard_streams() -> None:
    """Let descriptors 0, 1 and 2 be open, also where the command was started without them (``2>&-``).

    Else the next file that is opened gets their number, and a library's words for a person would be written into it.
    """
    for number, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # gets the lowest free number; writing to 1 fails, as it would have
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)
