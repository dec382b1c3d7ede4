"""Granularities: the pieces in which weights are removed, and the counts of these pieces.

"weight"       each entry is a piece
"filter"       slices along dimension 0, by their mean score
"block:RxC"    blocks of the tensor as a matrix (dimension 0, all others), by their mean score
"N:M"          the N highest of each M consecutive entries of a row of that matrix stay

A granularity is one class.  A class whose pieces compete for one count defines the piece by ``values``, ``alive`` and
``spread``.  These work on whole dicts of tensors, so that a piece may span several of them (a channel: its filters, its
norm, and the weights that read it) under the name of the first.  A class that counts differently has its own ``pools``.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, cast

from lotterylab.errors import UsageError, suggestion
from lotterylab.masks.counts import Sparsity, as_fraction, same_names
from lotterylab.masks.pools import Counted, Groups, Pool, grouped, ungrouped
from lotterylab.masks.scopes import SCOPES, Layer
from lotterylab.types import Mask, Scores

if TYPE_CHECKING:
    from numpy.random import Generator
    from torch import Tensor

WORDS = ("weight", "filter", "block:RxC", "N:M")
NEAR = Fraction(1, 10**6)  # a sparsity such as 2/3 has no decimal


class Granularity(ABC):
    """A ``Granularity`` defines the unit that is removed at once.  Units are in dicts by tensor, ``(units,)`` each."""

    in_rounds: ClassVar[bool] = True  # whether there are sparsities between an earlier mask's and the last cut's

    @property
    def unit(self) -> str:
        """Return the word for its units, in the plural."""
        return "entries"

    @abstractmethod
    def values(self, scores: Scores) -> dict[str, Tensor]:
        """Return the score of each unit.

        Raises:
            UsageError: a tensor has no such units, or a unit has no score.
        """

    @abstractmethod
    def alive(self, mask: Mask) -> dict[str, Tensor]:
        """Return for each unit whether it keeps any entry, bool; a tensor without such units gives its entries."""

    @abstractmethod
    def spread(self, units: Mapping[str, Tensor], within: Mask) -> Mask:
        """Return the mask of the units that stay; entries that ``within`` removes stay removed."""

    def share(self, sparsity: Sparsity) -> Fraction | None:
        """Return the fraction of all units that is removed in the end; None if only the pools can tell.

        Raises:
            UsageError: the granularity cannot have the sparsity.
        """
        return None if isinstance(sparsity, Mapping) else as_fraction(sparsity)

    def pools(self, scores: Scores, sparsity: Sparsity, earlier: Mask, scope: str) -> Sequence[Pool]:
        """Return one pool over all tensors, or one for each tensor if the scope or the sparsity counts them apart.

        Raises:
            UsageError: names differ, or the granularity or the scope cannot have the sparsity; see ``values``.
        """
        import torch

        values, alive = self.values(scores), self.alive(earlier)
        shares: Mapping[Any, Fraction]
        if isinstance(sparsity, Mapping):
            same_names("sparsity", sparsity, values)
            shares = {name: as_fraction(sparsity[name]) for name in values}
        elif (rule := SCOPES[scope]) is None:
            shares = {None: as_fraction(sparsity)}
        else:
            layers = {
                name: Layer(units=len(units), alive=int(units.sum()), shape=tuple(scores[name].shape), unit=self.unit)
                for name, units in alive.items()
            }
            shares = rule(as_fraction(sparsity), layers)
        device, pools = next(iter(values.values())).device, []
        for layer, share in shares.items():
            names = list(values) if layer is None else [layer]
            lengths = {name: len(values[name]) for name in names}
            units, living = (torch.cat([of[name].to(device) for name in names]) for of in (values, alive))
            pools.append(
                Counted(layer=layer, lengths=lengths, sparsity=share, scores=units, alive=living, unit=self.unit)
            )
        return pools

    def shuffled(self, mask: Mask, draws: Callable[[str], Generator], within: Mask | None) -> Mask:
        """Return a mask with the same number of units of each tensor, at places among those that ``within`` keeps.

        ``draws(name)`` is the generator for a tensor.
        """
        import torch

        within = cast(Mask, {name: torch.ones_like(kept) for name, kept in mask.items()}) if within is None else within
        places, shuffled = self.alive(within), {}
        for name, units in self.alive(mask).items():
            here = places[name].nonzero().flatten().to(units.device)
            order = torch.from_numpy(draws(name).permutation(len(here))).to(units.device)
            shuffled[name] = units.scatter(0, here, units[here[order]])
        return self.spread(shuffled, within)


@dataclass(frozen=True, kw_only=True)
class Weights(Granularity):
    """``Weights`` is the granularity whose units are entries."""

    def values(self, scores: Scores) -> dict[str, Tensor]:
        """Return the scores, flat."""
        return {name: tensor.detach().flatten() for name, tensor in scores.items()}

    def alive(self, mask: Mask) -> dict[str, Tensor]:
        """Return the mask, flat."""
        return {name: kept.flatten() for name, kept in mask.items()}

    def spread(self, units: Mapping[str, Tensor], within: Mask) -> Mask:
        """Return the units in the shapes of ``within``."""
        shaped = {name: kept.to(within[name].device).view(within[name].shape) for name, kept in units.items()}
        return cast(Mask, {name: kept & within[name] for name, kept in shaped.items()})


@dataclass(frozen=True, kw_only=True)
class Blocks(Granularity):
    """``Blocks`` is the granularity whose units are blocks of ``rows`` x ``columns`` of the tensor as a matrix.

    0 means all rows or columns.  A block at the edge may be smaller.
    """

    rows: int
    columns: int

    def values(self, scores: Scores) -> dict[str, Tensor]:
        """Return the mean score of each block, in float64: the scores' own precision would make ties.

        Raises:
            UsageError: a tensor has one dimension, or a block has scores of both +inf and -inf.
        """
        import torch

        values = {}
        for name, tensor in scores.items():
            if tensor.dim() < 2:
                raise UsageError(
                    f"granularity '{self}' is for tensors of two dimensions or more, but '{name}' has shape "
                    f"{tuple(tensor.shape)}. Leave it out of the scores, or use granularity='weight'."
                )
            double = tensor.detach().double()
            sums, counts = (self._tiles(each).sum((1, 3)) for each in (double, torch.ones_like(double)))
            values[name] = (sums / counts).flatten()
            if bool(values[name].isnan().any()):
                raise UsageError(f"a {self} of '{name}' has scores of both +inf and -inf, so it has no mean score.")
        return values

    def alive(self, mask: Mask) -> dict[str, Tensor]:
        """Return for each block whether it keeps any entry; a tensor of one dimension gives its entries."""
        blocks = {name: self._tiles(kept).any(3).any(1) if kept.dim() > 1 else kept for name, kept in mask.items()}
        return {name: kept.flatten() for name, kept in blocks.items()}

    def spread(self, units: Mapping[str, Tensor], within: Mask) -> Mask:
        """Return the blocks in the shapes of ``within``."""
        mask = {}
        for name, kept in units.items():
            entries, earlier = kept.to(within[name].device), within[name]
            if earlier.dim() > 1:
                height, width = earlier.flatten(1).shape
                rows, columns = self.rows or height, self.columns or width
                tiles = entries.view(-(-height // rows), -(-width // columns))
                entries = tiles.repeat_interleave(rows, 0).repeat_interleave(columns, 1)[:height, :width]
            mask[name] = entries.reshape(earlier.shape) & earlier
        return cast(Mask, mask)

    def _tiles(self, tensor: Tensor) -> Tensor:
        """Return ``(blocks down, rows, blocks across, columns)``, filled up with zeros at the edges."""
        from torch.nn.functional import pad

        height, width = tensor.flatten(1).shape
        rows, columns = self.rows or height, self.columns or width
        whole = pad(tensor.flatten(1), (0, -width % columns, 0, -height % rows))
        return whole.view(whole.shape[0] // rows, rows, whole.shape[1] // columns, columns)

    @property
    def unit(self) -> str:
        """Return "filters" or "blocks"."""
        return "filters" if self == FILTER else "blocks"

    def __str__(self) -> str:
        """Return the word for it."""
        return "filter" if self == FILTER else f"block:{self.rows}x{self.columns}"


@dataclass(frozen=True, kw_only=True)
class Pattern(Weights):
    """A ``Pattern`` keeps the N highest of each M consecutive entries.   [mishra2021accelerating; zhou2021learning]

    The entries of an output, a slice along dimension 0, are in the order of torch's memory: (in, kh, kw) for a
    convolution.  A library with 2:4 along the input channels alone has another order for kernels above 1 x 1.  A group
    never crosses the end of an output; a shorter last group of r entries keeps min(N, r).  A group in which an earlier
    mask left fewer than N entries keeps these.  ``keep`` is N, ``of`` is M.
    """

    keep: int
    of: int
    in_rounds: ClassVar[bool] = False

    def share(self, sparsity: Sparsity) -> None:
        """Return None, because short groups and an earlier mask make the share differ from 1 - N/M.

        Raises:
            UsageError: the sparsity is not 1 - N/M, to six digits.
        """
        removed = Fraction(self.of - self.keep, self.of)
        if isinstance(sparsity, Mapping) or abs(as_fraction(sparsity) - removed) > NEAR:
            raise UsageError(
                f"granularity '{self}' removes {removed} of the weights; sparsity {sparsity} "
                f"was asked for. Ask for {float(removed):g}, or for another pattern."
            )

    def pools(self, scores: Scores, sparsity: Sparsity, earlier: Mask, scope: str) -> Sequence[Pool]:
        """Return the groups of each tensor; the scope has no effect."""
        self.share(sparsity)
        for name, tensor in scores.items():
            if tensor.dim() < 2:
                raise UsageError(
                    f"a pattern N:M is for tensors of two dimensions or more, but '{name}' has shape "
                    f"{tuple(tensor.shape)}. Leave it out of the scores."
                )
        alive = self.alive(earlier)
        return [
            Groups(
                lengths={name: len(flat)},
                scores=flat,
                alive=alive[name],
                shape=scores[name].shape,
                keep=self.keep,
                of=self.of,
            )
            for name, flat in self.values(scores).items()
        ]

    def shuffled(self, mask: Mask, draws: Callable[[str], Generator], within: Mask | None) -> Mask:
        """Return a mask that keeps the same number in each group, at random places; see ``Granularity.shuffled``."""
        import torch

        vectors = cast(Mask, {name: kept for name, kept in mask.items() if kept.dim() < 2})
        shuffled = dict(super().shuffled(vectors, draws, within))
        for name in mask.keys() - vectors.keys():
            groups = grouped(mask[name], self.of)
            places = grouped(torch.ones_like(mask[name]) if within is None else within[name], self.of)
            drawn = torch.from_numpy(draws(name).random(tuple(groups.shape))).to(groups.device)
            order = (drawn + (~places).double()).argsort(dim=1)  # what cannot be kept comes last
            first = torch.arange(self.of, device=groups.device) < groups.sum(1, keepdim=True)
            shuffled[name] = ungrouped(torch.zeros_like(groups).scatter_(1, order, first), mask[name])
        return cast(Mask, {name: shuffled[name] for name in mask})

    def __str__(self) -> str:
        """Return the word for it."""
        return f"{self.keep}:{self.of}"


WEIGHT, FILTER = Weights(), Blocks(rows=1, columns=0)


def granularity_of(word: str) -> Granularity:
    """Return the granularity that a word names: "weight", "filter", "block:4x4" or "2:4", with any numbers.

    Raises:
        UsageError: the word does not name a granularity.

    Examples:
        >>> granularity_of("block:4x2")
        Blocks(rows=4, columns=2)
    """
    if not isinstance(word, str):
        raise UsageError(f"granularity is {word!r}; it is one of the words {', '.join(WORDS)}, as '2:4'.")
    if word in ("weight", "filter"):
        return WEIGHT if word == "weight" else FILTER
    if sides := re.fullmatch(r"block:([1-9]\d*)x([1-9]\d*)", word):
        return Blocks(rows=int(sides[1]), columns=int(sides[2]))
    if numbers := re.fullmatch(r"([1-9]\d*):([1-9]\d*)", word):
        pattern = Pattern(keep=int(numbers[1]), of=int(numbers[2]))
        if pattern.keep < pattern.of:
            return pattern
        raise UsageError(f"granularity '{word}' keeps {pattern.keep} of each {pattern.of}: nothing goes. Try '2:4'.")
    raise UsageError(
        f"no granularity is named '{word}'.{suggestion(word, WORDS)} Known: {', '.join(WORDS)}, as 'block:4x4', '2:4'."
    )
