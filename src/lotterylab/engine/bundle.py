"""A study with its tensors as one file: a tar archive of records and blobs, each byte under a checksum.

    bundle.json         sealed: the version of this layout, the number of records, the SHA-256 of the ledger
    ledger.jsonl        the records, one a line
    objects/<sha256>    the blobs, each named by its bytes

Equal records give equal bytes, because members are sorted by name and carry no times or owners.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lotterylab.engine.files import is_name, make_folder, read_bytes, sealed, unsealed
from lotterylab.engine.ledger import parsed
from lotterylab.engine.records import Record
from lotterylab.engine.schedule import all_tasks
from lotterylab.engine.store import Store
from lotterylab.errors import DamageError, RefusedError, UsageError
from lotterylab.formats.blobs import sweep, written_whole
from lotterylab.plan.nodes import Node
from lotterylab.system.places import missing

FORMAT = 1
HEAD, LEDGER, OBJECTS = "bundle.json", "ledger.jsonl", "objects/"
MOST_OF_HEAD = 4096


@dataclass(frozen=True, kw_only=True)
class Counts:
    """The numbers of results and blobs written to a bundle, or read from a bundle into a store that lacked them."""

    results: int
    blobs: int


def write_bundle(targets: Iterable[Node], store: Store, path: Path) -> Counts:
    """Write the finished tasks behind ``targets`` with their tensors, completely or not at all.

    Results without tensors (from a ledger) are written with their numbers alone.

    Raises:
        DamageError: a blob is damaged.
        UsageError: no task is finished.
    """
    records = [record for digest in sorted(all_tasks(targets)) if (record := store.record(digest))]
    if not records:
        raise UsageError(f"the store {store.path} has no finished result of this study: there is nothing to export.")
    blobs = sorted({blob for record in records for blob in record.blobs.values() if store.has_blob(blob)})
    ledger = "".join(f"{record.line()}\n" for record in records).encode()
    head = {"format": FORMAT, "records": len(records), "ledger": hashlib.sha256(ledger).hexdigest()}
    make_folder(path.parent)
    sweep(path.parent)
    with written_whole(path) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        _add(tar, HEAD, sealed(head))
        _add(tar, LEDGER, ledger)
        for blob in blobs:
            _add(tar, OBJECTS + blob, store.get_bytes(blob))
    return Counts(results=len(records), blobs=len(blobs))


def read_bundle(path: Path, store: Store) -> Counts:
    """Put the results of a bundle into the store, with their tensors; results in the store stay.

    Only the holder of the lock may call this.  No file is unpacked under a name from the archive: only members of the
    layout are read, and a blob's path follows from its bytes.

    Raises:
        UsageError: the file is not a bundle, is damaged, or holds another file; the results before the damage are
            complete.
        RefusedError: a newer version of lotterylab wrote it.
    """
    with _opened(path) as (records, members):
        absent = [record for record in records if not _is_whole(store, record)]
        wanted = {blob for record in absent for blob in record.blobs.values()}
        blobs = 0
        for name, data in members:
            blob = name.removeprefix(OBJECTS)
            if not name.startswith(OBJECTS) or not is_name(blob):
                raise UsageError(f"{path} holds {name[:80]!r}, which does not belong in a bundle.")
            if hashlib.sha256(data).hexdigest() != blob:
                raise UsageError(f"{path} is damaged: {name[:24]}... does not match its name. Fetch it again.")
            if blob in wanted and not store.has_blob(blob):
                store.put_bytes(data)
                blobs += 1
    for record in absent:
        if store.has_blobs_of(record):
            store.commit(record)
        else:
            store.keep_known([record])
    return Counts(results=len(absent), blobs=blobs)


def check_bundle(path: Path) -> None:
    """Refuse a file that is not a bundle, by its head and its ledger, before a store is made for it.

    Raises:
        UsageError, RefusedError: as ``read_bundle``.
    """
    with _opened(path):
        pass


@contextmanager
def _opened(path: Path) -> Iterator[tuple[list[Record], Iterator[tuple[str, bytes]]]]:
    """Open a bundle and yield its records and its other members; what a damaged one raises becomes a sentence."""
    try:
        try:
            if read_bytes(path, 1) is None:
                raise UsageError(f"{missing('file', path)}. Name a file that store export wrote.")
        except DamageError as error:
            raise UsageError(str(error)) from error
        with open(path, "rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            members = _members(tar, path, os.fstat(file.fileno()).st_size)
            yield _records(path, members), members
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{path} is not a whole bundle ({error}). Fetch it again.") from error


def _is_whole(store: Store, record: Record) -> bool:
    known = store.record(record.digest)
    return known is not None and store.has_blobs_of(known)


def _records(path: Path, members: Iterator[tuple[str, bytes]]) -> list[Record]:
    name, data = next(members, ("", b""))
    head = unsealed(data) if name == HEAD and len(data) <= MOST_OF_HEAD else None
    if head is None:
        raise UsageError(f"{path} is not a bundle of lotterylab: it does not begin with {HEAD}.")
    if head["format"] > FORMAT:
        raise RefusedError(
            f"{path} has the format {head['format']}; this lotterylab reads formats up to {FORMAT}. Use a newer one."
        )
    name, data = next(members, ("", b""))
    if name != LEDGER or hashlib.sha256(data).hexdigest() != head["ledger"]:
        raise UsageError(f"{path} is damaged: its ledger does not match its checksum. Fetch it again.")
    return parsed(data.splitlines(), path)


def _members(tar: tarfile.TarFile, path: Path, size: int) -> Iterator[tuple[str, bytes]]:
    """Yield the name and bytes of each member; only plain files no larger than the archive are allowed."""
    for member in tar:
        if not member.isreg() or member.issparse() or member.size > size:
            raise UsageError(f"{path} holds {member.name[:80]!r}, which is not a plain file.")
        stream = tar.extractfile(member)
        data = stream.read() if stream else b""
        if len(data) != member.size:
            raise UsageError(f"{path} is cut off within {member.name[:80]!r}. Fetch it again.")
        yield member.name, data


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))
