"""What to cite: the works behind the specs that a plan is made of, from their docstrings.

A docstring names its source in brackets, ``[wang2020picking, eq. 8]``: the key is that of references.bib, which lies
beside the code (``lotterylab/references.bib``) where the package is installed.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lotterylab.errors import unknown
from lotterylab.plan.nodes import Node

KEY = re.compile(r"\b([a-z]+(?:19|20)\d\d[a-z]+)\b")
ENTRY = re.compile(r"^@\w+\{([^,\s]+),.*?^\}", re.MULTILINE | re.DOTALL)


def keys_of(nodes: Iterable[Node]) -> list[str]:
    """The keys that the docstrings of all specs behind the nodes name, in the order in which they are met."""
    seen: set[int] = set()
    kinds: dict[type, None] = {}
    for node in nodes:
        kinds |= dict.fromkeys(_kinds(node, seen))
    return list(dict.fromkeys(key for kind in kinds for key in _named(kind)))


def entries() -> dict[str, str]:
    """The BibTeX entries by key."""
    from importlib.resources import files

    text = files("lotterylab").joinpath("references.bib").read_text(encoding="utf-8")
    return {match.group(1): match.group(0) for match in ENTRY.finditer(text)}


def bibtex(keys: Iterable[str], known: Mapping[str, str]) -> str:
    """The entries of these keys.

    Raises:
        UsageError: for a key without an entry.
    """
    chosen = []
    for key in keys:
        if key not in known:
            raise unknown("reference", key, known)
        chosen.append(known[key])
    return "\n\n".join(chosen) + "\n"


def _kinds(value: Any, seen: set[int]) -> Iterator[type]:
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _kinds(one, seen)
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _kinds(one, seen)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type) and id(value) not in seen:
        seen.add(id(value))
        yield type(value)
        for field in dataclasses.fields(value):
            yield from _kinds(getattr(value, field.name), seen)


def _named(kind: type) -> list[str]:
    """The keys in the docstrings of a class and of the file that it is in: one paper, one file."""
    module = sys.modules[kind.__module__].__doc__ or ""
    texts = (f"{module}\n{kind.__doc__ or ''}").split("[")[1:]
    return [key for text in texts for key in KEY.findall(text.partition("]")[0])]
