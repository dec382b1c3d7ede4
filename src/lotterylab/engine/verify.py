"""The search for damage in a store, and its repair by computing results again."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lotterylab.engine import partials
from lotterylab.engine.files import LIMIT, is_name, read_bytes, read_lines, sha256_of, unsealed
from lotterylab.engine.layout import FORMAT, write_format
from lotterylab.engine.records import NewerError, Record
from lotterylab.engine.store import FOLDERS, PLANS, Store
from lotterylab.engine.upkeep import reindex
from lotterylab.errors import DamageError
from lotterylab.formats.text import shown, shown_path

OWN_FILES = ("format.json", "known.jsonl", "lock")


@dataclass(frozen=True, kw_only=True)
class Damage:
    """A damaged part of a store, and its remedy in ``repair``.

    "set aside": it goes to ``quarantine/``, and its content is computed again when needed.  "know": the result keeps
    its numbers, and its lost tensors are computed again when needed.  "format" and "mend": the file is rewritten
    without its damage.
    """

    path: Path
    what: str
    remedy: Literal["set aside", "know", "format", "mend"] = "set aside"

    def __str__(self) -> str:
        """Return the path and the damage in one line."""
        return f"{shown_path(self.path)}: {shown(self.what)}"


def verify(store: Store) -> Iterator[Damage]:
    """Yield all damaged, lost or misplaced parts of the store, and change nothing.

    A record from a ledger names blobs that never were in the store, which is not damage.  Neither are unfinished files
    of killed writes: no reader opens them, and the next run removes them.
    """
    store = Store(store.path)  # without cached records
    yield from _format(store)
    yield from _objects(store)
    yield from _runs(store)
    yield from _known(store)
    if store.format != 1:  # these files of format 1 have no checksum, and the next run upgrades the store
        yield from _partials(store)
        yield from _sealed_files(store, "same", "key")
        yield from _sealed_files(store, "failed", "digest")
    yield from _sealed_files(store, PLANS, "plan")
    yield from _strangers(store)


def repair(store: Store, damages: Iterable[Damage]) -> None:
    """Set damaged files aside, so that their content is computed again, and rebuild the index of equal runs.

    ``store.files.moved`` reports the files set aside.  Only the holder of the lock may call this.
    """
    for damage in damages:
        _repair(store, damage)
    for damage in list(_runs(store)):
        if damage.remedy == "know":  # a blob that was set aside now counts as lost
            _repair(store, damage)
    reindex(store)


def _repair(store: Store, damage: Damage) -> None:
    match damage.remedy:
        case "set aside":
            store.files.set_aside(damage.path, damage.what)
        case "format":
            write_format(store.files, FORMAT)
        case "mend":
            store.damage[damage.path] = damage.what
            store.set_aside_damage()
        case "know":
            if record := store.computed(damage.path.parent.name):
                store.keep_known([record])
                store.forget(record.digest)


def _format(store: Store) -> Iterator[Damage]:
    path = store.path / "format.json"
    if (store.path / "runs").is_dir() and not store.format:
        yield Damage(path=path, what=store.damage.get(path, "it is missing"), remedy="format")


def _objects(store: Store) -> Iterator[Damage]:
    for folder in _children(store.path / "objects"):
        if not _is_folder(folder):
            yield Damage(path=folder, what="it is not a folder")
        for path in _children(folder):
            if not is_name(path.name) or path != store.blob_path(path.name):
                yield Damage(path=path, what="no blob has such a name or place")
            elif path.is_symlink():
                yield Damage(path=path, what="it is a link")
            elif wrong := _wrong_bytes(path):
                yield Damage(path=path, what=wrong)


def _runs(store: Store) -> Iterator[Damage]:
    for folder in _children(store.path / "runs"):
        path = folder / "manifest"
        if not is_name(folder.name) or not _is_folder(folder):
            yield Damage(path=folder, what="no result has such a name, or it is not a folder")
            continue
        yield from (Damage(path=file, what="no result has such a file") for file in _children(folder) if file != path)
        if not os.path.lexists(path):
            continue  # killed between folder and manifest; the next result fills the folder
        data, wrong = _read(path)
        try:
            record = None if wrong else Record.parse(data)
            wrong = wrong or ("" if record and record.digest == folder.name else "it is the manifest of another result")
            if record and not wrong:
                record.check_spec()
        except NewerError:
            continue  # whole, but only a newer version can read it
        except ValueError as error:
            record, wrong = None, str(error)
        if wrong:
            yield Damage(path=path, what=wrong)
        elif record and (lost := [part for part, blob in record.blobs.items() if not store.has_blob(blob)]):
            whole = store.format == 1 and len(lost) == len(record.blobs)  # probably from a ledger
            if not whole:
                what = f"{record.kind} {record.digest[:12]} has lost {', '.join(lost)}"
                yield Damage(path=path, what=what, remedy="know")


def _known(store: Store) -> Iterator[Damage]:
    path = store.path / "known.jsonl"
    if path.is_symlink():
        return  # reported with the other links
    try:
        for number, line in enumerate(read_lines(path), start=1):
            try:
                Record.parse(line).check_spec()
            except NewerError:
                continue
            except ValueError as error:
                yield Damage(path=path, what=f"line {number}: {error}", remedy="mend")
    except DamageError as error:
        yield Damage(path=path, what=str(error))


def _partials(store: Store) -> Iterator[Damage]:
    for folder in _children(store.path / "partial"):
        path = folder / "checkpoint"
        if not is_name(folder.name) or not _is_folder(folder):
            yield Damage(path=folder, what="no checkpoint has such a name")
            continue
        yield from (Damage(path=file, what="no run has such a file") for file in _children(folder) if file != path)
        if os.path.lexists(path):
            whole = not path.is_symlink() and partials.notes_of(folder.name, path) is not None
            data, wrong = _read(path, sys.maxsize) if whole else (b"", "")
            if wrong or not partials.is_whole(folder.name, data):
                yield Damage(path=path, what=wrong or "it does not match its checksum, or belongs to another run")


def _sealed_files(store: Store, name: str, names_itself: str) -> Iterator[Damage]:
    for path in _children(store.path / name):
        data, wrong = _read(path)
        fields = unsealed(data)
        if wrong or fields is None:
            yield Damage(path=path, what=wrong or "it does not match its checksum")
        elif fields.get(names_itself) != path.name:
            yield Damage(path=path, what="it belongs under another name")


def _strangers(store: Store) -> Iterator[Damage]:
    """Yield links, and non-folders in the place of folders."""
    for name in (*FOLDERS, PLANS):
        folder = store.path / name
        if os.path.lexists(folder) and not _is_folder(folder):
            yield Damage(path=folder, what="it is not a folder")
    for name in OWN_FILES:
        if (path := store.path / name).is_symlink():
            yield Damage(path=path, what="it is a link")


def _children(folder: Path) -> list[Path]:
    """Return the entries of a folder except hidden ones, sorted by name; none for a link."""
    if not _is_folder(folder):
        return []
    return sorted(folder / name for name in os.listdir(folder) if not name.startswith("."))


def _wrong_bytes(path: Path) -> str:
    try:
        return "" if sha256_of(path) == path.name else "its bytes do not match its name"
    except DamageError as error:
        return _without(path, error)


def _without(path: Path, error: DamageError) -> str:
    return str(error).removeprefix(f"{path} ").rstrip(".")


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _read(path: Path, limit: int = LIMIT) -> tuple[bytes, str]:
    """Return the bytes of a file and the damage found; one of the two is empty."""
    if path.is_symlink():
        return b"", "it is a link"
    try:
        return read_bytes(path, limit=limit) or b"", ""
    except DamageError as error:
        return b"", _without(path, error)
