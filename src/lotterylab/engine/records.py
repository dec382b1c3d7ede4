"""The record of a finished node: one line of JSON with its own checksum, in a manifest and in a ledger."""

from __future__ import annotations

import hashlib
import json
import math
import sys
from dataclasses import dataclass, field, fields
from typing import Any, NoReturn

from lotterylab.engine.files import CHECK_DIGITS, checksum, is_name
from lotterylab.errors import a_type

LATER = ("spec", "key")  # fields that older records lack; omitted from the line while they are empty


class NewerError(ValueError):
    """The line is whole, but has fields that only a newer version can read."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """The record of a finished node.

    Args:
        digest: the node's name, 64 hexadecimal digits.
        kind: the node's class ("Train").
        metrics: JSON values; a number that is not finite (the run diverged) is null.
        facts: torch's version, processor, threads and the like; the time at which it was started (UTC, "started"), the
            package's version and the hash of its files ("lotterylab", "source"), the study that asked for it and the
            digest of its claims at that time ("study", "claims").  Older records lack some.
        blobs: part ("final", "best", "mask") -> SHA-256.  The blobs of a record from a ledger are not in the store.
        inputs: number -> digest of each node that the node was made from.
        spec: the node as canonical JSON (``plan.digest``), nodes inside it as their digests.  Its SHA-256 is the
            digest.  Empty in older records.
        seconds: computing time, on one thread.
        same_as: the earlier run of the same content whose result this is.
        key: the SHA-256 of the run's content, by which equal runs are found.  Empty in older records.
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
    key: str = ""

    def line(self) -> str:
        """Return the record as one line: the first 16 digits of the SHA-256 of its JSON, a space, the JSON."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        written = {name: value for name, value in values.items() if value or name not in LATER}
        text = json.dumps(finite(written), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return f"{checksum(text.encode())} {text}"

    @classmethod
    def parse(cls, line: str | bytes) -> Record:
        """Return the record of a line.

        Raises:
            NewerError: the line is whole, but has fields that this version does not know.
            ValueError: the line does not match its checksum, or is not a record.
        """
        data = (line.encode() if isinstance(line, str) else line).rstrip(b"\n")
        text = data[CHECK_DIGITS + 1 :]
        if data[: CHECK_DIGITS + 1] != f"{checksum(text)} ".encode():
            raise ValueError("it does not match its checksum")
        try:
            values = DECODER.decode(text.decode())
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        if not isinstance(values, dict):
            raise ValueError(f"it holds {a_type(values)}, not a record")
        if unknown := sorted(values.keys() - TYPES.keys()):
            raise NewerError(f"it was written by a newer version (it has the field '{unknown[0]}')")
        for name, value in values.items():
            if type(value) not in TYPES[name]:
                raise ValueError(f"its {name} is {a_type(value)}")
        try:
            record = cls(**values)
        except TypeError as error:  # a field is missing
            raise ValueError(str(error).partition("() ")[2]) from error
        record._check_names()
        return record

    def _check_names(self) -> None:
        """Check that every name is a SHA-256, because a name becomes part of a path."""
        for name in (self.digest, *self.blobs.values(), *self.inputs.values(), *filter(None, (self.same_as, self.key))):
            if not is_name(name):
                raise ValueError(f"it names {str(name)[:80]!r}, which is not a SHA-256 in 64 hexadecimal digits")
        if not 0 <= self.seconds <= sys.float_info.max:
            raise ValueError(f"its seconds are {self.seconds}")

    def check_spec(self) -> None:
        """Compare the digest of a record from elsewhere with its spec, if it has one.

        Raises:
            ValueError: the SHA-256 of the canonical spec differs, or the spec has another kind of node.
        """
        if not self.spec:
            return
        text = json.dumps(self.spec, sort_keys=True, separators=(",", ":"))
        if hashlib.sha256(text.encode()).hexdigest() != self.digest:
            raise ValueError("its digest is not the SHA-256 of its spec")
        if self.spec.get("is") != self.kind:
            raise ValueError(f"its kind is {self.kind!r}, but its spec has another kind")


def is_line_of(data: bytes, digest: str) -> bool:
    """Return whether ``data`` is the whole line of this digest's record, without decoding it."""
    text = data[CHECK_DIGITS + 1 :]
    return data[:CHECK_DIGITS] == checksum(text).encode() and f'"digest":"{digest}"'.encode() in text


TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("digest", "kind", "same_as", "key"), (str,)),
    **dict.fromkeys(("metrics", "facts", "blobs", "inputs", "spec"), (dict,)),
    "seconds": (int, float),
}


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"it holds {constant}, which is not JSON")


DECODER = json.JSONDecoder(parse_constant=_not_json)


def finite(value: Any) -> Any:
    """Return ``value`` with null in place of numbers that JSON cannot write."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
