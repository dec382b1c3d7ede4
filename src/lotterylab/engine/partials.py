"""The file that holds the last checkpoint of an unfinished run: a sealed head with the notes, then the tensors."""

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

SIZE_BYTES = 8  # the length of the head, in front of it
MOST_OF_A_HEAD = 2**26  # curves of a million epochs; a damaged length may say anything


def place(store: Path, digest: str) -> Path:
    """Where the checkpoint of that run lies."""
    return store / "partial" / checked_name(digest) / "checkpoint"


def packed(digest: str, tensors: Mapping[str, Tensor], notes: Mapping[str, Any]) -> bytes:
    """The bytes of a checkpoint.  The head names the run and the SHA-256 of the tensors, and is sealed."""
    body = serialize(tensors)
    head = sealed({"run": digest, "notes": dict(notes), "sha256": hashlib.sha256(body).hexdigest()})
    return len(head).to_bytes(SIZE_BYTES, "little") + head + body


def unpacked(digest: str, data: bytes | None) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Tensors and notes; None for bytes that are damaged, or are the checkpoint of another run."""
    head, body = _split(data or b"")
    fields = unsealed(head)
    return (deserialize(body), fields["notes"]) if fields and _is_whole(digest, fields, body) else None


def is_whole(digest: str, data: bytes) -> bool:
    """Whether these bytes are a checkpoint of that run, as it was written."""
    head, body = _split(data)
    fields = unsealed(head)
    return fields is not None and _is_whole(digest, fields, body)


def _is_whole(digest: str, fields: Mapping[str, Any], body: bytes) -> bool:
    return fields["run"] == digest and hashlib.sha256(body).hexdigest() == fields["sha256"]


def notes_of(digest: str, path: Path) -> dict[str, Any] | None:
    """The notes alone, for those who only look; None as above.  The tensors are not read."""
    try:
        head_size = int.from_bytes(read_bytes(path, SIZE_BYTES) or b"", "little")
        head = read_bytes(path, SIZE_BYTES + min(head_size, MOST_OF_A_HEAD)) or b""
    except DamageError:
        return None
    fields = unsealed(head[SIZE_BYTES:])
    return fields["notes"] if fields and fields["run"] == digest else None


def _split(data: bytes) -> tuple[bytes, bytes]:
    size = int.from_bytes(data[:SIZE_BYTES], "little")
    return data[SIZE_BYTES : SIZE_BYTES + size], data[SIZE_BYTES + size :]
