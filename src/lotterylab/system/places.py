"""Paths that a person names: ``~`` is expanded, and a path that leads nowhere is explained."""

from __future__ import annotations

import errno
import os
import stat
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from lotterylab.errors import UsageError, edits, nearest
from lotterylab.formats.text import shown, shown_path

MOST_NAMES = 1000  # of a folder, that are compared with a missing name

_READABLE = "Make it readable for you (chmod u+rX), or name another"
_REMEDIES = {  # why a path cannot be read -> what to do
    errno.EACCES: _READABLE,
    errno.EPERM: _READABLE,
    errno.ENOTDIR: "Name a path that leads through folders only",
    errno.EISDIR: "Name a file",
    errno.ELOOP: "A link leads back to itself: mend or remove it",
    errno.ENAMETOOLONG: "Name a shorter path",
    errno.EIO: "The disk or its connection may be failing: read the system's log, and use another copy",
    errno.EEXIST: "A file has that name: move it away, or name another path",
}


def place(path: str | os.PathLike[str], what: str = "path") -> Path:
    r"""Return a path that a person gave, with ``~`` expanded.

    Args:
        path: the path.
        what: the word for it in an error: "store", "--out".

    Raises:
        UsageError: it is not a path, it is empty or holds a NUL, or ``~name`` names no user.

    Examples:
        >>> place("results/glorot")
        PosixPath('results/glorot')
        >>> place("", "store")
        Traceback (most recent call last):
        ...
        lotterylab.errors.UsageError: the store is an empty text, as from an unset variable. Name a path; '.' is the \
current folder.
    """
    if not isinstance(path, str | os.PathLike):
        raise UsageError(f"the {what} is {shown(repr(path), most=80)}. Give a path, as a text or a pathlib.Path.")
    text = os.fsdecode(path)
    if not text:
        raise UsageError(
            f"the {what} is an empty text, as from an unset variable. Name a path; '.' is the current folder."
        )
    if "\0" in text:
        raise UsageError(f"the {what} {shown_path(text)} has a NUL in it, which no path may have. Name another.")
    expanded = os.path.expanduser(text)
    if expanded.startswith("~"):
        raise UsageError(
            f"the {what} {shown_path(text)} begins with {shown(Path(text).parts[0])}, and there is no such user here. "
            f"Write the folder out, or ./{shown_path(text)} for a name that begins with ~."
        )
    path = Path(expanded)  # which drops a "./"
    return Path.cwd() / path if str(path).startswith("~") else path


def folder_for(path: str | os.PathLike[str], what: str = "path") -> Path:
    """Return the path of a folder that exists or can be made.

    Raises:
        UsageError: as ``place``, or a file or a link that leads nowhere has that name.
    """
    folder = place(path, what)
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise UsageError(f"{missing(what, folder)}. Name a folder for it, or a name that is free.")
    return folder


def file_for(path: str | os.PathLike[str], what: str = "path") -> Path:
    """Return the path of a file that can be written.

    Raises:
        UsageError: as ``place``, the folder that it lies in does not exist, or a folder has that name.
    """
    file = place(path, what)
    if os.path.isdir(file):
        raise UsageError(f"the {what} {shown_path(file)} is a folder. Name a file in it.")
    if not os.path.isdir(file.parent):
        raise UsageError(f"{missing('folder', file.parent)}, in which {file.name} was to be written. Make it first.")
    return file


def missing(kind: str, path: str | Path) -> str:
    """Return a clause that says that no such file or folder exists, and why.

    It tells a link that leads nowhere, a file in place of a folder, a folder above it that is missing, a name that only
    looks the same, and a name that is nearly the same.

    Args:
        kind: the word for what was asked for: "file", "folder", "store".
        path: where it was looked for.

    Examples:
        >>> missing("folder", "/nowhere/at/all")
        'there is no folder /nowhere/at/all: /nowhere does not exist'
    """
    return f"there is no {kind} {shown_path(path)}{why_missing(path)}"


def why_missing(path: str | Path) -> str:
    """Return why a path does not lead to what was asked for, to follow its name: ": x does not exist", or ""."""
    try:
        return _why(Path(path))
    except OSError as error:  # a folder above it that cannot be looked into
        remedy = "; make the folder above it readable (chmod u+rX)" if isinstance(error, PermissionError) else ""
        return f": it cannot be looked up ({error.strerror}){remedy}"


def why_unwritable(path: Path) -> str:
    """Return why no file can be written at ``path``, whose folder is made if it is missing, with what to do; or "".

    Examples:
        >>> why_unwritable(Path("new/ledger.jsonl"))
        ''
    """
    if os.path.isdir(path):
        return f"{shown_path(path)} is a folder. Name a file in it"
    above = path.resolve().parent  # a link is followed, and its target is written
    while not os.path.lexists(above):
        above = above.parent
    if not os.path.isdir(above):
        return f"{shown_path(above)} is not a folder. Move it away, or name another file"
    if not os.access(above, os.W_OK | os.X_OK):
        return f"{shown_path(above)} is not writable for you. Make it writable (chmod u+w), or name another file"
    return ""


def unread(path: str | Path, error: Exception) -> str:
    """Return the sentence on a path that cannot be read, with what to do.

    Examples:
        >>> unread("x.pt", PermissionError(13, "Permission denied"))
        'x.pt cannot be read (Permission denied). Make it readable for you (chmod u+rX), or name another.'
    """
    if isinstance(error, FileNotFoundError):
        return f"{missing('file', path)}. Name another path."
    return f"{shown_path(path)} cannot be read ({_words(error)}). {remedy(error)}"


def refused(path: str | Path, error: OSError) -> str:
    """Return the sentence on a path that the system refuses as it was named, with what to do.

    Examples:
        >>> refused("notes.txt", FileExistsError(17, "File exists"))
        'notes.txt: File exists. A file has that name: move it away, or name another path.'
    """
    if isinstance(error, FileNotFoundError):
        return f"{missing('file or folder', path)}. Name another path."
    return f"{shown_path(path)}: {_words(error)}. {remedy(error)}"


def remedy(error: Exception) -> str:
    """Return what to do about a path that cannot be read."""
    number = error.errno or 0 if isinstance(error, OSError) else 0
    return f"{_REMEDIES.get(number, 'Mend that, or name another path')}."


def _words(error: Exception) -> str:
    return shown(str(getattr(error, "strerror", None) or error))


def alike(name: str, names: Iterable[str]) -> list[str]:
    r"""Return the names that look the same as ``name`` and are another text: another Unicode form of it.

    Names copied from macOS are decomposed (NFD), and those made elsewhere mostly composed (NFC).

    Examples:
        >>> alike("caf\xe9", ["cafe\u0301", "tea"]) == ["cafe\u0301"]
        True
    """
    form = unicodedata.normalize("NFC", name)
    return [other for other in names if other != name and unicodedata.normalize("NFC", other) == form]


def spelled(name: str) -> str:
    r"""Return a name with its letters beyond ASCII written out, so that names that look the same can be told apart.

    Examples:
        >>> spelled("cafe\u0301")
        "'cafe\\u0301'"
    """
    return ascii(name)


def _why(path: Path) -> str:
    try:
        if path.is_symlink():
            return _of_a_link(path)
        state = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return _above(path)
    what = {stat.S_IFREG: "a file", stat.S_IFDIR: "a folder"}.get(stat.S_IFMT(state.st_mode), "a device or a pipe")
    return f": that is {what}"


def _of_a_link(path: Path) -> str:
    try:
        os.stat(path)
    except FileNotFoundError:
        return f": it is a link to {shown_path(os.readlink(path))}, which does not exist; mend or remove the link"
    except OSError as error:
        return f": it is a link that cannot be followed ({error.strerror}); mend or remove the link"
    return f": it is a link to {shown_path(os.readlink(path))}"


def _above(path: Path) -> str:
    """Return what is found where the path ends: the first folder that is missing, or a name like the missing one."""
    ends = path
    while not os.path.lexists(ends.parent) and ends.parent != ends:
        ends = ends.parent
    if ends.parent.is_symlink() and not ends.parent.exists():
        return f": {shown_path(ends.parent)} is a link to nothing; mend or remove the link"
    if not ends.parent.is_dir():
        return f": {shown_path(ends.parent)} is a file" if ends.parent.exists() else ""
    try:
        with os.scandir(ends.parent) as entries:
            names = [entry.name for entry, _ in zip(entries, range(MOST_NAMES), strict=False)]
    except OSError:
        names = []
    if twins := alike(ends.name, names):
        return (
            f"; a name that looks the same is there, in another Unicode form: {spelled(twins[0])}, and "
            f"{spelled(ends.name)} was asked for. Rename one of them"
        )
    slips = [name for name in nearest(ends.name, names) if edits(ends.name, name) <= max(1, len(ends.name) // 4)]
    if slips:
        return f"; there is {' and '.join(repr(shown(name)) for name in slips)}"
    return f": {shown_path(ends)} does not exist" if ends != path else ""
