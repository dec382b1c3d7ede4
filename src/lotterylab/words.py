"""What a field of a spec says of itself: marks in its metadata, and words of which it takes one.

A wrong word is refused when the spec is made, not after hours of computing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from types import EllipsisType, NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from lotterylab.errors import unknown

# ``field(default=None, metadata=ADDED_LATER)``: not part of a digest while it has its default, so that what was
# computed before the field existed keeps its name
ADDED_LATER: Mapping[str, bool] = {"added_later": True}
# ``field(metadata=PLACE)``: where a thing is, not what it is; never part of a digest
PLACE: Mapping[str, bool] = {"place": True}


def check_words(spec: Any) -> None:
    """Compare each field whose type is ``Literal`` words, or a tuple of them, with its words.

    Raises:
        UsageError: with the nearest word.  Python itself checks no types: ``mode="evaluate"`` would mean "not train".
    """
    for name, words in _words_by_field(type(spec)).items():
        value = getattr(spec, name)
        if type(value) is not tuple and value in words:
            continue
        for one in value if isinstance(value, tuple) else (value,):
            if one not in words:
                raise unknown(name, str(one), (word for word in words if word is not None))


@cache
def _words_by_field(kind: type) -> dict[str, tuple[str | None, ...]]:
    hints = get_type_hints(kind)
    words = {field.name: _words(hints[field.name]) for field in dataclasses.fields(kind)}
    return {name: found for name, found in words.items() if found and set(found) != {None}}


def _words(hint: Any) -> tuple[str | None, ...]:
    """The words of a ``Literal``, also behind ``| None`` or ``tuple[..., ...]``; none where other types may stand."""
    if hint is NoneType:
        return (None,)
    if get_origin(hint) is Literal:
        return get_args(hint)
    parts = [_words(part) for part in get_args(hint) if not isinstance(part, EllipsisType)]
    return sum(parts, ()) if all(parts) else ()
