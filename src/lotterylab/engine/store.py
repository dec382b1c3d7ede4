"""Results on disk.

    <store>/format.json                 the version of this layout
    <store>/objects/ab/<sha256>         blobs (safetensors), named by their bytes
    <store>/runs/<digest>/manifest      the ONE file that makes a result exist: hashes, metrics, facts, own checksum
    <store>/known.jsonl                 records that came from ledgers: numbers without tensors, one a line
    <store>/partial/<digest>/checkpoint the last checkpoint of a run that has not finished
    <store>/same/<key>                  digest of a finished run with the same content (can be rebuilt)
    <store>/failed/<digest>             why the last attempt of a task failed; removed when the task succeeds
    <store>/plans/<sha256>              rows and nodes of a plan of a user's own loop, to show its results without it
    <store>/quarantine/                 damaged files that were set aside
    <store>/lock                        held by the one process that computes

A blob is written before the manifest that names it, and a manifest is written completely or not at all.  A kill
therefore leaves either a finished result or nothing.

Every byte that is read is under a checksum, and every file is compared with its name.  A damaged file counts as absent,
and its result is computed again.  ``damage`` lists the damage found so far.  Names are SHA-256 in 64 hexadecimal
digits, and no path leads through a link, so that nothing is ever written outside the store.
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
from lotterylab.system.places import folder_for
from lotterylab.system.refusals import refusals

if TYPE_CHECKING:
    from torch import Tensor

RACES = 9  # how often in a row a checkpoint's folder may vanish before its file moves there
FOLDERS = ("objects", "runs", "partial", "same", "failed")
PLANS = "plans"  # made when the first plan is kept


class Store:
    """A folder of results.  Reading needs no lock and writes nothing; computing takes ``lock()``."""

    def __init__(self, path: str | Path) -> None:
        self.path = folder_for(path, "store")
        self.files = Files(self.path)
        self.damage = self.files.damage
        self._known = Known(self.files, self.path / "known.jsonl")
        self._parsed: dict[str, tuple[tuple[int, int, int], Record]] = {}
        with refusals(folder=self.path):
            self.format = read_format(self.files)

    def create(self) -> Store:
        """Make the missing folders, after the file with the version of the layout."""
        self.format = read_format(self.files)  # another process may have made the store since
        if not self.format:
            # a store without a version may hold files of format 1
            self.format = 1 if any(True for _ in self.digests()) else FORMAT
            write_format(self.files, self.format)
        for name in FOLDERS:
            self.files.make_folder(self.path / name)
        return self

    # -- records -------------------------------------------------------------------------------------------------

    def __contains__(self, digest: str) -> bool:
        """Return whether a record of the digest exists, which is faster than ``record`` because it is not parsed."""
        data = self._manifest_bytes(digest) if is_name(digest) else None
        return (data is not None and is_line_of(data, digest)) or self.record(digest) is not None

    def record(self, digest: str) -> Record | None:
        """Return the record of a finished node, or None; a damaged manifest is noted and counts as absent.

        Raises:
            RefusedError: a newer version of lotterylab wrote it.
        """
        return self.computed(digest) or self._known.get(digest)

    def computed(self, digest: str) -> Record | None:
        """Return the record of a node that was computed in this store, with all its blobs, or None."""
        if not is_name(digest):
            return None
        try:
            state = os.stat(f"{self.path}/runs/{digest}/manifest")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:  # reading tells a loop of links from a disk error
            self._manifest_bytes(digest)
            return None
        stamp = (state.st_mtime_ns, state.st_ino, state.st_size)  # a manifest is only replaced by another file
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
        """Yield all records, sorted by digest."""
        for digest in sorted(self.names()):
            if record := self.record(digest):
                yield record

    def names(self) -> set[str]:
        """Return the digests of all records, computed here or from ledgers."""
        return {*self.digests(), *self._known}

    def digests(self) -> Iterator[str]:
        """Yield the digests of the results computed here."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(self.path / "runs") as entries:
            yield from (entry.name for entry in entries if is_name(entry.name))

    def commit(self, record: Record) -> None:
        """Make a result exist, after its blobs were stored.  Only the lock's holder and its workers may call this."""
        path = self._manifest(record.digest)
        self.files.write(path, record.line().encode(), sync="file")
        with contextlib.suppress(OSError):  # the result exists, and leftovers are swept later
            self.drop_partial(record.digest)
            self.files.inside(self._failure(record.digest)).unlink(missing_ok=True)

    def forget(self, digest: str) -> None:
        """Remove a manifest.  Only the holder of the lock may call this."""
        self.files.remove(self._manifest(digest).parent)

    def know(self, records: Iterable[Record]) -> int:
        """Read these records too, in this process alone, and return the number of records that the store lacked."""
        return self._known.add(record for record in records if self.record(record.digest) is None)

    def keep_known(self, records: Iterable[Record]) -> None:
        """Write records without tensors into the store, for its workers.  Only the holder of the lock may call this."""
        self._known.keep(records)

    def only_in_memory(self, digests: Iterable[str]) -> list[Record]:
        """Return the records among ``digests`` that exist only in a ledger read by this process."""
        return self._known.only_in_memory(digests)

    def set_aside_damage(self) -> None:
        """Move every file in ``damage`` into quarantine/ and report it in ``files.moved``; needs the lock."""
        if self._known.path in self.damage:
            self._known.mend()
        for path, why in list(self.damage.items()):
            self.files.set_aside(path, why)

    def _manifest_bytes(self, digest: str) -> bytes | None:
        try:
            return read_bytes(f"{self.path}/runs/{digest}/manifest", limit=LIMIT)  # a Path is slower than the reading
        except DamageError:
            return self.files.read(self._manifest(digest))  # notes the damage

    def _manifest(self, digest: str) -> Path:
        return self.path / "runs" / checked_name(digest) / "manifest"

    # -- blobs ---------------------------------------------------------------------------------------------------

    def put(self, tensors: Mapping[str, Tensor]) -> str:
        """Store tensors and return the SHA-256 that names them.  Equal tensors are stored once."""
        return self.put_bytes(serialize(tensors))

    def put_bytes(self, data: bytes) -> str:
        """Store the bytes of a blob and return the SHA-256 that names them.  A damaged blob is rewritten."""
        name = hashlib.sha256(data).hexdigest()
        path = self.blob_path(name)
        if self.files.read(path, limit=len(data)) != data:
            self.files.write(path, data, sync="file")
        return name

    def has_blob(self, name: str) -> bool:
        """Return whether the store has the blob."""
        return is_name(name) and self.blob_path(name).is_file()

    def has_blobs_of(self, record: Record) -> bool:
        """Return whether the store has all blobs of the record; it has no blobs of a record from a ledger."""
        return all(map(self.has_blob, record.blobs.values()))

    def get(self, name: str) -> dict[str, Tensor]:
        """Return the tensors of a blob, sorted by name; errors are as in ``get_bytes``."""
        return deserialize(self.get_bytes(name))

    def get_bytes(self, name: str) -> bytes:
        """Return the bytes of a blob, checked against its name.

        Raises:
            DamageError: the blob is missing, or its bytes do not match its name.
        """
        path = self.blob_path(name)
        data = self.files.read(path, limit=sys.maxsize)
        if data is None and path not in self.damage:
            raise DamageError(
                f"the store has no {path}: it was lost, or its record came from a ledger. Run the study again: the "
                "blob is computed again if it is needed.",
                path,
            )
        if data is None or hashlib.sha256(data).hexdigest() != name:
            self.damage[path] = "its bytes do not match its name"
            raise DamageError(
                f"{path} is damaged: its bytes do not match its name. Run the study again: the blob is computed again "
                "if it is needed.",
                path,
            )
        return data

    def blob_path(self, name: str) -> Path:
        """Return the path of the blob with this SHA-256."""
        return self.path / "objects" / checked_name(name)[:2] / name

    # -- unfinished runs (``partials`` reads and writes the file) -------------------------------------------------

    def save_partial(self, digest: str, tensors: Mapping[str, Tensor], notes: Mapping[str, Any]) -> None:
        """Keep a checkpoint of an unfinished run in one file, so that tensors and notes always belong together."""
        path = partials.place(self.path, digest)
        whole = unfinished(path.parents[1])
        self.files.write(whole, partials.packed(digest, tensors, notes), sync="file")
        for attempt in range(RACES):
            self.files.make_folder(path.parent)
            try:
                return os.replace(whole, path)
            except FileNotFoundError:  # a worker that outlived its killed parent finished the run and swept
                if attempt == RACES - 1:
                    raise

    def load_partial(self, digest: str) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return the last checkpoint of an unfinished run, or None if it is missing or damaged (the run restarts)."""
        path = partials.place(self.path, digest)
        if partials.notes_of(digest, path) is None:  # a sparse file may claim any size
            return None
        return partials.unpacked(digest, self.files.read(path, limit=sys.maxsize))

    def partial_notes(self, digest: str) -> dict[str, Any] | None:
        """Return the notes of the last checkpoint (step, metrics, seconds) without its tensors, or None."""
        return partials.notes_of(digest, partials.place(self.path, digest))

    def drop_partial(self, digest: str) -> None:
        """Remove the checkpoint of a run."""
        self.files.remove(partials.place(self.path, digest).parent)

    # -- tasks that failed ---------------------------------------------------------------------------------------

    def remember_failure(self, digest: str, message: str, trace: str) -> None:
        """Keep the reason of a task's failure until it succeeds."""
        self.files.write(self._failure(digest), sealed({"digest": digest, "message": message, "trace": trace}))

    def failures(self) -> dict[str, dict[str, str]]:
        """Return the message and trace of each task whose last attempt failed, by digest."""
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
        """Return a finished run with the same start, mask, data, recipe, seed and facts, or None."""
        fields = unsealed(self.files.read(self.path / "same" / checked_name(key))) or {}
        record = self.computed(fields.get("digest", "")) if fields.get("key") == key else None
        return record if record and record.key in ("", key) else None

    def remember_same(self, key: str, digest: str) -> None:
        """Add a finished run to the index."""
        self.files.write(self.path / "same" / checked_name(key), sealed({"key": key, "digest": digest}), sync="none")

    # -- the lock ------------------------------------------------------------------------------------------------

    def lock(self) -> Lock:
        """Return the lock that lets one process at a time compute in this store."""
        return Lock(self.path / "lock")
