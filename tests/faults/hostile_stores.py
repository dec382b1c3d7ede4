"""Stores that mean harm: links that lead out, fifos and devices, folders in the place of files."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree


@dataclass(frozen=True, kw_only=True)
class Trap:
    """Something else in the place of a part of a store."""

    name: str
    set: Callable[[Path, Path], None]  # of a store and a victim


def _first(store: Path, pattern: str) -> Path | None:
    return next(iter(sorted(store.glob(pattern))), None)


# parts of a store: where they are, or where they would be
PLACES: dict[str, str] = {
    "objects": "objects",
    "a folder of objects": "objects/??",
    "an object": "objects/??/*",
    "runs": "runs",
    "a run": "runs/*",
    "a manifest": "runs/*/manifest",
    "partial": "partial",
    "an unfinished run": "partial/*",
    "a checkpoint": "partial/*/checkpoint",
    "same": "same",
    "an entry of same": "same/*",
    "failed": "failed",
    "a failure": "failed/*",
    "known.jsonl": "known.jsonl",
    "quarantine": "quarantine",
    "the lock": "lock",
    "format.json": "format.json",
    "report": "report",
    "tracking": "tracking",
}
FOLDERS = ("objects", "a folder of objects", "runs", "a run", "partial", "an unfinished run", "same", "failed")
FOLDERS += ("quarantine", "report", "tracking")
NEW = "0" * 64  # the name of a part that the store does not have yet


def place_of(store: Path, pattern: str) -> Path:
    """A part of the store that fits the pattern; a new one if there is none."""
    return _first(store, pattern) or store / pattern.replace("??", "00").replace("*", NEW)


def _clear(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        rmtree(path)
    path.parent.mkdir(parents=True, exist_ok=True)


def _link(path: Path, target: Path) -> None:
    path.symlink_to(target)


def _folder_with_link(path: Path, victim: Path) -> None:
    path.mkdir()
    _link(path / "x", victim)


def _socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the name of a socket is at most 107 bytes long
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name[:64])
    finally:
        os.chdir(here)


def traps() -> Iterator[Trap]:
    """Every part of a store, replaced by everything that it is not."""
    for name, pattern in PLACES.items():
        is_folder = name in FOLDERS
        others: dict[str, Callable[[Path, Path], None]] = {
            "a link to the victim": lambda path, victim, is_folder=is_folder: _link(
                path, victim if is_folder else victim / "thesis.txt"
            ),
            "a relative link to the victim": lambda path, victim, is_folder=is_folder: _link(
                path, Path(os.path.relpath(victim if is_folder else victim / "thesis.txt", path.parent))
            ),
            "a link to nowhere in the victim": lambda path, victim: _link(path, victim / "new"),
            "a link to itself": lambda path, victim: _link(path, path),
            "a fifo": lambda path, victim: os.mkfifo(path),
            "an endless device": lambda path, victim: _link(path, Path("/dev/zero")),
            "a socket": lambda path, victim: _socket(path),
            "an empty file" if is_folder else "a folder": lambda path, victim, is_folder=is_folder: (
                path.write_bytes(b"") and None if is_folder else path.mkdir()
            ),
        }
        if not is_folder:
            others["a folder with a link to the victim"] = _folder_with_link
            others["700 MB of holes"] = lambda path, victim: _holes(path)
        for what, put in others.items():

            def spring(store: Path, victim: Path, pattern: str = pattern, put=put) -> None:
                path = place_of(store, pattern)
                _clear(path)
                put(path, victim)

            yield Trap(name=f"{name}: {what}", set=spring)
    for name in ("..", "victim\x1b[2J", "not hexadecimal", "A" * 64, "\n" + "a" * 63, "é" * 64, "a" * 200):
        for folder in ("runs", "partial", "same", "failed", "objects", "objects/ab", "quarantine"):
            if name != "..":
                yield Trap(name=f"{folder}: a folder named {name[:20]!r}", set=_named(folder, name))


def _named(folder: str, name: str) -> Callable[[Path, Path], None]:
    def put(store: Path, victim: Path) -> None:
        path = store / folder / name
        path.mkdir(parents=True)
        (path / "manifest").write_text("0" * 16 + " {}")
        (path / "link").symlink_to(victim)

    return put


def _holes(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(700_000_000)
