"""Errors of the operating system as sentences: the path, the system's words, what to do."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from lotterylab.errors import LotteryError, SystemRefusal, UsageError
from lotterylab.formats.text import shown_path
from lotterylab.system.places import missing, refused, unread

_AGAIN = "what is finished is kept, and the same command goes on"
_ROOM = f"Free some space, or name another place (--store, --out); {_AGAIN}."
_DISK = "The disk or its connection may be failing: read the system's log, and copy the store to another disk."
_RIGHTS = "Make the path writable for you (chmod u+w), or name another place (--store, --out)."
_READ_ONLY = "Nothing there is writable: name a place on another disk (--store, --out)."
_FILES = f"Raise the limit of open files (ulimit -n), or use fewer --workers; {_AGAIN}."
_LOCKS = (
    "This file system cannot lock files, so nothing would keep two processes apart. Use --store on another file system."
)
_PROCESSES = (
    "The system allows no more processes or memory now. Close other programs, raise the limit (ulimit -u), or use "
    f"fewer --workers; {_AGAIN}."
)
_MEMORY = f"Close other programs, or use fewer --workers; {_AGAIN}."
_SIZE = f"Raise the largest size of a file (ulimit -f), or use --store on another file system; {_AGAIN}."
_CONNECTION = f"Connect the file system again; {_AGAIN}."

# errors of the machine, whatever was asked of it
REMEDIES = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EROFS: _READ_ONLY,
    errno.EIO: _DISK,
    errno.ENXIO: _DISK,
    errno.ENODEV: _DISK,
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
    errno.ENOMEM: _MEMORY,
    errno.EAGAIN: _PROCESSES,
    errno.EFBIG: _SIZE,
    errno.ENOLCK: _LOCKS,
    errno.ENOSYS: _LOCKS,
    errno.EOPNOTSUPP: _LOCKS,
    errno.ENAMETOOLONG: "Name a shorter path.",
    errno.EMLINK: "Use --store on another file system.",
    errno.ESTALE: _CONNECTION,
    errno.ENOTCONN: _CONNECTION,
    errno.ETIMEDOUT: _CONNECTION,
}
# errors of a path, whose remedy depends on who owns it
OF_A_PATH = {
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.ENOENT: f"Something removed it, or no file can be made there; {_AGAIN}.",
    errno.ENOTDIR: "Move the file or folder with that name away, or name another place.",
    errno.EISDIR: "Move the file or folder with that name away, or name another place.",
    errno.EEXIST: "Move the file or folder with that name away, or name another place.",
    errno.ENOTEMPTY: "Move the file or folder with that name away, or name another place.",
    errno.ELOOP: "A link leads back to itself: remove it, or name another place.",
    errno.EBADF: "It is closed: open it, or let it lead to /dev/null.",
    errno.EBUSY: f"Another program uses it: close that program; {_AGAIN}.",
    errno.ETXTBSY: f"Another program uses it: close that program; {_AGAIN}.",
}
_OF_ANOTHER_KIND = (FileExistsError, NotADirectoryError, IsADirectoryError)  # a file in place of a folder
_IN_WORDS = (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.EIO)


def is_of_the_system(error: BaseException) -> bool:
    """Return whether an error is about the machine (a full disk, no memory), not about the request."""
    return isinstance(error, MemoryError) or _number(error) in REMEDIES


def refusal(error: BaseException, doing: str = "") -> SystemRefusal:
    """Return an error of the operating system as a ``SystemRefusal``.

    Args:
        error: an ``OSError`` or ``MemoryError``, or an error of an extension that quotes the system's words.
        doing: what was refused ("a worker process"), for errors that name no path.

    Examples:
        >>> print(refusal(OSError(28, "No space left on device", "/data/s/runs")))
        the system refused /data/s/runs: No space left on device (ENOSPC). Free some space, or name another place \
(--store, --out); what is finished is kept, and the same command goes on.
    """
    number = errno.ENOMEM if isinstance(error, MemoryError) else _number(error)
    if number is None:
        words, remedy = str(error) or type(error).__name__, f"Repair that; {_AGAIN}."
    else:
        words = f"{os.strerror(number)} ({errno.errorcode.get(number, number)})"
        remedy = REMEDIES.get(number) or OF_A_PATH.get(number) or f"Repair that; {_AGAIN}."
    what = " -> ".join(paths(error)) or doing or "a call"
    return SystemRefusal(f"the system refused {what}: {words}. {remedy}")


def explained(
    error: BaseException, written: Iterable[str] = (), said: Callable[[str, OSError], str] = refused
) -> LotteryError:
    """Return the error that ends a command and explains an error of the operating system.

    Args:
        error: the error.
        written: the files and folders that the command writes.  An error about another path that the person gave
            (no such file, no right to read it) is wrong usage.
        said: makes the sentence on a wrongly named path.
    """
    named = paths(error)
    written = list(written)
    if not named or not isinstance(error, OSError):
        return refusal(error, f"to write below {' or '.join(written)}" if written else "")
    ours = any(_is_inside(named[0], path) for path in written)
    wrong = isinstance(error, PermissionError | FileNotFoundError) or error.errno in (errno.ELOOP, errno.ENAMETOOLONG)
    if isinstance(error, _OF_ANOTHER_KIND) or (wrong and not ours):
        return UsageError(said(named[0], error))
    return refusal(error)


@contextmanager
def explaining(*written: object) -> Iterator[None]:
    """Turn errors of the operating system that are raised inside into sentences, as ``explained`` does."""
    try:
        yield
    except OSError as error:
        raise explained(error, [str(path) for path in written]) from error


@contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn errors of the operating system that are raised while ``path`` is read into sentences that name a path."""
    try:
        with naming(path):
            yield
    except OSError as error:
        raise explained(error, said=unread) from error


def _is_inside(path: str, folder: str) -> bool:
    path, folder = os.path.abspath(path), os.path.abspath(folder)
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def paths(error: BaseException) -> list[str]:
    """Return the paths that an ``OSError`` names: none, one, or both of a rename."""
    if not isinstance(error, OSError):
        return []
    return [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]


def failure(error: BaseException) -> str:
    """Return the kind and text of the error with which a task failed; a system error becomes a ``SystemRefusal``."""
    if is_of_the_system(error) and not isinstance(error, LotteryError):
        error = refusal(error)
    return f"{type(error).__name__}: {error}"


@contextmanager
def naming(path: object) -> Iterator[None]:
    """Add ``path`` to system errors raised inside that name no path, such as a full disk found by a write."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = str(path)
        raise


@contextmanager
def refusals(doing: str = "", folder: object = None) -> Iterator[None]:
    """Turn errors of the machine that are raised inside into a ``SystemRefusal``.

        doing: what was refused, for errors that name no path.
        folder: a folder of ours; every system error about a path in it counts, missing rights included.

    Raises:
        SystemRefusal: for each such error.
        UsageError: a file, or a link that leads nowhere, is in the place of the folder.
    """
    try:
        yield
    except LotteryError:
        raise
    except Exception as error:
        named = paths(error)
        ours = folder is not None and bool(named)  # in our folder, or above it where it is to be made
        ours = ours and (_is_inside(named[0], str(folder)) or _is_inside(str(folder), named[0]))
        if ours and isinstance(error, _OF_ANOTHER_KIND):  # the person named a file in place of the folder
            raise UsageError(_of_another_kind(str(folder), named[0])) from error
        if ours or is_of_the_system(error):
            raise refusal(error, doing) from error
        raise


def _of_another_kind(folder: str, named: str) -> str:
    """Return the sentence on a folder of ours that a person has put in the place of something else."""
    why = f"{shown_path(named)} is not a folder" if os.path.isdir(folder) else missing("folder", folder)
    return f"{why}. Move that away, or name another place."


def _number(error: BaseException) -> int | None:
    """Return the errno of an error, also if an extension's error only quotes the system's words."""
    if isinstance(error, OSError):
        return error.errno if isinstance(error.errno, int) else None
    if isinstance(error, ImportError | RuntimeError):  # a library that cannot be opened, or torch without memory
        text = str(error)
        return next((number for number in _IN_WORDS if os.strerror(number) in text), None)
    return None
