"""What competes with what for being kept, and where the cut between them falls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, cast

from lotterylab.errors import UsageError, unknown
from lotterylab.masks import algebra
from lotterylab.masks.counts import Sparsity, as_fraction, removal_count, same_names
from lotterylab.masks.granularity import WEIGHT, Units, granularity_of
from lotterylab.masks.scopes import SCOPES, Layer
from lotterylab.types import Mask, Scores

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Pool:
    """The units, weights, filters or blocks, that compete for one count.

    Attributes:
        layer: the tensor they are of; None where all tensors compete together.
        lengths: how many units each tensor has, in order; n together.
        sparsity: the fraction of the n units that is to be gone.
        scores: ``(n,)``, higher = keep.
        alive: ``(n,)`` bool, False where an earlier mask removed the unit.
    """

    layer: str | None
    lengths: Mapping[str, int]
    sparsity: Fraction
    scores: Tensor
    alive: Tensor

    @property
    def requested(self) -> int:
        """How many of the n units are to be gone, earlier ones included."""
        return removal_count(self.sparsity, len(self.scores))

    @property
    def gone(self) -> int:
        """How many units the earlier mask removed."""
        return len(self.alive) - int(self.alive.sum())

    def split(self, flat: Tensor) -> dict[str, Tensor]:
        """A tensor ``(n,)`` by tensor name."""
        return dict(zip(self.lengths, flat.split(list(self.lengths.values())), strict=True))

    def cut(self, count: int) -> tuple[Tensor, Tensor, int]:
        """The cut that removes the ``count`` >= 1 lowest of the alive units.

        Returns the score at the cut, the flat indices (ascending) of the alive units that have exactly this score, and
        how many of these must go; the cut goes through them where that is not all.
        """
        candidates = self.scores[self.alive]
        # the count-th lowest, by topk: kthvalue has no deterministic CUDA kernel
        score = candidates.topk(count, largest=False, sorted=False).values.max()
        tied = (self.alive & (self.scores == score)).nonzero().flatten()
        return score, tied, count - int((candidates < score).sum())


def pools(scores: Scores, sparsity: Sparsity, mask: Mask, *, scope: str = "global", kind: Units = WEIGHT) -> list[Pool]:
    """One pool over all tensors, or one for each: how ``select`` and ``describe_cut`` read their arguments.

    ``mask`` is one that ``complete`` has made.

    Raises:
        UsageError: wrong words or names, a sparsity outside [0, 1], tensors without such units.
    """
    import torch

    values = {name: kind.units(name, one) for name, one in scores.items()}
    alive = {name: kind.alive(name, mask[name]) for name in scores}
    if isinstance(sparsity, Mapping):
        same_names("sparsity", sparsity, scores)
        shares: dict[str, Fraction] | None = {name: as_fraction(sparsity[name]) for name in scores}
    else:
        shares = _shares(scope, as_fraction(sparsity), scores, alive)
    groups = {name: [name] for name in scores} if shares is not None else {None: list(scores)}
    device = next(iter(values.values())).device
    return [
        Pool(
            layer=layer,
            lengths={name: len(values[name]) for name in names},
            sparsity=as_fraction(sparsity) if shares is None else shares[names[0]],  # type: ignore[arg-type]
            scores=torch.cat([values[name].to(device) for name in names]),
            alive=torch.cat([alive[name].to(device) for name in names]),
        )
        for layer, names in groups.items()
    ]


def _shares(scope: str, sparsity: Fraction, scores: Scores, alive: Mapping[str, Tensor]) -> dict[str, Fraction] | None:
    """The fraction that goes of each tensor; None where all compete together."""
    rule = SCOPES[scope]
    if rule is None:
        return None
    layers = {
        name: Layer(units=len(alive[name]), alive=int(alive[name].sum()), shape=tuple(one.shape))
        for name, one in scores.items()
    }
    return rule(sparsity, layers)


def check_cut(*, scope: str, granularity: str) -> None:
    """Raise ``UsageError`` for a scope or a granularity that there is not."""
    if scope not in SCOPES:
        raise unknown("scope", scope, SCOPES)
    granularity_of(granularity)


def complete(scores: Scores, mask: Mask | None) -> Mask:
    """``mask`` in the order and on the devices of ``scores``, both checked; all True where it is None.

    Raises:
        UsageError: scores that cannot be ordered, a mask of other names or shapes.
    """
    _check(scores)
    if mask is None:
        return algebra.ones(scores)
    same_names("mask", mask, scores)
    algebra.check(mask, scores)
    return cast(Mask, {name: mask[name].to(scores[name].device) for name in scores})


def _check(scores: Scores) -> None:
    if not scores:
        raise UsageError("there are no scores to select by: the dict is empty. Which tensors are prunable?")
    for name, tensor in scores.items():
        if not tensor.is_floating_point():
            raise UsageError(f"the scores of '{name}' are {tensor.dtype}; scores are floating point, higher = keep.")
        if tensor.numel() == 0:
            raise UsageError(f"'{name}' has shape {tuple(tensor.shape)} and so no scores. Leave it out.")
        nan = int(tensor.isnan().sum())
        if nan:
            raise UsageError(
                f"{nan} of {tensor.numel()} scores of '{name}' are NaN, which no order can place. "
                f"Look at the weights and gradients that they were made of."
            )
