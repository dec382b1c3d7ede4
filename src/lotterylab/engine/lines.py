"""A record whose fields are decoded on first use: for commands that read thousands and need a few numbers.

The line of a training has 2.6 kB.  Decoding takes 60 us for the whole line, 27 for its metrics and 4 for its facts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from lotterylab.engine.files import CHECK_DIGITS, checksum
from lotterylab.engine.records import DECODER, Record
from lotterylab.errors import DamageError

# A line as ``Record.line`` writes it.  An object without inner braces ends at the first "}".  The metrics may hold
# objects and end before the only "same_as" of the line.
_HEAD = re.compile(
    rb'\{"blobs":(\{[^{}]*\}),"digest":"([0-9a-f]{64})","facts":(\{[^{}]*\}),"inputs":(\{[^{}]*\}),'
    rb'(?:"key":"((?:[0-9a-f]{64})?)",)?"kind":"(\w+)","metrics":\{'
)
_TAIL = re.compile(
    rb'\},"same_as":"((?:[0-9a-f]{64})?)","seconds":(\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?:,"spec":(\{.*\}))?\}', re.DOTALL
)
_TAIL_BEGINS = b'},"same_as":"'


class LineRecord(Record):
    """A record equal to the plain ``Record`` of its line; each dictionary is decoded on first use.

    If the line matches its checksum but a dictionary cannot be decoded, that use raises ``DamageError``.
    """

    if not TYPE_CHECKING:  # the type checker would accept any name as a field

        def __getattr__(self, name: str) -> Any:
            """Decode a dictionary; Python calls this only while the attribute is missing."""
            fields = self.__dict__
            if name not in _GROUPS or "_line" not in fields:
                raise AttributeError(f"a record has no '{name}'")
            try:
                value = _decoded(fields["_line"], *_span(name, fields["_head"], fields["_tail"]))
            except (ValueError, RecursionError) as error:
                raise DamageError(
                    f"the record {self.digest[:12]} is damaged: its {name} cannot be read ({error}). Compute in this "
                    "store again to repair it."
                ) from error
            fields[name] = value
            return value

    def __eq__(self, other: object) -> bool:
        """Return whether all fields are equal; ``other`` may be a plain record."""
        return _values(self) == _values(other) if isinstance(other, Record) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # like every record, whose fields are dictionaries

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Pickle as a plain record."""
        return _plain, _values(self)


_GROUPS = {"blobs": 1, "facts": 3, "inputs": 4, "spec": 3, "metrics": 0}  # of the head; of the tail for the spec
NAMES = tuple(field.name for field in fields(Record))
_values: Callable[[Any], tuple[Any, ...]] = attrgetter(*NAMES)


def _span(name: str, head: re.Match[bytes], tail: re.Match[bytes]) -> tuple[int, int]:
    """Return where a dictionary begins and ends in its line; (-1, -1) for a spec that an older record lacks."""
    if name == "metrics":  # between the two matches, with the last brace of the one and the first of the other
        return head.end() - 1, tail.start() + 1
    return (tail if name == "spec" else head).span(_GROUPS[name])


def _decoded(line: bytes, start: int, stop: int) -> Any:
    if start < 0:
        return {}
    text = line[start:stop].decode()
    value, end = DECODER.raw_decode(text)
    if end != len(text):
        raise ValueError("it ends too early")
    return value


def _plain(*values: Any) -> Record:
    return Record(**dict(zip(NAMES, values, strict=True)))


def line_record(data: bytes, digest: str) -> LineRecord | None:
    """Return the record of a whole line that ``Record.line`` wrote under this digest, or None for any other line.

    ``Record.parse`` reads other lines or explains their damage.  Names inside the dictionaries are not checked.
    """
    if data[:CHECK_DIGITS] != checksum(data[CHECK_DIGITS + 1 :]).encode():
        return None
    head = _HEAD.match(data, CHECK_DIGITS + 1)
    if head is None or head[2] != digest.encode():
        return None
    stop = data.find(_TAIL_BEGINS)
    if data.find(_TAIL_BEGINS, stop + 1) >= 0 or not (tail := _TAIL.fullmatch(data, stop)):
        return None
    number = tail[2].decode()
    seconds = int(number) if number.isdigit() else float(number)
    if not math.isfinite(seconds):
        return None
    record = object.__new__(LineRecord)
    record.__dict__ |= {
        "digest": digest,
        "kind": head[6].decode(),
        "seconds": seconds,
        "same_as": tail[1].decode(),
        "key": (head[5] or b"").decode(),
        "_line": data,
        "_head": head,
        "_tail": tail,
    }
    return record
