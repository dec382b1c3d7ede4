"""Values and types: fitting a value to a type, and reading words of a command line."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping, Set
from numbers import Real
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from lotterylab.homes import as_tuple

SIMPLE = (int, float, bool, str)


def fit(value: Any, kind: Any) -> Any:
    """Return ``value`` in the type ``kind``; raise ``ValueError`` if it has another type.

    A single value is taken for a list of one, where the list may have any length.
    """
    if kind is Any:
        return value
    if kind is float and isinstance(value, Real) and not isinstance(value, bool):
        return float(value)
    if kind in (str, Path) and isinstance(value, os.PathLike | str):
        return kind(os.fspath(value))
    if kind in SIMPLE or kind is NoneType:
        if type(value) is kind:
            return value
    elif get_origin(kind) is Literal:
        if value in get_args(kind):
            return value
    elif get_origin(kind) is tuple and Ellipsis in get_args(kind) and value is not None:
        items, (part, _) = as_tuple(value), get_args(kind)
        if isinstance(items, Iterable) and not isinstance(items, Mapping | Set):  # an array, but nothing without order
            return tuple(fit(item, part) for item in items)
    elif get_origin(kind) is tuple and isinstance(value, tuple | list):
        return tuple(fit(item, part) for item, part in zip(value, get_args(kind), strict=True))
    elif kind is tuple and isinstance(value, tuple | list):
        return tuple(value)
    elif get_origin(kind) in (Union, UnionType):
        for part in get_args(kind):
            try:
                return fit(value, part)
            except ValueError:
                continue
    elif isinstance(get_origin(kind) or kind, type) and isinstance(value, get_origin(kind) or kind):
        return value
    raise ValueError(value)


def in_words(kind: Any) -> str:
    """Return the values of the type in words, such as "a whole number"."""
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(in_words(part) for part in get_args(kind) if part is not NoneType)
    if get_origin(kind) is Literal:
        words = list(map(str, get_args(kind)))
        return f"one of {', '.join(words)}" if len(words) > 1 else "".join(words)
    if get_origin(kind) is tuple:
        return f"a list, each {in_words(get_args(kind)[0])}"
    return {int: "a whole number", float: "a number", bool: "true or false", tuple: "a list"}.get(kind, "text")


def read(words: list[str], kind: Any) -> Any:
    """Return words as a value of the type; raise ``ValueError`` with the word that is not a value."""
    if get_origin(kind) in (Union, UnionType):
        if NoneType in get_args(kind) and words == ["None"]:
            return None
        for part in (part for part in get_args(kind) if part is not NoneType):
            with contextlib.suppress(ValueError):
                return read(words, part)
        raise ValueError(" ".join(words))
    if kind is tuple or get_origin(kind) is tuple:
        parts = get_args(kind) or (str, Ellipsis)
        kinds = parts[:1] * len(words) if Ellipsis in parts else parts
        if len(kinds) != len(words):
            raise ValueError(" ".join(words))
        return tuple(read([word], part) for word, part in zip(words, kinds, strict=True))
    (word,) = words
    if kind is bool:
        known: Iterable[Any] = (True, False)
    elif get_origin(kind) is Literal:
        known = get_args(kind)
    else:
        try:
            return kind(word) if kind in (int, float, Path) else word
        except ValueError:
            raise ValueError(word) from None
    for value in known:
        if str(value).lower() == word.lower():
            return value
    raise ValueError(word)


def tuple_in(kind: Any) -> tuple[Any, ...]:
    """Return the parts of a tuple, also in ``tuple | None``; a bare ``tuple`` is a tuple of texts."""
    if kind is tuple:
        return (str, Ellipsis)
    inside = [part for part in get_args(kind) if get_origin(part) is tuple]
    return get_args(inside[0]) if get_origin(kind) in (Union, UnionType) and inside else ()
