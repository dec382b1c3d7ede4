"""Results on disk.

    <store>/format.json                 the version of this layout
    <store>/objects/ab/<sha256>         blobs (safetensors), named by their bytes
    <store>/runs/<digest>/manifest      the ONE file that makes a result exist: hashes, metrics, facts, own checksum
    <store>/known.jsonl                 records that came from ledgers: numbers without tensors, a line each
    <store>/partial/<digest>/checkpoint the last checkpoint of a run that has not finished
    <store>/same/<key>                  digest of a finished run with the same content (can be rebuilt)
    <store>/failed/<digest>             why a task failed when it was last tried; gone when it succeeds
    <store>/quarantine/                 damaged files that were set aside
    <store>/lock                        held by the one process that computes

A blob is written before the manifest that names it; the manifest is written whole or not at all.  Whatever a kill
leaves behind is either a finished result or nothing.

Every byte that is read is under a checksum, and every file is compared with the name that it was asked by.  A damaged
file counts as absent: its result is computed again.  ``damage`` lists what was found so far.  Names are SHA-256 in 64
hexadecimal digits, and no path leads through a link, so that nothing is ever written outside the store.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lotterylab.engine import partials
from lotterylab.engine.files import LIMIT, Files, checked_name, is_name, plain_fields, read_bytes, sealed, unsealed
from lotterylab.engine.known import Known
from lotterylab.engine.layout import FORMAT, read_format, write_format
from lotterylab.engine.lock import Lock
from lotterylab.engine.records import NewerError, Record, is_line_of
from lotterylab.errors import DamageError, RefusedError
from lotterylab.formats.blobs import deserialize, serialize, unfinished
from lotterylab.system.refusals import refusals

if TYPE_CHECKING:
    from torch import Tensor

RACES = 9  # how often in a row the folder of a checkpoint may vanish before its file moves there
FOLDERS = ("objects", "runs", "partial", "same", "failed")


class Store:
    """A folder of results.  Reading needs no lock and writes nothing; computing takes ``lock()``."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.files = Files(self.path)
        self.damage = self.files.damage
        self._known = Known(self.files, self.path / "known.jsonl")
        self._parsed: dict[str, tuple[tuple[int, int, int], Record]] = {}
        with refusals(folder=self.path):
            self.format = read_format(self.files)

    def create(self) -> Store:
        """Make the folders, if they are not there; first of all the file that says which layout they have."""
        self.format = read_format(self.files)  # another process may have made the store since
        if not self.format:
            # a store that has lost its version may hold what format 1 left
            self.format = 1 if any(True for _ in self.digests()) else FORMAT
            write_format(self.files, self.format)
        for name in FOLDERS:
            self.files.make_folder(self.path / name)
        return self

    # -- records -------------------------------------------------------------------------------------------------

    def __contains__(self, digest: str) -> bool:
        """Whether there is a record of that name; quicker than ``record``, since a whole manifest is not parsed."""
        data = self._manifest_bytes(digest) if is_name(digest) else None
        return (data is not None and is_line_of(data, digest)) or self.record(digest) is not None

    def record(self, digest: str) -> Record | None:
        """The record of a finished node, or None; a damaged manifest counts as absent and is noted in ``damage``.

        Raises:
            RefusedError: a newer version of lotterylab has written it.
        """
        return self.computed(digest) or self._known.get(digest)

    def computed(self, digest: str) -> Record | None:
        """The record of a node that was computed in this store: all its blobs have been here."""
        if not is_name(digest):
            return None
        try:
            state = os.stat(f"{self.path}/runs/{digest}/manifest")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:  # a circle of links, or the disk: reading tells which
            self._manifest_bytes(digest)
            return None
        stamp = (state.st_mtime_ns, state.st_ino, state.st_size)  # a manifest is only ever replaced by another file
        if digest in self._parsed and self._parsed[digest][0] == stamp:
            return self._parsed[digest][1]
        data = self._manifest_bytes(digest)
        if data is None:
            return None
        try:
            record = Record.parse(data)
            if record.digest != digest:
                raise ValueError(f"it is the manifest of {record.digest[:12]}")
        except NewerError as error:
            path = self._manifest(digest)
            raise RefusedError(f"{path}: {error}. Use a newer lotterylab, or another --store.") from error
        except ValueError as error:
            self.damage[self._manifest(digest)] = str(error)
            return None
        self._parsed[digest] = (stamp, record)
        return record

    def records(self) -> Iterator[Record]:
        """All records, in the order of their digests."""
        for digest in sorted(self.names()):
            if record := self.record(digest):
                yield record

    def names(self) -> set[str]:
        """The digests of all records: of what was computed here, and of what came from ledgers."""
        return {*self.digests(), *self._known}

    def digests(self) -> Iterator[str]:
        """The digests of what was computed here."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(self.path / "runs") as entries:
            yield from (entry.name for entry in entries if is_name(entry.name))

    def commit(self, record: Record) -> None:
        """Make a result exist.  Its blobs must have been put before.  For the holder of the lock and its workers."""
        path = self._manifest(record.digest)
        self.files.write(path, record.line().encode())
        with contextlib.suppress(OSError):  # the result exists: what is left over is swept later
            self.drop_partial(record.digest)
            self.files.inside(self._failure(record.digest)).unlink(missing_ok=True)

    def forget(self, digest: str) -> None:
        """Remove a manifest.  For the holder of the lock."""
        self.files.remove(self._manifest(digest).parent)

    def know(self, records: Iterable[Record]) -> int:
        """Answer from these records too, in this process alone, if the store has nothing under their digests.

        Returns how many were new.
        """
        return self._known.add(record for record in records if self.record(record.digest) is None)

    def keep_known(self, records: Iterable[Record]) -> None:
        """Write records without tensors into the store, for its workers.  For the holder of the lock."""
        self._known.keep(records)

    def only_in_memory(self, digests: Iterable[str]) -> list[Record]:
        """The records among ``digests`` that only a ledger of this process has."""
        return self._known.only_in_memory(digests)

    def set_aside_damage(self) -> None:
        """Move every file in ``damage`` into quarantine/ (``files.moved`` says so).  For the holder of the lock."""
        if self._known.path in self.damage:
            self._known.mend()
        for path, why in list(self.damage.items()):
            self.files.set_aside(path, why)

    def _manifest_bytes(self, digest: str) -> bytes | None:
        with contextlib.suppress(DamageError):
            return read_bytes(f"{self.path}/runs/{digest}/manifest", limit=LIMIT)  # a Path costs more than the reading
        return self.files.read(self._manifest(digest))  # notes the damage

    def _manifest(self, digest: str) -> Path:
        return self.path / "runs" / checked_name(digest) / "manifest"

    # -- blobs ---------------------------------------------------------------------------------------------------

    def put(self, tensors: Mapping[str, Tensor]) -> str:
        """Store tensors; returns the SHA-256 that names them.  Equal tensors are stored once."""
        return self.put_bytes(serialize(tensors))

    def put_bytes(self, data: bytes) -> str:
        """Store the bytes of a blob; returns the SHA-256 that names them.  A damaged blob is written anew."""
        name = hashlib.sha256(data).hexdigest()
        path = self.blob_path(name)
        if self.files.read(path, limit=len(data)) != data:
            self.files.write(path, data)
        return name

    def has_blob(self, name: str) -> bool:
        """Whether the blob is here."""
        return is_name(name) and self.blob_path(name).is_file()

    def has_blobs_of(self, record: Record) -> bool:
        """Whether all blobs of the record are here; those of a record from a ledger are not."""
        return all(map(self.has_blob, record.blobs.values()))

    def get(self, name: str) -> dict[str, Tensor]:
        """The tensors of a blob, in the order of their names; raises as ``get_bytes`` does."""
        return deserialize(self.get_bytes(name))

    def get_bytes(self, name: str) -> bytes:
        """The bytes of a blob, checked against its name.

        Raises:
            DamageError: the blob is missing, or its bytes are not what its name says.
        """
        path = self.blob_path(name)
        data = self.files.read(path, limit=sys.maxsize)
        if data is None and path not in self.damage:
            raise DamageError(
                f"the store has no {path}: it was lost, or its record came from a ledger. Run the study: what is "
                "needed is computed again.",
                path,
            )
        if data is None or hashlib.sha256(data).hexdigest() != name:
            self.damage[path] = "its bytes are not those it was named for"
            raise DamageError(
                f"{path} is damaged: its bytes are not those it was named for. Run the study: what is needed is "
                "computed again.",
                path,
            )
        return data

    def blob_path(self, name: str) -> Path:
        """Where the blob of that SHA-256 lies."""
        return self.path / "objects" / checked_name(name)[:2] / name

    # -- unfinished runs (``partials`` knows the file) -------------------------------------------------------------

    def save_partial(self, digest: str, tensors: Mapping[str, Tensor], notes: Mapping[str, Any]) -> None:
        """Keep a checkpoint of an unfinished run: one file, so that tensors and notes always belong together."""
        path = partials.place(self.path, digest)
        whole = unfinished(path.parents[1])
        self.files.write(whole, partials.packed(digest, tensors, notes))
        for attempt in range(RACES):
            self.files.make_folder(path.parent)
            try:
                return os.replace(whole, path)
            except FileNotFoundError:  # a process that outlived its killed parent has finished the run, and swept
                if attempt == RACES - 1:
                    raise

    def load_partial(self, digest: str) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """The last checkpoint of an unfinished run; None if there is none or it is damaged (the run starts again)."""
        path = partials.place(self.path, digest)
        if partials.notes_of(digest, path) is None:  # a file of holes may say that it has any size
            return None
        return partials.unpacked(digest, self.files.read(path, limit=sys.maxsize))

    def partial_notes(self, digest: str) -> dict[str, Any] | None:
        """The notes of that checkpoint alone, for those who only look: its step, metrics, seconds."""
        return partials.notes_of(digest, partials.place(self.path, digest))

    def drop_partial(self, digest: str) -> None:
        """Forget the checkpoint of a run."""
        self.files.remove(partials.place(self.path, digest).parent)

    # -- tasks that failed ---------------------------------------------------------------------------------------

    def remember_failure(self, digest: str, message: str, trace: str) -> None:
        """Keep why a task failed, until it succeeds."""
        self.files.write(self._failure(digest), sealed({"digest": digest, "message": message, "trace": trace}))

    def failures(self) -> dict[str, dict[str, str]]:
        """Message and trace of each task that failed when it was last tried, by digest."""
        failures = {}
        for file in sorted((self.path / "failed").glob("[0-9a-f]*")):
            data = self.files.read(file)
            fields = unsealed(data) or (self.format == 1 and plain_fields(data, digest=file.name)) or {}
            if fields.pop("digest", None) == file.name:
                failures[file.name] = fields
        return failures

    def _failure(self, digest: str) -> Path:
        return self.path / "failed" / checked_name(digest)

    # -- the index of equal content ------------------------------------------------------------------------------

    def same(self, key: str) -> Record | None:
        """A finished run whose start, mask, data, recipe, seed and facts are the same."""
        fields = unsealed(self.files.read(self.path / "same" / checked_name(key))) or {}
        record = self.computed(fields.get("digest", "")) if fields.get("key") == key else None
        return record if record and record.key in ("", key) else None

    def remember_same(self, key: str, digest: str) -> None:
        """Enter a finished run in the index."""
        self.files.write(self.path / "same" / checked_name(key), sealed({"key": key, "digest": digest}))

    # -- who computes --------------------------------------------------------------------------------------------

    def lock(self) -> Lock:
        """The right to compute in this store, for one process at a time."""
        return Lock(self.path / "lock")
