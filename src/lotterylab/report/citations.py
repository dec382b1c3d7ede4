"""Citations: the works behind the specs of a plan, from their docstrings.

A docstring names its source in brackets, ``[wang2020picking, eq. 8]``, by its key in ``lotterylab/references.bib``.  A
word in a field (a scope, an initialisation, an activation, a pattern) adds the works that are named where the word is
defined.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from lotterylab.errors import unknown
from lotterylab.plan.nodes import Node

KEY = re.compile(r"\b([a-z]+(?:19|20)\d\d[a-z]+)\b")
PLAIN = frozenset({int, float, bool, type(None)})  # types of fields that hold no spec
ENTRY = re.compile(r"^@\w+\{([^,\s]+),.*?^\}", re.MULTILINE | re.DOTALL)


def keys_of(nodes: Iterable[Node]) -> list[str]:
    """Return the keys in the docstrings of all specs behind the nodes, in the order of appearance."""
    seen: set[Any] = set()
    keys: dict[str, None] = {}
    for node in nodes:
        keys |= dict.fromkeys(_behind(node, seen))
    return list(keys)


def keys_of_kind(kind: type) -> list[str]:
    """Return the keys in the docstrings of a class and of its file: one paper, one file."""
    return keys_in(f"{sys.modules[kind.__module__].__doc__ or ''}\n{kind.__doc__ or ''}")


def keys_in(text: str) -> list[str]:
    """Return the keys in the brackets of a text, in order, each once."""
    return list(dict.fromkeys(key for part in text.split("[")[1:] for key in KEY.findall(part.partition("]")[0])))


def entries() -> dict[str, str]:
    """Return the BibTeX entries by key."""
    from importlib.resources import files

    text = files("lotterylab").joinpath("references.bib").read_text(encoding="utf-8")
    return {match.group(1): match.group(0) for match in ENTRY.finditer(text)}


def bibtex(keys: Iterable[str], known: Mapping[str, str]) -> str:
    """Return the entries of these keys.

    Raises:
        UsageError: a key has no entry.
    """
    chosen = []
    for key in keys:
        if key not in known:
            raise unknown("reference", key, known)
        chosen.append(known[key])
    return "\n\n".join(chosen) + "\n"


def _behind(value: Any, seen: set[Any]) -> Iterator[str]:
    """Yield the keys of values that are not in ``seen``: identities of values, kinds, and words of fields."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _behind(item, seen)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _behind(item, seen)
    elif id(value) not in seen and (names := _field_names(type(value))) is not None:
        seen.add(id(value))
        if type(value) not in seen:
            seen.add(type(value))
            yield from keys_of_kind(type(value))
        for name in names:
            of_field = getattr(value, name)
            if isinstance(of_field, str):
                if name in BY_WORD and (name, of_field) not in seen:
                    seen.add((name, of_field))
                    yield from BY_WORD[name](of_field)
            elif type(of_field) not in PLAIN and id(of_field) not in seen:
                yield from _behind(of_field, seen)


@cache
def _field_names(kind: type) -> tuple[str, ...] | None:
    """Return the fields of a dataclass, or None for other types."""
    return tuple(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else None


def _of_scope(word: str) -> Iterable[str]:
    from lotterylab.masks.scopes import SCOPES

    return keys_in((SCOPES[word].__doc__ or "") if SCOPES.get(word) else "")


def _of_granularity(word: str) -> Iterable[str]:
    from lotterylab.masks.granularity import granularity_of

    return keys_of_kind(type(granularity_of(word)))


def _of_init(word: str) -> Iterable[str]:
    from lotterylab.models.inits import INITS

    return INITS[word].papers if word in INITS else ()


def _of_activation(word: str) -> Iterable[str]:
    from lotterylab.models.activations import ACTIVATIONS

    return ACTIVATIONS[word].papers if word in ACTIVATIONS else ()


BY_WORD: Mapping[str, Callable[[str], Iterable[str]]] = {
    "scope": _of_scope,
    "granularity": _of_granularity,
    "init": _of_init,
    "activation": _of_activation,
}
