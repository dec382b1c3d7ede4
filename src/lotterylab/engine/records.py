"""What is known of a finished node: one line of JSON with its own checksum, in a manifest and in a ledger."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is known of a finished node.

    ``blobs``: part ("final", "best", "mask") -> SHA-256; a record that came from a ledger names blobs that are not
    here.
    ``same_as``: the run whose result this is, where a run of the same content had finished.
    ``spec``: the node as canonical JSON (``plan.digest``), nodes inside it as their digests; empty in older records.
    ``metrics``: JSON values; a number that is not finite (the run diverged) stands as null.
    """

    digest: str
    kind: str
    metrics: dict[str, Any]
    facts: dict[str, Any]
    blobs: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    spec: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    same_as: str = ""

    def line(self) -> str:
        """The record as one line: the first 16 digits of the SHA-256 of its JSON, a space, the JSON."""
        fields = {name: value for name, value in asdict(self).items() if value or name != "spec"}
        text = json.dumps(finite(fields), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return f"{_check(text)} {text}"

    @classmethod
    def parse(cls, line: str) -> Record:
        """The record of a line.

        Raises:
            ValueError: for a line that is not what its checksum says, or holds no record.
        """
        check, _, text = line.rstrip("\n").partition(" ")
        if check != _check(text):
            raise ValueError("it is not what its checksum says")
        try:
            return cls(**json.loads(text))
        except TypeError as error:  # a key of a newer record
            raise ValueError(str(error)) from error


def _check(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def finite(value: Any) -> Any:
    """``value`` with null for every number that JSON cannot write."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
