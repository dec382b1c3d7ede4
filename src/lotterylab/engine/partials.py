"""The file of the last checkpoint of an unfinished run: a sealed head with the notes, then the tensors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lotterylab.engine.files import checked_name, read_bytes, sealed, unsealed
from lotterylab.errors import DamageError
from lotterylab.formats.blobs import deserialize, serialize

if TYPE_CHECKING:
    from torch import Tensor

SIZE_BYTES = 8  # in front of the head, its length
MOST_OF_A_HEAD = 2**26  # curves of a million epochs; a damaged length may be any number


def place(store: Path, digest: str) -> Path:
    """Return the path of the run's checkpoint."""
    return store / "partial" / checked_name(digest) / "checkpoint"


def packed(digest: str, tensors: Mapping[str, Tensor], notes: Mapping[str, Any]) -> bytes:
    """Return the bytes of a checkpoint, whose sealed head names the run and the SHA-256 of the tensors."""
    body = serialize(tensors)
    head = sealed({"run": digest, "notes": dict(notes), "sha256": hashlib.sha256(body).hexdigest()})
    return len(head).to_bytes(SIZE_BYTES, "little") + head + body


def unpacked(digest: str, data: bytes | None) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Return the tensors and notes, or None if the bytes are damaged or belong to another run."""
    head, body = _split(data or b"")
    fields = unsealed(head)
    return (deserialize(body), fields["notes"]) if fields and _is_whole(digest, fields, body) else None


def is_whole(digest: str, data: bytes) -> bool:
    """Return whether the bytes are a complete checkpoint of the run."""
    head, body = _split(data)
    fields = unsealed(head)
    return fields is not None and _is_whole(digest, fields, body)


def _is_whole(digest: str, fields: Mapping[str, Any], body: bytes) -> bool:
    return fields["run"] == digest and hashlib.sha256(body).hexdigest() == fields["sha256"]


def notes_of(digest: str, path: Path) -> dict[str, Any] | None:
    """Return the notes without reading the tensors, or None if they are damaged or belong to another run."""
    try:
        if (size := read_bytes(path, SIZE_BYTES)) is None:
            return None
        head = read_bytes(path, SIZE_BYTES + min(int.from_bytes(size, "little"), MOST_OF_A_HEAD)) or b""
    except DamageError:
        return None
    fields = unsealed(head[SIZE_BYTES:])
    return fields["notes"] if fields and fields["run"] == digest else None


def _split(data: bytes) -> tuple[bytes, bytes]:
    size = int.from_bytes(data[:SIZE_BYTES], "little")
    return data[SIZE_BYTES : SIZE_BYTES + size], data[SIZE_BYTES + size :]
