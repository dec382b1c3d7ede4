"""Pools of units that compete to be kept, and the cut through each pool."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from lotterylab.errors import UsageError
from lotterylab.masks.counts import removal_count
from lotterylab.masks.profiles import PROFILES
from lotterylab.masks.scopes import more_than_asked
from lotterylab.rng import stream

if TYPE_CHECKING:
    from numpy.random import Generator
    from torch import Tensor

TIES = ("index", "random", "refuse")


@dataclass(frozen=True, kw_only=True)
class Pool(ABC):
    """A ``Pool`` is the n units of one or more tensors, in a row, that are cut together.

    ``lengths``: the units of each tensor, in order.  ``scores``: ``(n,)``, higher = keep.  ``alive``: ``(n,)`` bool,
    False if an earlier mask removed the unit.
    """

    lengths: Mapping[str, int]
    scores: Tensor
    alive: Tensor

    @property
    @abstractmethod
    def requested(self) -> int:
        """Return the number of the n units that are removed in the end, those of the earlier mask included."""

    @abstractmethod
    def cut(self, ties: str, seed: int) -> tuple[Tensor, Tensor]:
        """Return the units that stay, ``(n,)`` bool, and the alive units tied at the requested cut, as flat indices.

        If all units of equal score leave, or all stay, the cut does not go through a tie and no index is returned.

        Raises:
            UsageError: ties are refused, or the pool does not know the way to break them.
        """

    @property
    def gone(self) -> int:
        """Return the number of units that the earlier mask removed."""
        return len(self.alive) - int(self.alive.sum())

    def split(self, units: Tensor) -> dict[str, Tensor]:
        """Return the parts of a tensor ``(n,)`` by tensor name."""
        return dict(zip(self.lengths, units.split(list(self.lengths.values())), strict=True))

    def counts(self, units: Tensor) -> dict[str, int]:
        """Return the number of True units, of a bool tensor ``(n,)``, by tensor name."""
        return {name: int(part.sum()) for name, part in self.split(units).items()}


@dataclass(frozen=True, kw_only=True)
class Counted(Pool):
    """A ``Counted`` pool has one count: the lowest units are removed, until the fraction ``sparsity`` of the n is gone.

    ``layer``: the tensor of the units; None if all tensors compete together.  ``unit``: the word for them.
    """

    layer: str | None
    sparsity: Fraction
    unit: str = "entries"

    @property
    def requested(self) -> int:
        """Return ``removal_count(sparsity, n)``."""
        return removal_count(self.sparsity, len(self.scores))

    def cut(self, ties: str, seed: int) -> tuple[Tensor, Tensor]:
        """Remove the lowest units by count, or by the rule of a published code; see ``Pool.cut``."""
        import torch

        gone, of = self.gone, "" if self.layer is None else f" of '{self.layer}'"
        if gone > self.requested:
            raise more_than_asked(self.sparsity, len(self.scores), gone, of, self.unit)
        score, tied, leaving = self._lowest(self.requested - gone)
        through = leaving < len(tied)
        if ties in PROFILES:
            kept = self._published(ties, seed)
        elif through and ties == "refuse":
            raise UsageError(
                f"{len(tied)} {self.unit}{of} share the score {float(score):g} at the cut, and {leaving} of them would "
                f"have to go. Use ties='index' or ties='random', or another sparsity."
            )
        else:
            kept, order = self.alive & (self.scores >= score), tied
            if through and ties == "random":
                drawn = torch.from_numpy(self._draws(seed).permutation(len(self.scores))).to(tied.device)
                order = tied[drawn[tied].argsort()]
            kept[order[:leaving]] = False
        return kept, tied if through else tied[:0]

    def _lowest(self, count: int) -> tuple[Tensor, Tensor, int]:
        """Return the score at the cut, the alive units of this score (ascending), and the number of them to remove."""
        import torch

        if count == 0:
            return self.scores.new_tensor(-math.inf), torch.arange(0, device=self.scores.device), 0
        candidates = self.scores[self.alive]
        # the count-th lowest, by topk: kthvalue has no deterministic CUDA kernel
        score = candidates.topk(count, largest=False, sorted=False).values.max()
        tied = (self.alive & (self.scores == score)).nonzero().flatten()
        return score, tied, count - int((candidates < score).sum())

    def _published(self, profile: str, seed: int) -> Tensor:
        """Apply the rule of a published code to the alive units, with the share of them that is left to remove."""
        n, gone, kept = len(self.scores), self.gone, self.alive.clone()
        if gone < n:
            share = max(Fraction(0), (self.sparsity * n - gone) / (n - gone))
            kept[self.alive] = PROFILES[profile](self.scores[self.alive], float(share), self._draws(seed))
        return kept

    def _draws(self, seed: int) -> Generator:
        return stream(seed, "ties", *(() if self.layer is None else (self.layer,)))


@dataclass(frozen=True, kw_only=True)
class Groups(Pool):
    """A ``Groups`` pool is one tensor of ``shape`` (outputs, ...), in groups of ``of`` that keep ``keep`` each."""

    keep: int
    of: int
    shape: tuple[int, ...]

    @property
    def requested(self) -> int:
        """Return the number of entries removed already, plus all but ``keep`` of the entries left in each group."""
        left = grouped(self.alive.view(self.shape), self.of).sum(1)
        return self.gone + int((left - self.keep).clamp(min=0).sum())

    def cut(self, ties: str, seed: int) -> tuple[Tensor, Tensor]:
        """Remove the lowest entries of each group; see ``Pool.cut``.  Random ties use (seed, "ties", tensor)."""
        import torch

        (name,) = self.lengths
        if ties not in TIES:
            raise UsageError(
                f"ties='{ties}' is a rule for one count, but '{self.keep}:{self.of}' has a count for each group of "
                f"{self.of}. Use ties='index', 'random' or 'refuse'."
            )
        scores, alive = (grouped(flat.view(self.shape), self.of) for flat in (self.scores, self.alive))
        order = torch.arange(self.of, device=scores.device).expand(scores.shape)
        if ties == "random":
            drawn = stream(seed, "ties", name).random(tuple(scores.shape))
            order = torch.from_numpy(drawn).to(scores.device).argsort(dim=1)
        # stable sorts, the last of which decides: a dead entry goes before a living one whatever its score
        order = order.gather(1, scores.gather(1, order).argsort(dim=1, stable=True))
        order = order.gather(1, alive.gather(1, order).long().argsort(dim=1, stable=True))
        scores, alive = scores.gather(1, order), alive.gather(1, order)
        stay = self.of - self.keep  # the first place that stays
        through = alive[:, stay - 1] & (scores[:, stay - 1] == scores[:, stay])
        if ties == "refuse" and bool(through.any()):
            raise UsageError(
                f"{int(through.sum())} groups of '{name}' have equal scores at their cut. Use ties='index' or "
                "ties='random'."
            )
        tied = alive & (scores == scores[:, stay : stay + 1]) & through[:, None]
        alive[:, :stay] = False
        kept, tied = (
            ungrouped(torch.zeros_like(part).scatter_(1, order, part), self.alive.view(self.shape)).flatten()
            for part in (alive, tied)
        )
        return kept, tied.nonzero().flatten()


def grouped(tensor: Tensor, of: int) -> Tensor:
    """Return the entries as ``(groups, M)``; the last group of each output is filled up with zeros."""
    from torch.nn.functional import pad

    return pad(tensor.flatten(1), (0, -tensor[0].numel() % of)).reshape(-1, of)


def ungrouped(groups: Tensor, like: Tensor) -> Tensor:
    """Return the entries in the shape of ``like``, without the zeros that ``grouped`` added."""
    return groups.view(len(like), -1)[:, : like[0].numel()].reshape(like.shape)
