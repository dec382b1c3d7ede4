"""Marks in the metadata of a spec's fields, and the check of fields of ``Literal`` words.

A wrong word is refused when the spec is made, not after hours of computing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from types import EllipsisType, NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from lotterylab.errors import unknown

# ``field(default=None, metadata=ADDED_LATER)``: a digest leaves the default out, so that older results keep their names
ADDED_LATER: Mapping[str, bool] = {"added_later": True}
OLDER = "older"  # in the same metadata: the value that older results have, if it is not the default
# ``field(metadata=PLACE)``: a location, which is never part of a digest
PLACE: Mapping[str, bool] = {"place": True}


def check_words(spec: Any) -> None:
    """Check each field whose type is ``Literal`` words, or a tuple of them; Python itself checks no types.

    Raises:
        UsageError: a word is unknown; the message names the nearest word.
    """
    for name, words in _words_by_field(type(spec)).items():
        value = getattr(spec, name)
        if type(value) is not tuple and value in words:
            continue
        for given in value if isinstance(value, tuple) else (value,):
            if given not in words:
                raise unknown(name, str(given), (word for word in words if word is not None))


@cache
def _words_by_field(kind: type) -> dict[str, tuple[str | None, ...]]:
    hints = get_type_hints(kind)
    words = {field.name: _words(hints[field.name]) for field in dataclasses.fields(kind)}
    return {name: choices for name, choices in words.items() if choices and set(choices) != {None}}


def _words(hint: Any) -> tuple[str | None, ...]:
    """Return the words of a ``Literal``, also in ``| None`` or ``tuple[..., ...]``; () if other types are allowed."""
    if hint is NoneType:
        return (None,)
    if get_origin(hint) is Literal:
        return get_args(hint)
    parts = [_words(part) for part in get_args(hint) if not isinstance(part, EllipsisType)]
    return sum(parts, ()) if all(parts) else ()
