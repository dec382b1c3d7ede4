"""Looking for damage in a store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from lotterylab.engine.store import Store
from lotterylab.errors import DamageError


def verify(store: Store) -> Iterator[str]:
    """One line for each damaged blob or manifest, and for each blob that a manifest names and the store has lost.

    A record that was brought in from a ledger names blobs that never were here; that is no damage as long as none of
    them is.
    """
    for path in sorted((store.path / "objects").glob("*/*")):
        if path.name.startswith("."):
            continue  # what a kill left of a write; never read
        if hashlib.sha256(path.read_bytes()).hexdigest() != path.name:
            yield f"{path} is not what its name says: delete it and run again."
    for folder in sorted((store.path / "runs").glob("*")):
        try:
            record = store.record(folder.name)
        except DamageError as error:
            yield str(error)
            continue
        if record is None:
            continue
        lost = [part for part, blob in record.blobs.items() if not store.has_blob(blob)]
        if lost and len(lost) < len(record.blobs):
            yield f"{record.kind} {record.digest[:12]} has lost {', '.join(lost)}: delete {folder} and run again."
