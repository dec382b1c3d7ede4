"""Marks in the metadata of a spec's fields, and the checks of fields: words, whole numbers, numbers above 0.

A wrong value is refused when the spec is made, not after hours of computing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from math import isfinite
from numbers import Real
from types import EllipsisType, NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from lotterylab.errors import UsageError, unknown

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


def check_whole(spec: Any) -> None:
    """Check each field whose type is ``int``: a digest would take the text "0" for another seed.

    Raises:
        UsageError: a value is no whole number.
    """
    for name in _whole_fields(type(spec)):
        value = getattr(spec, name)
        if type(value) is not int:
            raise UsageError(f"{name} is {value!r}; give a whole number of Python's type int.", option=name)


def check_above_0(spec: Any, *names: str) -> None:
    """Check that fields are finite numbers above 0.

    Raises:
        UsageError: a value is something else.
    """
    for name in names:
        value = getattr(spec, name)
        if not isinstance(value, Real) or isinstance(value, bool) or not isfinite(value) or value <= 0:
            raise UsageError(f"{name} is {value!r}; give a finite number above 0.", option=name)


@cache
def _whole_fields(kind: type) -> tuple[str, ...]:
    hints = get_type_hints(kind)
    return tuple(field.name for field in dataclasses.fields(kind) if hints[field.name] is int)


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
