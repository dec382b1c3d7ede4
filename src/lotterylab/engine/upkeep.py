"""Keeping a store in order: what kills left, what nothing needs, the index of equal content, older layouts.

All of this is for the holder of the lock.
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
from lotterylab.engine.store import FOLDERS, Store
from lotterylab.errors import RefusedError
from lotterylab.formats.blobs import WRITING
from lotterylab.formats.blobs import sweep as sweep_folder


def sweep(store: Store) -> None:
    """Bring the store to today's layout, and remove what kills left; note damaged checkpoints.

    Kills leave checkpoints of runs that have finished, and files whose writing was cut off.
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
    whole = store.partial_notes(folder.name) is not None  # the head first: a file of holes may say that it has any size
    if not whole or not partials.is_whole(folder.name, store.files.read(path, limit=sys.maxsize) or b""):
        store.damage[path] = "it is not what its checksum says, or another run's"


def _writable(store: Store) -> Iterator[Path]:
    yield store.path
    for name in (*FOLDERS, "quarantine"):
        yield store.path / name
        if name in ("objects", "runs", "partial"):
            yield from _entries(store.path / name)


def _upgrade(store: Store) -> None:
    """Format 1 kept records from ledgers among the results, and had no checksums in its small files.

    What those files held starts again: unfinished runs from their beginning, the index as runs finish.
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
    """A file that nothing needs, its size in bytes, and why it is not needed."""

    path: Path
    bytes: int
    why: str


def garbage(store: Store) -> Iterator[Garbage]:
    """Blobs that no result names, failures and index entries of results that are gone, and what was set aside."""
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
    """Remove the garbage; returns what was removed."""
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
        with contextlib.suppress(OSError):  # it still holds blobs
            folder.rmdir()
    return removed


def reindex(store: Store) -> int:
    """Build the index of equal content from the results; returns how many entries it has.

    Results of earlier versions do not say their content's key, and are left out.
    """
    keys: dict[str, str] = {}
    for digest in sorted(store.digests()):
        with contextlib.suppress(RefusedError):  # a newer version's, which enters it again by itself
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
    """The entries of a folder in the order of their names; none for a link."""
    if folder.is_symlink() or not folder.is_dir():
        return []
    return sorted(folder / name for name in os.listdir(folder))
