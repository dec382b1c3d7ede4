"""The name of a thing is the digest of what it is.

A spec (a frozen dataclass) becomes canonical JSON: its class, its ``version``, its fields.  A node inside a spec
stands as its own digest.  A field that was added after the first release carries ``metadata=ADDED_LATER`` and is
left out while it has its default, so that older results keep their names.  A field with ``metadata=PLACE`` says where
a thing is, not what it is, and is always left out.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from lotterylab.errors import UsageError
from lotterylab.words import ADDED_LATER, PLACE


def digest(spec: Any) -> str:
    """SHA-256 of the canonical JSON of ``spec``."""
    return hashlib.sha256(encode(spec).encode()).hexdigest()


def encode(spec: Any) -> str:
    """The canonical JSON text: sorted keys, no spaces, floats as Python writes them."""
    return json.dumps(canonical(spec), sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical(value: Any, *, top: bool = True) -> Any:
    """``value`` as JSON types.  A node below the top stands as ``{"node": digest}``.

    Raises:
        UsageError: for a lambda, a function or any object that has no fixed spelling, and for numbers not finite.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"a plan cannot name {value}: two of them need not be equal. Give a finite number.")
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
        f"a plan cannot name {value!r}: it is a {type(value).__name__}, which has no fixed spelling. "
        "Use a frozen dataclass whose fields are numbers, words, tuples or other specs."
    )


def _fields(spec: Any) -> dict[str, Any]:
    home = type(spec).__module__
    name = type(spec).__qualname__ if home.startswith("lotterylab.") else f"{home}:{type(spec).__qualname__}"
    fields: dict[str, Any] = {"is": name, "version": getattr(type(spec), "version", 1)}
    for field in dataclasses.fields(spec):
        value = getattr(spec, field.name)
        if not _left_out(field, value):
            fields[field.name] = canonical(value, top=False)
    return fields


def _left_out(field: dataclasses.Field[Any], value: Any) -> bool:
    marks = field.metadata.items()
    return PLACE.items() <= marks or (ADDED_LATER.items() <= marks and value == field.default)
