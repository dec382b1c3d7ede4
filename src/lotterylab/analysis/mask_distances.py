"""MaskDistances measures how far the masks of a sequence lie apart, each from each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lotterylab.masks.pairs import as_rows, differing


@dataclass(frozen=True, kw_only=True)
class MaskDistances:
    """``MaskDistances`` compares the masks of one network, each with each: those of rounds, of steps, or of seeds.
    [you2020drawing, section 3.2: there the masks of the epochs]

    They stand in the order of their names, in which numbers count by their value: "round 2" is before "round 10".

    - ``differing``: for each mask, the number of entries in which each earlier one differs from it.
    - ``entries``: of a mask.
    - ``names``: of the masks.
    - ``chance``: the expected share in which two random masks differ that keep as much as the first two.

    Examples:
        >>> import torch
        >>> a, b = {"w": torch.tensor([True, True, False, False])}, {"w": torch.tensor([True, False, True, False])}
        >>> MaskDistances()({"a": a, "b": b}, {}, None)
        {'names': ['a', 'b'], 'chance': 0.5, 'differing': [[], [2]], 'entries': 4}
    """

    version: ClassVar[int] = 1

    def __call__(self, values: Mapping[str, Any], models: Mapping[str, Any], dataset: Any) -> dict[str, Any]:
        """The counts of differing entries, and the names of the masks."""
        names = sorted(values, key=_as_counted)
        rows = as_rows(values[name] for name in names)
        first, second = (float(row.double().mean()) for row in (rows[0], rows[min(1, len(rows) - 1)]))
        chance = first * (1 - second) + second * (1 - first)
        return {"names": names, "chance": chance, **differing(rows)}


def _as_counted(name: str) -> list[tuple[bool, int, str]]:
    """Return a key that sorts the numbers within names by their value."""
    parts = re.split(r"(\d+)", name)
    return [(part.isdigit(), int(part), "") if part.isdigit() else (False, 0, part) for part in parts]
