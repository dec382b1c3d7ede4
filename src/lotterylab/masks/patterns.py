"""N:M patterns: of each M consecutive entries the N highest stay.   [mishra2021accelerating; zhou2021learning]

The entries of an output, a slice along dimension 0, stand in the order of torch's memory: (in, kh, kw) of a
convolution.  A library that wants 2:4 along the input channels alone has another order for kernels above 1 x 1.
A group never reaches over the end of an output; a shorter last one of r entries keeps min(N, r).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, cast

from lotterylab.errors import UsageError
from lotterylab.masks.counts import Share, Sparsity, as_fraction
from lotterylab.rng import stream
from lotterylab.types import Mask, Scores

if TYPE_CHECKING:
    from numpy.random import Generator
    from torch import Tensor

TIES = ("index", "random", "refuse")
NEAR = Fraction(1, 10**6)  # a sparsity such as 2/3 has no decimal


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """``keep`` of each ``of`` entries stay.  A unit is an entry."""

    keep: int
    of: int

    @property
    def sparsity(self) -> Fraction:
        """What it removes of whole groups."""
        return Fraction(self.of - self.keep, self.of)

    def alive(self, name: str, mask: Tensor) -> Tensor:
        """The mask, ``(entries,)``."""
        return mask.flatten()

    def __str__(self) -> str:
        """As it is asked for."""
        return f"{self.keep}:{self.of}"


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """The groups of one tensor, ``(groups, M)``, each with its entries in the order in which they go.

    Attributes:
        order: place in the group; first what is not there (padding, or removed before), then the lowest scores.
        scores: in that order.
        living: bool in that order, False for what is not there.
    """

    order: Tensor
    scores: Tensor
    living: Tensor

    def leaving(self, pattern: Pattern) -> Tensor:
        """Which entries go now, bool in the order: of the living ones all but the last ``keep``."""
        going = self.living.clone()
        going[:, pattern.of - pattern.keep :] = False
        return going

    def tied(self, pattern: Pattern) -> Tensor:
        """How many living entries have the score at the cut, ``(groups,)``; 0 where the cut goes through no tie."""
        last, first = pattern.of - pattern.keep - 1, pattern.of - pattern.keep  # to go, and to stay
        through = self.living[:, last] & (self.scores[:, last] == self.scores[:, first])
        return ((self.scores == self.scores[:, first : first + 1]) & self.living).sum(1) * through


def select_pattern(
    scores: Scores, sparsity: Sparsity, earlier: Mask, pattern: Pattern, *, ties: str, seed: int
) -> Mask:
    """The mask of the pattern within ``earlier``: a group that has fewer than N left keeps those.

    ``ties``: "index", "random" (from ``rng.stream(seed, "ties", tensor)``) or "refuse", as in ``select``.

    Raises:
        UsageError: a sparsity that is not the pattern's, a tensor of one dimension, a published code's rule (they know
            one count, a pattern has one for each group), refused ties.
    """
    check_sparsity(sparsity, pattern)
    if ties not in TIES:
        raise UsageError(
            f"ties='{ties}' is a rule for one count, but '{pattern}' has a count for each group of {pattern.of}. "
            f"Use ties='index', 'random' or 'refuse'."
        )
    mask = {}
    for name, tensor in scores.items():
        ranked = rank(name, tensor, earlier[name], pattern, draw=(seed if ties == "random" else None))
        tied = int((ranked.tied(pattern) > 0).sum()) if ties == "refuse" else 0
        if tied:
            raise UsageError(
                f"{tied} groups of '{name}' have equal scores at their cut. Use ties='index' or ties='random'."
            )
        going = ranked.leaving(pattern)
        kept = going.new_ones(going.shape).scatter_(1, ranked.order, ~going)
        mask[name] = _ungrouped(kept, tensor) & earlier[name]
    return cast(Mask, mask)


def rank(name: str, scores: Tensor, alive: Tensor, pattern: Pattern, *, draw: int | None = None) -> Ranked:
    """The groups of a tensor, ranked; entries of equal score by index, or by chance with the seed ``draw``."""
    import torch

    if scores.dim() < 2:
        raise UsageError(
            f"a pattern N:M is for tensors of two dimensions or more, but '{name}' has shape {tuple(scores.shape)}. "
            "Leave it out of the scores."
        )
    values, living = _groups(scores.detach(), pattern), _groups(alive, pattern)
    if draw is None:
        order = torch.arange(pattern.of, device=values.device).expand(values.shape)
    else:
        drawn = stream(draw, "ties", name).random(tuple(values.shape))
        order = torch.from_numpy(drawn).to(values.device).argsort(dim=1)
    # stable sorts, the last of which decides: a dead entry goes before a living one whatever its score
    order = order.gather(1, values.gather(1, order).argsort(dim=1, stable=True))
    order = order.gather(1, living.gather(1, order).long().argsort(dim=1, stable=True))
    return Ranked(order=order, scores=values.gather(1, order), living=living.gather(1, order))


def shuffled_pattern(mask: Tensor, pattern: Pattern, draws: Generator, within: Tensor | None) -> Tensor:
    """As many kept in each group, at random places of it; ``within``: among those that this mask keeps."""
    import torch

    kept = _groups(mask, pattern)
    there = _groups(torch.ones_like(mask) if within is None else within, pattern)
    drawn = torch.from_numpy(draws.random(tuple(kept.shape))).to(mask.device)
    order = (drawn + (~there).double()).argsort(dim=1)  # what is not there comes last
    taken = torch.arange(pattern.of, device=mask.device).expand(kept.shape) < kept.sum(1, keepdim=True)
    return _ungrouped(torch.zeros_like(kept).scatter_(1, order, taken), mask)


def _groups(tensor: Tensor, pattern: Pattern) -> Tensor:
    """``(groups, M)``; the last one of each output is filled up with zeros."""
    from torch.nn.functional import pad

    return pad(tensor.flatten(1), (0, -tensor[0].numel() % pattern.of)).reshape(-1, pattern.of)


def _ungrouped(groups: Tensor, like: Tensor) -> Tensor:
    """In the shape of ``like``, without what was filled up."""
    return groups.view(len(like), -1)[:, : like[0].numel()].reshape(like.shape)


def check_sparsity(sparsity: Sparsity, pattern: Pattern) -> None:
    """Raise ``UsageError`` unless ``sparsity`` is 1 - N/M, to six digits."""
    if isinstance(sparsity, Mapping) or abs(as_fraction(cast("Share", sparsity)) - pattern.sparsity) > NEAR:
        raise UsageError(
            f"granularity '{pattern}' removes {pattern.sparsity} of the weights; sparsity {sparsity} "
            f"was asked for. Ask for {float(pattern.sparsity):g}, or for another pattern."
        )
