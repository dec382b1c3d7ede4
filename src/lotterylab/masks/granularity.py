"""Granularities: what is removed as one piece.

"weight"       each entry for itself
"filter"       slices along dimension 0, by their mean score
"block:RxC"    blocks of the tensor as a matrix (dimension 0, all others), by their mean score
"N:M"          of each M consecutive entries of a row of that matrix the N highest stay: ``patterns``
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lotterylab.errors import UsageError, suggestion
from lotterylab.masks.patterns import Pattern, shuffled_pattern

if TYPE_CHECKING:
    from numpy.random import Generator
    from torch import Tensor

WORDS = ("weight", "filter", "block:RxC", "N:M")


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """``rows`` x ``columns`` entries are one unit; 0 means all there are.  A block at the edge may be smaller."""

    rows: int
    columns: int

    def units(self, name: str, scores: Tensor) -> Tensor:
        """The mean score of each unit, ``(units,)``; in float64, where the scores' own precision would make ties.

        Raises:
            UsageError: a tensor of one dimension, or a unit with scores of both +inf and -inf.
        """
        from torch.nn.functional import pad

        self._check(name, scores)
        matrix = scores.detach().double().flatten(1)
        (height, width), (rows, columns) = matrix.shape, self._size(matrix)
        fill = (0, -width % columns, 0, -height % rows)
        sums = _tiles(pad(matrix, fill), rows, columns).sum((1, 3))
        counts = _tiles(pad(matrix.new_ones(matrix.shape), fill), rows, columns).sum((1, 3))
        means = (sums / counts).flatten()
        if bool(means.isnan().any()):
            raise UsageError(f"a {self} of '{name}' has scores of both +inf and -inf, so it has no mean score.")
        return means

    def alive(self, name: str, mask: Tensor) -> Tensor:
        """Which units keep anything, ``(units,)`` bool."""
        from torch.nn.functional import pad

        self._check(name, mask)
        matrix = mask.flatten(1)
        (height, width), (rows, columns) = matrix.shape, self._size(matrix)
        return _tiles(pad(matrix, (0, -width % columns, 0, -height % rows)), rows, columns).any(3).any(1).flatten()

    def spread(self, units: Tensor, shape: tuple[int, ...]) -> Tensor:
        """A bool for each unit in the shape of the tensor."""
        matrix = units.new_empty(shape).flatten(1)
        (height, width), (rows, columns) = matrix.shape, self._size(matrix)
        tiles = units.view(-(-height // rows), -(-width // columns))
        whole = tiles.repeat_interleave(rows, 0).repeat_interleave(columns, 1)
        return whole[:height, :width].reshape(shape)

    def _check(self, name: str, tensor: Tensor) -> None:
        if tensor.dim() < 2:
            raise UsageError(
                f"granularity '{self}' is for tensors of two dimensions or more, but '{name}' has shape "
                f"{tuple(tensor.shape)}. Leave it out of the scores, or use granularity='weight'."
            )

    def _size(self, matrix: Tensor) -> tuple[int, int]:
        return self.rows or matrix.shape[0], self.columns or matrix.shape[1]

    def __str__(self) -> str:
        """As it is asked for."""
        return "filter" if self == FILTER else f"block:{self.rows}x{self.columns}"


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Each entry is a unit."""

    def units(self, name: str, scores: Tensor) -> Tensor:
        """The scores, ``(entries,)``."""
        return scores.detach().flatten()

    def alive(self, name: str, mask: Tensor) -> Tensor:
        """The mask, ``(entries,)``."""
        return mask.flatten()

    def spread(self, units: Tensor, shape: tuple[int, ...]) -> Tensor:
        """The units in the shape of the tensor."""
        return units.view(shape)


Units = Weights | Blocks  # of which a count goes, the lowest first
Granularity = Units | Pattern
WEIGHT, FILTER = Weights(), Blocks(rows=1, columns=0)


def granularity_of(word: str) -> Granularity:
    """The granularity that a word names.

    Raises:
        UsageError: for a word that names none.
    """
    if not isinstance(word, str):
        raise UsageError(f"granularity is {word!r}; it is one of the words {', '.join(WORDS)}, as '2:4'.")
    if word in ("weight", "filter"):
        return WEIGHT if word == "weight" else FILTER
    if found := re.fullmatch(r"block:([1-9]\d*)x([1-9]\d*)", word):
        return Blocks(rows=int(found[1]), columns=int(found[2]))
    if found := re.fullmatch(r"([1-9]\d*):([1-9]\d*)", word):
        pattern = Pattern(keep=int(found[1]), of=int(found[2]))
        if pattern.keep < pattern.of:
            return pattern
        raise UsageError(f"granularity '{word}' keeps {pattern.keep} of each {pattern.of}: nothing goes. Try '2:4'.")
    raise UsageError(
        f"no granularity is named '{word}'.{suggestion(word, WORDS)} Known: {', '.join(WORDS)}, as 'block:4x4', '2:4'."
    )


def shuffled(kind: Granularity, name: str, mask: Tensor, draws: Generator, within: Tensor | None) -> Tensor:
    """As many units kept, or of a pattern as many entries of each group, at random places; ``within``: among those that
    this mask keeps.  A tensor of one dimension has no units but its entries."""
    import torch

    if mask.dim() < 2:
        kind = WEIGHT
    if isinstance(kind, Pattern):
        return shuffled_pattern(mask, kind, draws, within)
    kept = kind.alive(name, mask).clone()
    places = torch.arange(len(kept)) if within is None else kind.alive(name, within).cpu().nonzero().flatten()
    order = torch.from_numpy(draws.permutation(len(places)))
    kept[places.to(kept.device)] = kept[places[order].to(kept.device)]
    found = kind.spread(kept, tuple(mask.shape))
    return found if within is None else found & within


def _tiles(matrix: Tensor, rows: int, columns: int) -> Tensor:
    """(height, width) -> (tiles down, rows, tiles across, columns)."""
    return matrix.view(matrix.shape[0] // rows, rows, matrix.shape[1] // columns, columns)
