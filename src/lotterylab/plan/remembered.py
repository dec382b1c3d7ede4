"""Nodes made again from their canonical text, to read their results without the functions that they were made with.

A remembered node has the class, the digest and the fields of the original.  Specs inside it (criteria, recipes) are
``Spec`` values that only hold fields: they compute nothing, so a text from elsewhere runs no code.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from lotterylab.plan import nodes as engine_nodes
from lotterylab.plan import user_nodes
from lotterylab.plan.digest import canonical
from lotterylab.plan.node import Node
from lotterylab.words import OLDER

KINDS = {
    kind.__name__: kind
    for module in (engine_nodes, user_nodes)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Node) and kind is not Node
}
CHECKED: Mapping[str, Any] = {"int": int, "str": str, "None": type(None), "Node": Node, **KINDS}


class Spec(dict[str, Any]):
    """A ``Spec`` holds the fields of a criterion, a recipe or another spec; ``kind`` is the name of its class.

    Examples:
        >>> Spec(kind="Recipe", epochs=3).epochs
        3
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the {self.get('kind')} has no field '{name}'") from None


def texts_of(targets: Iterable[Node]) -> dict[str, Any]:
    """Return the canonical form of each node, and of the nodes that it is made of, by digest."""
    texts: dict[str, Any] = {}
    waiting = list(targets)
    while waiting:
        node = waiting.pop()
        if node.digest not in texts:
            texts[node.digest] = canonical(node)
            waiting += node.inputs()
    return texts


def remembered(texts: Mapping[str, Any], digests: Iterable[str]) -> dict[str, Node]:
    """Return the nodes with these digests, by digest.

    Args:
        texts: canonical forms by digest, as ``texts_of`` returns them; they may come from elsewhere.
        digests: the nodes that are wanted.

    Raises:
        ValueError: a text is missing, has another digest, or is not that of a node with such fields.
    """
    made: dict[str, Node] = {}
    waiting = list(digests)
    while waiting:
        digest = waiting[-1]
        if digest in made:
            waiting.pop()
            continue
        text = texts.get(digest)
        if not isinstance(text, dict) or _digest(text) != digest:
            raise ValueError(f"the node {digest[:12]} is missing, or its text has another digest")
        missing = [inner for inner in _inside(text) if inner not in made]
        if missing:  # a text names other texts by their hashes, so that none can name itself
            waiting += missing
        else:
            made[digest] = _node(text, digest, made)
    return made


def _digest(text: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(text, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _inside(value: Any) -> list[str]:
    """Return the digests of the nodes in a canonical value."""
    found: list[str] = []
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if part.keys() == {"node"} and isinstance(part["node"], str):
                found.append(part["node"])
            else:
                waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return found


def _node(text: Mapping[str, Any], digest: str, made: Mapping[str, Node]) -> Node:
    kind = KINDS.get(str(text.get("is")))
    if kind is None:
        raise ValueError(f"the node {digest[:12]} is of an unknown kind")
    node = object.__new__(kind)
    fields: dict[str, Any] = {"digest": digest}
    for each in dataclasses.fields(kind):  # a text leaves out what has the value of older results
        default = None if each.default is dataclasses.MISSING else each.default
        left_out = each.metadata.get(OLDER, default)
        value = fields[each.name] = _value(text[each.name], made) if each.name in text else left_out
        words = str(each.type).split(" | ")
        kinds = tuple(CHECKED[word] for word in words if word in CHECKED)
        if len(kinds) == len(words) and (isinstance(value, bool) or not isinstance(value, kinds)):
            raise ValueError(f"the field '{each.name}' of the node {digest[:12]} is not {each.type}")
    vars(node).update(fields)
    return node


def _value(value: Any, made: Mapping[str, Node]) -> Any:
    if isinstance(value, list):
        return tuple(_value(item, made) for item in value)
    if not isinstance(value, dict):
        return value
    if value.keys() == {"node"}:
        return made[value["node"]]
    if value.keys() == {"fraction"}:
        return Fraction(value["fraction"])
    if value.keys() == {"map"}:
        return {_value(key, made): _value(item, made) for key, item in value["map"]}
    return Spec(**{"kind": value.get("is"), **{str(name): _value(item, made) for name, item in value.items()}})
