"""Standard streams whose reader may go away: messages may be lost, results may not."""

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
    """The output of a command could not be written; ``error`` is the system's error."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


def is_closed_pipe(error: OSError) -> bool:
    """Return whether the reader of our output has gone (``| head``)."""
    return error.errno in (errno.EPIPE, errno.ESHUTDOWN)


def has_no_reader(error: OSError) -> bool:
    """Return whether our output has no reader: a closed pipe or terminal, or none from the start."""
    return is_closed_pipe(error) or error.errno in (errno.EIO, errno.EBADF)


class Stream:
    """A text stream that goes on after an error.

    ``silent(error)`` decides whether an error is swallowed, and with it all that is written later; else it is raised as
    ``OutputLost``.  In both cases the interpreter's last flush of the stream finds nothing to complain about.
    """

    def __init__(self, stream: TextIO | None, silent: Callable[[OSError], bool]) -> None:
        self._stream = stream or io.StringIO()  # a process without a console has None
        self._silent = silent

    def write(self, text: str) -> int:
        """Write ``text`` and return its length."""
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
        """Pass written text to the system."""
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
    """Redirect the stream's descriptor to /dev/null, so that its buffer can still be flushed."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
    except OSError:
        return
    try:
        os.dup2(nowhere, stream.fileno())
    except (OSError, ValueError, AttributeError):  # without a descriptor, the interpreter has no buffer to flush
        return
    finally:
        os.close(nowhere)


@contextmanager
def guarded(*, out: Callable[[OSError], bool] = ALWAYS, err: Callable[[OSError], bool] = ALWAYS) -> Iterator[None]:
    """Swallow errors of stdout and stderr inside if ``out`` and ``err`` accept them; else raise ``OutputLost``."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = cast(TextIO, Stream(before[0], out)), cast(TextIO, Stream(before[1], err))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def open_standard_streams() -> None:
    """Open descriptors 0, 1 and 2 if the command was started without them (``2>&-``).

    Otherwise the next file that is opened gets such a number, and a library's messages would be written into it.
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
