"""Rates of iterative pruning: the share of what is still alive that one round removes."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from lotterylab.errors import UsageError
from lotterylab.masks.counts import Sparsity, alive_rate_counts, as_fraction, removal_count
from lotterylab.types import Mask

CONVOLUTION = 3  # dimensions of a weight, from which on it is one: conv1d has 3, conv2d 4


@dataclass(frozen=True, kw_only=True)
class Rate:
    """``share`` of what an earlier mask keeps goes, rounded half up in each layer.   [frankle2019lottery, section 2]

    ``convolution``, ``output``: other shares for convolutions and for the last layer, where every layer has a count of
    its own (scope "layerwise"); None is ``share``.  LeNet-300-100: 0.2, the output 0.1.  Conv-2 and Conv-4:
    convolutions 0.1, the others 0.2, the output 0.1.
    ``rounds``: of this rate at once: what one-shot pruning has to remove to be compared with as many rounds.

    The paper's text says that n rounds to the sparsity p prune p^(1/n) of what is left each time; that would be right
    for the share kept.  For a sparsity p it is 1 - (1 - p)^(1/n).
    """

    share: float
    convolution: float | None = None
    output: float | None = None
    rounds: int = 1

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise UsageError(f"rounds={self.rounds}: at least 1 is needed.")
        for value in (self.share, self.convolution, self.output):
            if value is not None:
                as_fraction(value)

    def target(self, mask: Mask, scope: str) -> Sparsity:
        """The sparsity after one round from ``mask``: of each layer where they are apart, else one for all.

        The tensors of ``mask`` are in the module's order: the last one is the output layer's.

        Raises:
            UsageError: rates for kinds of layers with a scope that knows one count.
        """
        entries = {name: kept.numel() for name, kept in mask.items()}
        alive = {name: int(kept.sum()) for name, kept in mask.items()}
        if scope == "layerwise":
            left, rates = alive, {name: self._of(mask, name) for name in mask}
            for _ in range(self.rounds):
                left = alive_rate_counts(left, rates)
            return {name: Fraction(entries[name] - left[name], entries[name]) for name in mask}
        if self.convolution is not None or self.output is not None:
            raise UsageError(f"{self} has rates for kinds of layers: ask for scope='layerwise', not '{scope}'.")
        kept, total = sum(alive.values()), sum(entries.values())
        for _ in range(self.rounds):
            kept -= removal_count(self.share, kept)
        return Fraction(total - kept, total)

    def after(self, rounds: int) -> float:
        """The sparsity after so many rounds of ``share`` alone, to four digits: what a level is called."""
        return round(1 - (1 - self.share) ** rounds, 4)

    def _of(self, mask: Mask, name: str) -> float:
        if self.output is not None and name == list(mask)[-1]:
            return self.output
        convolution = self.convolution is not None and mask[name].dim() >= CONVOLUTION
        return self.convolution if convolution and self.convolution is not None else self.share
