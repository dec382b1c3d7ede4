"""A watch of the file system: what a process writes and deletes, as Python and as the C library see it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# event -> which of its arguments are paths that it changes
CHANGES = {
    "os.mkdir": (0,),
    "os.remove": (0,),
    "os.rmdir": (0,),
    "os.rename": (0, 1),
    "os.link": (1,),
    "os.symlink": (1,),
    "os.truncate": (0,),
    "os.chmod": (0,),
    "os.chown": (0,),
    "os.utime": (0,),
    "os.setxattr": (0,),
    "os.removexattr": (0,),
    "shutil.rmtree": (0,),
    "shutil.move": (0, 1),
    "shutil.copyfile": (1,),
    "shutil.copytree": (1,),
}
FOLDERS = {"os.mkdir": 2, "os.remove": 1, "os.rmdir": 1, "os.symlink": 2, "os.chmod": 2, "shutil.rmtree": 1}
PROGRAMS = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "os.startfile", "socket.connect")
TERMINALS = ("/dev/null", "/dev/tty")

# letters of shim.c that stand for a change
CHANGING = "ownudmtkc"


class Watch:
    """Collects what Python's audit hooks say, from ``begin`` to ``end``; a hook cannot be taken away, so it sleeps."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self.awake = False

    def begin(self) -> None:
        sys.addaudithook(self._hear)
        self.awake = True

    def end(self) -> list[tuple[str, str]]:
        self.awake = False
        return self.events

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.awake:
            return
        if event == "open":
            path, mode, flags = arguments
            if isinstance(path, str | bytes | os.PathLike) and _writes(mode, flags):
                self.events.append(("open", _absolute(path)))
        elif event in CHANGES:
            self.awake = False  # what follows would be heard too
            folder = arguments[FOLDERS[event]] if event in FOLDERS and len(arguments) > FOLDERS[event] else -1
            for place in CHANGES[event]:
                path = arguments[place]
                text = f"/proc/self/fd/{path}" if isinstance(path, int) else path
                self.events.append((event, _absolute(text, folder)))
            self.awake = True
        elif event in PROGRAMS:
            self.events.append((event, str(arguments[:2])[:300]))


def _writes(mode: Any, flags: Any) -> bool:
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return bool(isinstance(flags, int) and flags & WRITING)


def _absolute(path: Any, folder: Any = -1) -> str:
    text = os.fsdecode(path)
    if not os.path.isabs(text) and isinstance(folder, int) and folder >= 0:
        with contextlib.suppress(OSError):
            text = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), text)
    return os.path.abspath(text)


def real(path: str) -> str:
    """Where a change lands: links in the folders of a path followed, not a link at its end."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)


def outside(events: Iterable[tuple[str, str]], allowed: Iterable[Path]) -> Iterator[str]:
    """Changes that do not lie in an allowed place (a folder with all below it, or a file)."""
    roots = [os.path.realpath(root) for root in allowed]
    for event, path in events:
        if event in PROGRAMS:
            yield f"{event} {path}"
        elif path.startswith("/") and path not in TERMINALS and not path.startswith(("/proc/", "/memfd:")):
            where = real(path)
            if not any(where == root or where.startswith(root + "/") or _unfinished(where, root) for root in roots):
                yield f"{event} {path}"


def _unfinished(where: str, root: str) -> bool:
    """Whether it is a file that is written beside an output file, to be renamed to it."""
    return os.path.basename(where).startswith(".writing-") and os.path.dirname(where) == os.path.dirname(root)


def changes(log: Iterable[tuple[int, str, str]]) -> list[tuple[str, str]]:
    """The changes among the calls that the shim logged."""
    names = {"o": "open to write", "w": "write", "n": "rename", "u": "unlink", "d": "rmdir", "m": "mkdir"}
    return [(names.get(op, op), path) for _, op, path in log if op in CHANGING]


def snapshot(place: Path) -> dict[str, tuple[Any, ...]]:
    """Every entry below a folder (links not followed): kind and rights, size, time of change, content."""
    found: dict[str, tuple[Any, ...]] = {}
    for folder, folders, files in os.walk(place):
        for name in [*folders, *files, "."]:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            content = ""
            if stat.S_ISREG(status.st_mode):
                content = hashlib.sha256(Path(path).read_bytes()).hexdigest()
            elif stat.S_ISLNK(status.st_mode):
                content = os.readlink(path)
            size = 0 if stat.S_ISDIR(status.st_mode) else status.st_size
            found[os.path.relpath(path, place)] = (status.st_mode, size, status.st_mtime_ns, content)
    return found


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What has become of a folder, in words."""
    gone = [f"{name} is gone" for name in before if name not in after]
    new = [f"{name} is new" for name in after if name not in before]
    return [*gone, *new, *(f"{name} has changed" for name in before if name in after and before[name] != after[name])]
