"""Specs are named by the digests of their content.

A spec (a frozen dataclass) becomes canonical JSON of its class, its ``version`` and its fields.  A node inside a spec
is written as its digest.  A field that was added after the first release carries ``metadata=ADDED_LATER`` and is left
out while it has the value of older results, so that they keep their names: its default, or ``metadata[OLDER]``.  A
field with ``metadata=PLACE`` is a location, and is always left out.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache, partial
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any, NamedTuple

from lotterylab.errors import UsageError, a_type
from lotterylab.words import ADDED_LATER, OLDER, PLACE


def digest(spec: Any) -> str:
    """SHA-256 of the canonical JSON of ``spec``."""
    return hashlib.sha256(encode(spec).encode()).hexdigest()


def encode(spec: Any) -> str:
    """The canonical JSON text: sorted keys, no spaces, floats as Python writes them.

    It is the text of ``canonical(spec)``, written without the values in between: a plan of 10,000 rows has 60,000
    digests.
    """
    spelling = _spelling(type(spec))
    return _fields_text(spelling, spec) if spelling else _text(spec)


def canonical(value: Any, *, top: bool = True) -> Any:
    """``value`` as JSON types.  A node below the top stands as ``{"node": digest}``.

    Raises:
        UsageError: for a lambda, a function or any object that has no fixed spelling, and for numbers not finite.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"a plan cannot name {value}, which is not finite. Give a finite number.")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Fraction):
        return {"fraction": str(value)}
    if isinstance(value, Mapping):
        return {"map": [[canonical(key, top=False), canonical(value[key], top=False)] for key in sorted(value)]}
    if isinstance(value, tuple | list):
        return [canonical(item, top=False) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        own_digest = None if top else getattr(value, "digest", None)
        return {"node": own_digest} if own_digest else _fields(value)
    raise UsageError(
        f"a plan cannot name {value!r}: it is {a_type(value)}, which has no fixed spelling. "
        "Use a frozen dataclass whose fields are numbers, words, tuples or other specs."
    )


def _fields(spec: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {"is": _name(type(spec)), "version": getattr(type(spec), "version", 1)}
    for field in dataclasses.fields(spec):
        value = getattr(spec, field.name)
        if not _left_out(field, value):
            fields[field.name] = canonical(value, top=False)
    return fields


def _text(value: Any) -> str:
    """Return the text of ``canonical(value, top=False)``."""
    return _WRITERS[type(value)](value)


class _Writers(dict[type, Callable[[Any], str]]):
    """``_Writers`` holds the function that writes the values of a type, which it makes when it meets the type."""

    def __missing__(self, kind: type) -> Callable[[Any], str]:
        spelling = _spelling(kind)
        if spelling is None:
            return self.setdefault(kind, _other_text)
        return self.setdefault(kind, partial(_node_text if spelling.named else _fields_text, spelling))


def _node_text(spelling: _Spelling, spec: Any) -> str:
    name = getattr(spec, "digest", None)
    return f'{{"node":{_WRITERS[type(name)](name)}}}' if name else _fields_text(spelling, spec)


def _float_text(value: float) -> str:
    return repr(value) if math.isfinite(value) else _other_text(value)


def _sequence_text(value: Sequence[Any]) -> str:
    return f"[{','.join([_WRITERS[type(item)](item) for item in value])}]"


def _dict_text(value: dict[Any, Any]) -> str:
    pairs = [f"[{_WRITERS[type(key)](key)},{_WRITERS[type(item)](item)}]" for key, item in sorted(value.items())]
    return f'{{"map":[{",".join(pairs)}]}}'


def _other_text(value: Any) -> str:
    """Return the text of a value of another type; ``canonical`` refuses unsupported ones."""
    return json.dumps(canonical(value, top=False), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _fields_text(spelling: _Spelling, spec: Any) -> str:
    keeps = spelling.ours and not spelling.named
    if keeps and (kept := spec.__dict__.get(_KEPT)):
        return kept
    parts = []
    for key, name, of_class, later, older in spelling.entries:
        if name is None:
            parts.append(key)
            continue
        value = getattr(type(spec), "version", 1) if of_class else getattr(spec, name)
        if not (later and value == older):
            parts.append(key + _WRITERS[type(value)](value))
    text = f"{{{','.join(parts)}}}"
    if keeps and _all_last(spec, spelling):
        spec.__dict__[_KEPT] = text  # thousands of nodes share a recipe, a model and data
    return text


def is_lasting(value: Any) -> bool:
    """Tell whether nothing can change inside ``value``; a node counts once it has its digest."""
    kind = type(value)
    if kind in _PLAIN:
        return True
    if kind is tuple:
        return all(map(is_lasting, value))
    spelling = _spelling(kind)
    if spelling is None or not spelling.ours:
        return False
    return _KEPT in value.__dict__ or "digest" in value.__dict__ or (not spelling.named and _all_last(value, spelling))


def _all_last(spec: Any, spelling: _Spelling) -> bool:
    return all(is_lasting(getattr(spec, name)) for name in spelling.inside)


_KEPT = "_canonical_text"  # in the ``__dict__`` of this package's frozen specs
_WRITERS = _Writers(
    {
        str: _quoted,
        int: repr,
        float: _float_text,
        bool: {True: "true", False: "false"}.__getitem__,
        type(None): {None: "null"}.__getitem__,
        tuple: _sequence_text,
        list: _sequence_text,
        dict: _dict_text,
    }
)
_PLAIN = frozenset({str, int, float, bool, type(None)})


class _Entry(NamedTuple):
    """An ``_Entry`` describes a key of a dataclass's text.

    ``name`` is the field, or None if ``key`` is the whole entry.  ``of_class`` marks a value of the class (its
    version).  ``later`` marks a field that is left out while its value is ``older``.
    """

    key: str
    name: str | None
    of_class: bool = False
    later: bool = False
    older: Any = None


class _Spelling(NamedTuple):
    """A ``_Spelling`` describes how the values of a dataclass are written.

    ``entries`` are sorted by key; ``inside`` are their fields.  ``named`` means that a value may have its own digest.
    ``ours`` marks a frozen class of this package, whose values keep their text if nothing inside them can change.
    """

    entries: tuple[_Entry, ...]
    inside: tuple[str, ...]
    named: bool
    ours: bool


@cache
def _spelling(kind: type) -> _Spelling | None:
    """Return how a dataclass is written, or None for other types."""
    if not dataclasses.is_dataclass(kind) or issubclass(kind, int | float | str | Fraction | Mapping | tuple | list):
        return None
    entries = {"is": _Entry(f'"is":{_quoted(_name(kind))}', None), "version": _Entry('"version":', "version", True)}
    for field in dataclasses.fields(kind):
        if not PLACE.items() <= field.metadata.items():
            later = ADDED_LATER.items() <= field.metadata.items()
            entries[field.name] = _Entry(f"{_quoted(field.name)}:", field.name, False, later, _older(field))
    named = hasattr(kind, "digest") or "digest" in entries
    frozen = kind.__dataclass_params__.frozen and kind.__dictoffset__ != 0  # type: ignore[attr-defined]
    ours = frozen and kind.__module__.startswith("lotterylab.")
    inside = tuple(entry.name for entry in entries.values() if entry.name and not entry.of_class)
    return _Spelling(tuple(entries[name] for name in sorted(entries)), inside, named, ours)


def _name(kind: type) -> str:
    """Return the class's name, with its module if the module is not of this package."""
    module = kind.__module__
    return kind.__qualname__ if module.startswith("lotterylab.") else f"{module}:{kind.__qualname__}"


def _left_out(field: dataclasses.Field[Any], value: Any) -> bool:
    marks = field.metadata.items()
    return PLACE.items() <= marks or (ADDED_LATER.items() <= marks and value == _older(field))


def _older(field: dataclasses.Field[Any]) -> Any:
    """Return the value that results have which are older than the field."""
    return field.metadata.get(OLDER, field.default)
