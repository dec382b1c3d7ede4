"""Small dense networks with about the same number of weights as a ticket, from the start."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast

from lotterylab.errors import UsageError, a_type
from lotterylab.masks import algebra
from lotterylab.masks.counts import Rate
from lotterylab.models.base import ModelSpec, scaled
from lotterylab.types import Scores, State
from lotterylab.words import check_words

if TYPE_CHECKING:
    from torch import nn

STEPS = 10_000  # widths are multiples of 1 / STEPS of the full width


@dataclass(frozen=True, kw_only=True)
class Narrowed:
    """``Narrowed`` is the model ``of`` with all layers narrowed by one factor, to the size of a ticket.

    It is the control "small-dense".   [liu2019rethinking]  The width is chosen so that the number of prunable weights
    is nearest to the ticket's (the wider of two equally near); layers have whole units, so the number is rarely equal.
    The width is found when the network is first built, because the module has the count.

    Args:
        of: the spec of the whole model; it has a field "width" or "widths".
        cuts: the target of each round of pruning, as in ``Prune``: a sparsity or a ``Rate``.
        scope: the scope of the cuts.

    Raises:
        UsageError: the model has no width.

    Examples:
        >>> from lotterylab.models import Mlp
        >>> small = Narrowed(of=Mlp(shape=(1, 8, 8), widths=(30,)), cuts=(0.5,))
        >>> small.left(), sum(weight.numel() for weight in small.build().parameters() if weight.dim() == 2)
        (1110, 1110)
    """

    version: ClassVar[int] = 1
    of: ModelSpec
    cuts: tuple[float | Rate, ...]
    scope: str = "global"

    def __post_init__(self) -> None:
        check_words(self)
        if not _widths(self.of):
            raise UsageError(
                f"{a_type(self.of)} has no width, so it has no small dense network. Give the model a field "
                "'width' that multiplies its units."
            )

    @property
    def activation(self) -> str:
        """Return that of ``of``."""
        return self.of.activation

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return that of ``of``."""
        return self.of.shape

    @property
    def classes(self) -> int:
        """Return that of ``of``."""
        return self.of.classes

    @property
    def pool_first_is_exact(self) -> bool:
        """Return that of ``of``."""
        return self.of.pool_first_is_exact

    def build(self, *, pool_first: bool = False) -> nn.Module:
        """Return the small module."""
        return self.small.build(pool_first=pool_first)

    def initial(self, seed: int, purpose: str, draw: str) -> State:
        """Return the small network's own initial state, which shares nothing with the large network's."""
        return self.small.initial(seed, purpose, draw)

    @cached_property
    def small(self) -> ModelSpec:
        """Return the model at the width that was found."""
        wanted = self.left()
        low, high = 1, STEPS
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _count(_narrow(self.of, middle)) <= wanted else (low, middle)
        candidates = [_narrow(self.of, step) for step in (high, low)]
        return min(candidates, key=lambda spec: abs(_count(spec) - wanted))

    def left(self) -> int:
        """Return the number of weights of ``of`` that are left after the cuts."""
        import torch

        from lotterylab.masks.select import select

        scores = {name: torch.ones(weight.shape, dtype=torch.float64) for name, weight in _weights(self.of).items()}
        mask = algebra.ones(scores)
        for cut in self.cuts:
            target = cut.target(mask, self.scope) if isinstance(cut, Rate) else cut
            mask = select(cast(Scores, scores), target, mask=mask, scope=self.scope)
        return sum(int(kept.sum()) for kept in mask.values())


def _widths(spec: Any) -> dict[str, Any]:
    """Return the model's width fields, "width" or "widths"."""
    fields = {field.name for field in dataclasses.fields(spec)}
    return {name: getattr(spec, name) for name in ("width", "widths") if name in fields}


def _narrow(spec: Any, step: int) -> Any:
    share, widths = step / STEPS, _widths(spec)
    if "width" in widths:
        return dataclasses.replace(spec, width=widths["width"] * share)
    return dataclasses.replace(spec, widths=tuple(scaled(count, share) for count in widths["widths"]))


def _weights(spec: Any) -> dict[str, Any]:
    import torch

    from lotterylab.weights import prunable_names

    with torch.device("meta"):
        module = spec.build()
    return {name: dict(module.named_parameters())[name].detach() for name in prunable_names(module)}


def _count(spec: Any) -> int:
    return sum(weight.numel() for weight in _weights(spec).values())
