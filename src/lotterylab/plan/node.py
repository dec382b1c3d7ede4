"""A node of a plan is a frozen value whose name is its digest."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, ClassVar

from lotterylab.errors import UsageError
from lotterylab.plan.digest import digest, is_lasting
from lotterylab.protocols import DataSpec
from lotterylab.words import check_whole, check_words


@dataclass(frozen=True, kw_only=True)
class Data:
    """A data set together with the SHA-256 of the content that it was found to have; ``pinned`` makes one.

    Args:
        spec: which data, and how many images.
        content: 64 hexadecimal digits.

    Examples:
        >>> import lotterylab as ll
        >>> ll.plan.pinned(ll.data.Digits()) == Data(spec=ll.data.Digits(), content="0" * 64)
        False
    """

    spec: DataSpec
    content: str


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Node:
    """``Node`` is the abstract base of a plan's values; its name is its digest, and equal digests mean equal nodes.

    ``version`` is raised when a kind of node gives other results for the same fields.

    Examples:
        >>> import lotterylab as ll
        >>> model = ll.models.Mlp(shape=(1, 8, 8))
        >>> ll.plan.Init(model=model, seed=0) == ll.plan.Init(model=model, seed=0)
        True
        >>> ll.plan.Init(model=model, seed=0) == ll.plan.Init(model=model, seed=1)
        False
    """

    version: ClassVar[int] = 1
    is_mask: ClassVar[bool] = False  # whether its value is a ``Mask``

    def __post_init__(self) -> None:
        check_words(self)
        check_whole(self)
        check_parts(self, states=("start", "frozen"), masks=("mask", "within"))

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
        return iter(self._inputs)

    @cached_property
    def _inputs(self) -> tuple[Node, ...]:
        return _standing_in_all([getattr(self, name) for name in _field_names(type(self))])


def check_parts(node: Node, *, states: Sequence[str] = (), masks: Sequence[str] = ()) -> None:
    """Refuse a node with a training or a mask where a state belongs, or with anything but a mask where a mask does.

    Args:
        node: the node; names that it has not are left out.
        states: names of its fields.
        masks: names of its fields.

    Raises:
        UsageError: a field has a node of another kind.
    """
    for name in (*states, *masks):
        part = getattr(node, name, None)
        if not isinstance(part, Node):
            continue
        is_run = hasattr(part, "recipe")
        if is_run or part.is_mask != (name in masks):
            found = "a training" if is_run else "a mask" if part.is_mask else "a state or a number"
            wanted, hint = ("a mask", "ticket.mask") if name in masks else ("a state", "run.final")
            raise UsageError(
                f"{type(node).__name__} was given {found} as {name}={part!r}. Give {wanted}, such as {hint}."
            )


def nodes_in(value: Any) -> Iterator[Node]:
    """The nodes that stand directly in a value, without going into the nodes themselves."""
    return iter(_standing_in_all((value,)))


def _standing_in(value: Any) -> Sequence[Node]:
    """Return the nodes in a value that is not a node itself."""
    names = _field_names(type(value))
    if not names:
        if isinstance(value, tuple | list):
            return _standing_in_all(value)
        return _standing_in_all(value.values()) if isinstance(value, Mapping) else ()
    kept = vars(value).get(_INSIDE) if hasattr(value, "__dict__") else None
    if kept is None:
        kept = _standing_in_all([getattr(value, name) for name in names])
        if is_lasting(value):
            vars(value)[_INSIDE] = kept
    return kept


def _standing_in_all(parts: Iterable[Any]) -> tuple[Node, ...]:
    nodes: list[Node] = []
    for part in parts:  # a plan of 10,000 rows has 400,000
        if isinstance(part, Node):
            nodes.append(part)
        elif type(part) not in _PLAIN:
            nodes += _standing_in(part)
    return tuple(nodes)


_INSIDE = "_nodes_inside"  # in the ``__dict__`` of this package's frozen specs
_PLAIN = frozenset({str, int, float, bool, type(None)})  # types of most fields, which hold no nodes


@cache
def _field_names(kind: type) -> tuple[str, ...]:
    """Return the fields of a dataclass, or () for other types and for collections."""
    if not dataclasses.is_dataclass(kind) or issubclass(kind, Mapping | tuple | list):
        return ()
    return tuple(field.name for field in dataclasses.fields(kind))
