"""A record that is decoded field by field, when it is asked: for commands that read thousands and need a few numbers.

The line of a training is 2.6 kB.  Decoding it takes 60 us; its metrics alone take 27, its facts 4.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from lotterylab.engine.files import CHECK_DIGITS
from lotterylab.engine.records import DECODER, Record, is_line_of
from lotterylab.errors import DamageError

# A line as ``Record.line`` writes it.  An object without braces inside ends at the first "}"; the metrics, in which
# objects may stand, end where "same_as" follows, which stands once in the line.
_HEAD = re.compile(
    rb'\{"blobs":(\{[^{}]*\}),"digest":"([0-9a-f]{64})","facts":(\{[^{}]*\}),"inputs":(\{[^{}]*\}),'
    rb'(?:"key":"((?:[0-9a-f]{64})?)",)?"kind":"(\w+)","metrics":\{'
)
_TAIL = re.compile(
    rb'\},"same_as":"((?:[0-9a-f]{64})?)","seconds":(\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?:,"spec":(\{.*\}))?\}', re.DOTALL
)
_TAIL_BEGINS = b'},"same_as":"'


class LineRecord(Record):
    """Equal to the plain ``Record`` of the same line; a dictionary is decoded when it is first asked for.

    A dictionary that cannot be decoded, in a line that is what its checksum says, is a ``DamageError`` then.
    """

    if not TYPE_CHECKING:  # the type checker would take every name for a field

        def __getattr__(self, name: str) -> Any:
            """Decode a dictionary; asked for only while it is not there."""
            span = self.__dict__.get("_spans", {}).get(name)
            if span is None:
                raise AttributeError(f"a record has no '{name}'")
            try:
                value = DECODER.decode(self._line[slice(*span)].decode()) if span != _ABSENT else {}
            except (ValueError, RecursionError) as error:
                raise DamageError(
                    f"the record {self.digest[:12]} is damaged: its {name} cannot be read ({error}). Compute in this "
                    "store: such a result is computed again."
                ) from error
            self.__dict__[name] = value
            return value

    def __eq__(self, other: object) -> bool:
        """Whether all fields are equal; ``other`` may be a plain record."""
        return _values(self) == _values(other) if isinstance(other, Record) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as of any record, whose fields are dictionaries

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """A plain record is pickled."""
        return _plain, _values(self)


_ABSENT = (-1, -1)  # the span of a group that did not take part
NAMES = tuple(field.name for field in fields(Record))
_values: Callable[[Any], tuple[Any, ...]] = attrgetter(*NAMES)


def _plain(*values: Any) -> Record:
    return Record(**dict(zip(NAMES, values, strict=True)))


def line_record(data: bytes, digest: str) -> LineRecord | None:
    """The record of a whole line that ``Record.line`` wrote under this digest; None for all others.

    ``Record.parse`` says what is wrong with those, or reads them.  Names inside the dictionaries are not checked.
    """
    if not is_line_of(data, digest):
        return None
    head = _HEAD.match(data, CHECK_DIGITS + 1)
    if head is None or head[2].decode() != digest or data.count(_TAIL_BEGINS) != 1:
        return None
    stop = data.find(_TAIL_BEGINS)
    tail = _TAIL.fullmatch(data, stop)
    if tail is None:
        return None
    number = tail[2].decode()
    seconds = int(number) if number.isdigit() else float(number)
    if not math.isfinite(seconds):
        return None
    record = object.__new__(LineRecord)
    record.__dict__.update(
        digest=digest,
        kind=head[6].decode(),
        seconds=seconds,
        same_as=tail[1].decode(),
        key=(head[5] or b"").decode(),
        _line=data,
        _spans={
            "metrics": (head.end() - 1, stop + 1),
            "facts": head.span(3),
            "blobs": head.span(1),
            "inputs": head.span(4),
            "spec": tail.span(3),
        },
    )
    return record
