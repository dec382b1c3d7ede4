"""What every node of a plan is: a frozen value whose name is its digest."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from lotterylab.plan.digest import digest
from lotterylab.words import check_words


@dataclass(frozen=True, kw_only=True)
class Data:
    """A data spec together with the SHA-256 of the content that it was found to have."""

    spec: Any
    content: str


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Node:
    """Abstract.  ``version`` is raised when a node's results change for the same fields."""

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_words(self)

    @cached_property
    def digest(self) -> str:
        """The node's name, computed once."""
        return digest(self)

    def __eq__(self, other: object) -> bool:
        """Equality is equality of digests."""
        return isinstance(other, Node) and self.digest == other.digest

    def __hash__(self) -> int:
        """Hash of the digest."""
        return hash(self.digest)

    def __repr__(self) -> str:
        """Kind and short digest: a node's fields hold whole histories."""
        return f"<{type(self).__name__} {self.digest[:12]}>"

    def inputs(self) -> Iterator[Node]:
        """The nodes whose values this node needs, wherever in its fields they stand."""
        for one in dataclasses.fields(self):
            yield from nodes_in(getattr(self, one.name))


def nodes_in(value: Any) -> Iterator[Node]:
    """The nodes that stand directly in a value, without going into the nodes themselves."""
    if isinstance(value, Node):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from nodes_in(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from nodes_in(item)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for one in dataclasses.fields(value):
            yield from nodes_in(getattr(value, one.name))
