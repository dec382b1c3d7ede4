"""One result computed again, beside the record that a ledger has of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lotterylab.engine.facts import DECIDING, SOURCE, VERSION
from lotterylab.engine.records import Record


@dataclass(frozen=True)
class Again:
    """An ``Again`` compares two records of one name: ``known`` from a ledger, ``here`` computed again.

    Examples:
        >>> record = dict(digest="", kind="Train", facts={"torch": "2.13"}, blobs={"final": "a"})
        >>> old = Record(metrics={"test_accuracy": 0.5}, **record)
        >>> new = Record(metrics={"test_accuracy": 0.75}, **record)
        >>> Again(old, new).same, Again(old, new).numbers, Again(old, old).same
        (False, {'test_accuracy': (0.5, 0.75)}, True)
    """

    known: Record
    here: Record

    @cached_property
    def facts(self) -> dict[str, tuple[Any, Any]]:
        """The facts on which bits depend and which differ, by name; None for one that is missing."""
        old, new = self.known.facts, self.here.facts
        return {name: (old.get(name), new.get(name)) for name in DECIDING if old.get(name) != new.get(name)}

    @cached_property
    def code(self) -> dict[str, tuple[Any, Any]]:
        """The package's version and the hash of its files where both are known and differ, by name."""
        old, new = self.known.facts, self.here.facts
        both = [name for name in (VERSION, SOURCE) if name in old and name in new]
        return {name: (old[name], new[name]) for name in both if old[name] != new[name]}

    @cached_property
    def tensors(self) -> list[str]:
        """The tensors that both have and whose hashes differ."""
        shared = self.known.blobs.keys() & self.here.blobs.keys()
        return sorted(name for name in shared if self.known.blobs[name] != self.here.blobs[name])

    @cached_property
    def numbers(self) -> dict[str, tuple[Any, Any]]:
        """The numbers and words that both have and that differ, by the path to them."""
        return {name: pair for name, pair in self._shared.items() if not _alike(*pair)}

    @cached_property
    def compared(self) -> tuple[int, int]:
        """The counts of numbers and of tensors that both have."""
        return len(self._shared), len(self.known.blobs.keys() & self.here.blobs.keys())

    @cached_property
    def _shared(self) -> dict[str, tuple[Any, Any]]:
        """The numbers and words that both have, by the path to them."""
        old, new = (dict(_leaves(record.metrics)) for record in (self.known, self.here))
        return {name: (value, new[name]) for name, value in old.items() if name in new}

    @property
    def same(self) -> bool:
        """Return whether all that both have is equal to the bit."""
        return not self.tensors and not self.numbers

    @property
    def gap(self) -> float | None:
        """The largest difference of an accuracy; None if no accuracy can be compared."""
        pairs = [pair for name, pair in self._shared.items() if "accuracy" in name]
        numbers = [abs(a - b) for a, b in pairs if isinstance(a, int | float) and isinstance(b, int | float)]
        return max(numbers, default=None)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what is neither a mapping nor a list, with the path to it."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _leaves(part, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield from _leaves(part, f"{path}[{number}]")
    else:
        yield path, value


def _alike(a: Any, b: Any) -> bool:
    both = isinstance(a, float) and isinstance(b, float)
    return a == b or (both and math.isnan(a) and math.isnan(b))
