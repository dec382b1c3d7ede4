"""Upkeep of a store: leftovers of kills, unneeded files, the index of equal content, older layouts.

Only the holder of the lock may call these functions.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lotterylab.engine import partials
from lotterylab.engine.files import is_name
from lotterylab.engine.layout import FORMAT, write_format
from lotterylab.engine.store import FOLDERS, PLANS, Store
from lotterylab.errors import RefusedError
from lotterylab.formats.blobs import WRITING
from lotterylab.formats.blobs import sweep as sweep_folder


def sweep(store: Store) -> None:
    """Upgrade the store's layout, remove the leftovers of kills, and note damaged checkpoints.

    Kills leave checkpoints of finished runs and files that are not complete.
    """
    if store.create().format < FORMAT:
        _upgrade(store)
    for folder in _entries(store.path / "partial"):
        if folder.name.startswith(WRITING):
            continue
        if not is_name(folder.name) or folder.is_symlink() or not folder.is_dir():
            store.files.set_aside(folder, "no checkpoint has such a name")
            continue
        record = store.record(folder.name)
        if (record and store.has_blobs_of(record)) or not any(_entries(folder)):
            store.drop_partial(folder.name)
        else:
            _note_damage(store, folder)
    for folder in _writable(store):
        sweep_folder(folder)


def _note_damage(store: Store, folder: Path) -> None:
    path = folder / "checkpoint"
    if not os.path.lexists(path):
        return
    whole = store.partial_notes(folder.name) is not None  # the head first, since a sparse file may claim any size
    if not whole or not partials.is_whole(folder.name, store.files.read(path, limit=sys.maxsize) or b""):
        store.damage[path] = "it does not match its checksum, or belongs to another run"


def _writable(store: Store) -> Iterator[Path]:
    yield store.path
    for name in (*FOLDERS, PLANS, "quarantine"):
        yield store.path / name
        if name in ("objects", "runs", "partial"):
            yield from _entries(store.path / name)


def _upgrade(store: Store) -> None:
    """Upgrade a store of format 1, which kept ledger records among the results and small files without checksums.

    The content of those files starts again: unfinished runs from their beginning, and the index as runs finish.
    """
    messages = store.failures()
    from_ledgers = [
        record
        for digest in store.digests()
        if (record := store.computed(digest)) and record.blobs and not any(map(store.has_blob, record.blobs.values()))
    ]
    store.keep_known(from_ledgers)
    for record in from_ledgers:
        store.forget(record.digest)
    for name in ("partial", "same", "failed"):
        store.files.remove(store.path / name)
    store.create()
    for digest, failure in messages.items():
        store.remember_failure(digest, failure["message"], failure["trace"])
    write_format(store.files, FORMAT)
    store.format = FORMAT


@dataclass(frozen=True, kw_only=True)
class Garbage:
    """An unneeded file, its size in bytes, and the reason why it is not needed."""

    path: Path
    bytes: int
    why: str


def garbage(store: Store) -> Iterator[Garbage]:
    """Yield blobs that no result names, failures and index entries of removed results, and files set aside."""
    records = [record for digest in store.digests() if (record := store.computed(digest))]
    named = {blob for record in records for blob in record.blobs.values()}
    for folder in _entries(store.path / "objects"):
        for path in _entries(folder):
            if is_name(path.name) and path.name not in named:
                yield _garbage(path, "no result names this blob")
    for path in _entries(store.path / "quarantine"):
        yield _garbage(path, "it was damaged and set aside")
    for path in _entries(store.path / "failed"):
        if store.computed(path.name):
            yield _garbage(path, "the task has succeeded since")
    for path in _entries(store.path / "same"):
        if is_name(path.name) and store.same(path.name) is None:
            yield _garbage(path, "the result it names is gone")


def collect(store: Store) -> list[Garbage]:
    """Remove the garbage and return what was removed."""
    sweep(store)
    removed = []
    for item in garbage(store):
        path = store.files.inside(item.path)
        if path.is_dir() and not path.is_symlink():
            store.files.remove(path)
        else:
            path.unlink(missing_ok=True)
        removed.append(item)
    for folder in _entries(store.path / "objects"):
        with contextlib.suppress(OSError):  # the folder still holds blobs
            folder.rmdir()
    return removed


def reindex(store: Store) -> int:
    """Build the index of equal content from the results and return the number of its entries.

    Results of earlier versions have no content key and are left out.
    """
    keys: dict[str, str] = {}
    for digest in sorted(store.digests()):
        with contextlib.suppress(RefusedError):  # a newer version adds its own results again
            record = store.computed(digest)
            if record and record.key and not record.same_as:
                keys.setdefault(record.key, digest)
    store.files.remove(store.path / "same")
    store.create()
    for key, digest in keys.items():
        store.remember_same(key, digest)
    return len(keys)


def _garbage(path: Path, why: str) -> Garbage:
    return Garbage(path=path, bytes=path.lstat().st_size, why=why)


def _entries(folder: Path) -> list[Path]:
    """Return the entries of a folder, sorted by name; none for a link."""
    if folder.is_symlink() or not folder.is_dir():
        return []
    return sorted(folder / name for name in os.listdir(folder))
