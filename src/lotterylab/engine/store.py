"""Results on disk.

    <store>/format.json                 the version of this layout
    <store>/objects/ab/<sha256>         blobs (safetensors), named by their bytes
    <store>/runs/<digest>/manifest      the ONE file that makes a result exist: hashes, metrics, facts, own checksum
    <store>/partial/<digest>/           the last checkpoint of a run that has not finished
    <store>/same/<key>                  digest of a finished run with the same content (can be rebuilt)
    <store>/failed/<digest>             why a task failed when it was last tried; gone when it succeeds
    <store>/lock                        held by the one process that computes

A blob is written before the manifest that names it; the manifest is written whole or not at all.  Whatever a kill
leaves behind is either a finished result or nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lotterylab.blobs import WRITING, deserialize, serialize, write_atomically
from lotterylab.engine.lock import Lock
from lotterylab.engine.records import Record
from lotterylab.errors import DamageError, RefusedError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1
CUT_OFF_SECONDS = 3600.0  # no write takes nearly as long


class Store:
    """A folder of results.  Reading needs no lock; computing takes ``lock()``."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._check_format()

    def _check_format(self) -> None:
        file = self.path / "format.json"
        if file.is_file():
            try:
                found = int(json.loads(file.read_bytes())["format"])
            except (ValueError, KeyError, TypeError) as error:
                raise DamageError(
                    f"{file} is damaged: it should say {json.dumps({'format': FORMAT})}. Write that into it."
                ) from error
            if found > FORMAT:
                raise RefusedError(
                    f"the store {self.path} has format {found}; this lotterylab knows up to {FORMAT}. "
                    "Use a newer lotterylab, or another --store."
                )

    def create(self) -> Store:
        """Make the folders, if they are not there."""
        for name in ("objects", "runs", "partial", "same", "failed"):
            (self.path / name).mkdir(parents=True, exist_ok=True)
        if not (self.path / "format.json").is_file():
            write_atomically(self.path / "format.json", json.dumps({"format": FORMAT}).encode())
        return self

    # -- records -------------------------------------------------------------------------------------------------

    def __contains__(self, digest: str) -> bool:
        return self._manifest(digest).is_file()

    def record(self, digest: str) -> Record | None:
        """The record of a finished node, or None.

        Raises:
            DamageError: when its manifest is there but does not hold a record.
        """
        try:
            data = self._manifest(digest).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            return Record.parse(data.decode())
        except ValueError as error:
            raise DamageError(f"{self._manifest(digest)} is damaged ({error}); delete it and run again.") from error

    def records(self) -> Iterator[Record]:
        """All records, in the order of their digests."""
        for folder in sorted((self.path / "runs").glob("*")):
            if record := self.record(folder.name):
                yield record

    def commit(self, record: Record) -> None:
        """Make a result exist.  Its blobs must have been put before."""
        folder = self.path / "runs" / record.digest
        folder.mkdir(exist_ok=True)
        write_atomically(folder / "manifest", record.line().encode())
        self.drop_partial(record.digest)
        self._failure(record.digest).unlink(missing_ok=True)

    def _manifest(self, digest: str) -> Path:
        return self.path / "runs" / digest / "manifest"

    # -- blobs ---------------------------------------------------------------------------------------------------

    def put(self, tensors: Mapping[str, Tensor]) -> str:
        """Store tensors; returns the SHA-256 that names them.  Equal tensors are stored once."""
        data = serialize(tensors)
        name = hashlib.sha256(data).hexdigest()
        path = self.blob_path(name)
        if not path.is_file():
            path.parent.mkdir(exist_ok=True)
            write_atomically(path, data)
        return name

    def has_blob(self, name: str) -> bool:
        """Whether the blob is here."""
        return self.blob_path(name).is_file()

    def has_blobs_of(self, record: Record) -> bool:
        """Whether all blobs of the record are here; of one that came from a ledger they are not."""
        return all(map(self.has_blob, record.blobs.values()))

    def get(self, name: str) -> dict[str, Tensor]:
        """The tensors of a blob, in the order of their names, its bytes checked against its name.

        Raises:
            DamageError: when the blob is missing or its bytes are not what its name says.
        """
        path = self.blob_path(name)
        if not path.is_file():
            raise DamageError(
                f"the store has no {path}: it was lost, or its record came from a ledger. Run the study: what is "
                "needed is computed again."
            )
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != name:
            raise DamageError(f"{path} is damaged: its bytes are not those it was named for. Delete it and run again.")
        return deserialize(data)

    def blob_path(self, name: str) -> Path:
        """Where the blob of that SHA-256 lies."""
        return self.path / "objects" / name[:2] / name

    # -- unfinished runs -----------------------------------------------------------------------------------------

    def save_partial(self, digest: str, tensors: Mapping[str, Tensor], notes: Mapping[str, Any]) -> None:
        """Keep a checkpoint of an unfinished run: one file, so that tensors and notes always belong together."""
        folder = self.path / "partial" / digest
        folder.mkdir(exist_ok=True)
        body = serialize(tensors)
        head = json.dumps({**notes, "sha256": hashlib.sha256(body).hexdigest()}, sort_keys=True).encode()
        write_atomically(folder / "checkpoint", len(head).to_bytes(8, "little") + head + body)

    def load_partial(self, digest: str) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """The last checkpoint of an unfinished run; None where there is none or it is damaged (the run starts
        again)."""
        try:
            data = (self.path / "partial" / digest / "checkpoint").read_bytes()
        except FileNotFoundError:
            return None
        size = int.from_bytes(data[:8], "little")
        try:
            notes = json.loads(data[8 : 8 + size])
        except ValueError:
            return None
        body = data[8 + size :]
        return (deserialize(body), notes) if hashlib.sha256(body).hexdigest() == notes.pop("sha256") else None

    def drop_partial(self, digest: str) -> None:
        """Forget the checkpoint of a run."""
        # a worker that has outlived its killed parent may be writing there too: what it leaves does no harm
        shutil.rmtree(self.path / "partial" / digest, ignore_errors=True)

    def sweep(self) -> None:
        """Remove what kills left: checkpoints of runs that have finished, and files whose writing was cut off.

        For the holder of the lock.  A young unfinished file may be another command's, which brings in a ledger.
        """
        for folder in (self.path / "partial").iterdir():
            record = self.record(folder.name)
            if record and self.has_blobs_of(record):
                self.drop_partial(folder.name)
        for file in self.path.rglob(f"{WRITING}*"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - file.stat().st_mtime > CUT_OFF_SECONDS:
                    file.unlink()

    def partial_notes(self, digest: str) -> dict[str, Any] | None:
        """The notes of that checkpoint alone, for those who only look: its step, metrics, seconds."""
        try:
            with open(self.path / "partial" / digest / "checkpoint", "rb") as file:
                return json.loads(file.read(int.from_bytes(file.read(8), "little")))
        except (FileNotFoundError, ValueError):
            return None

    # -- tasks that failed ---------------------------------------------------------------------------------------

    def remember_failure(self, digest: str, message: str, trace: str) -> None:
        """Keep why a task failed, until it succeeds."""
        self._failure(digest).parent.mkdir(exist_ok=True)  # a store of an earlier version has no such folder
        text = json.dumps({"message": message, "trace": trace}, sort_keys=True)
        write_atomically(self._failure(digest), text.encode())

    def failures(self) -> dict[str, dict[str, str]]:
        """Message and trace of each task that failed when it was last tried, by digest."""
        found = {}
        for file in sorted((self.path / "failed").glob("[0-9a-f]*")):
            with contextlib.suppress(FileNotFoundError, ValueError):
                found[file.name] = json.loads(file.read_bytes())
        return found

    def _failure(self, digest: str) -> Path:
        return self.path / "failed" / digest

    # -- the index of equal content ------------------------------------------------------------------------------

    def same(self, key: str) -> Record | None:
        """A finished run whose start, mask, data, recipe, seed and facts are the same."""
        try:
            return self.record((self.path / "same" / key).read_text())
        except FileNotFoundError:
            return None

    def remember_same(self, key: str, digest: str) -> None:
        """Enter a finished run in the index."""
        write_atomically(self.path / "same" / key, digest.encode())

    # -- who computes --------------------------------------------------------------------------------------------

    def lock(self) -> Lock:
        """The right to compute in this store, for one process at a time."""
        return Lock(self.path / "lock")

    def find(self, beginning: str) -> Record:
        """The one record whose digest begins so.

        Raises:
            UsageError: when none does, or several do.
        """
        folders = sorted((self.path / "runs").glob(f"{beginning}*")) if beginning.isalnum() else []
        found = [folder.name for folder in folders]
        record = self.record(found[0]) if len(found) == 1 else None
        if record is None:
            what = f"{len(found)} begin so: {', '.join(one[:16] for one in found[:5])}" if found else "none begins so"
            raise UsageError(
                f"a result of {self.path} was asked for by '{beginning}', the first digits of its digest; {what}. "
                "The report's table of runs, and table --json, show the digests."
            )
        return record
