"""The memory of a worker for the training at hand: its network, its kernel and its first checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class AtHand:
    """``AtHand`` keeps values of one training, and forgets them when another one is asked for.

    A worker computes thousands of tasks, one at a time.

    Examples:
        >>> at_hand = AtHand()
        >>> at_hand.once("square", "run 1", lambda: 4), at_hand.once("square", "run 1", lambda: 5)
        (4, 4)
        >>> at_hand.once("square", "run 2", lambda: 5), at_hand.taken("square", "run 1")
        (5, None)
    """

    def __init__(self) -> None:
        self._digest, self._made = "", dict[str, Any]()

    def once(self, what: str, digest: str, make: Callable[[], T]) -> T:
        """Return a value of a training by its digest, made at the first call."""
        if digest != self._digest:
            self._digest, self._made = digest, {}
        made = self._made
        if what not in made:
            made[what] = make()
        return made[what]

    def taken(self, what: str, digest: str) -> Any:
        """Return a value that ``once`` has made, and forget it; None where there is none."""
        return self._made.pop(what, None) if digest == self._digest else None
