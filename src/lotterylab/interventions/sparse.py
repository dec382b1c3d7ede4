"""Sparse training: connections that matter least leave, and as many others grow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from lotterylab.interventions.base import Periodic, held_mask, zeroed
from lotterylab.types import Mask
from lotterylab.views import Change, View

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Set(Periodic):
    """SET: in each layer the smallest ``|w|`` leave and as many random connections grow.   [mocanu2018scalable]

    The number that leaves is ``f / 2 (1 + cos(pi t / T_end))`` of the layer's active weights, rounded down, as in
    RigL's code; SET's own paper keeps the share constant and drops positive and negative weights apart.  A grown weight
    starts at 0 with optimizer state 0; one that leaves and grows at the same step keeps both.  [evci2020rigging, code]

    Args:
        every: updates between two changes.
        fraction: f, the share of active weights that leave at first.
        until: T_end as a share of the training, after which the mask stays.

    Raises:
        UsageError: a number is out of range; when it begins, the mask of a training is dense or empty.

    Examples:
        >>> round(Set(fraction=0.3, until=0.5).share_at(0, 1000), 2), Set().share_at(750, 1000)
        (0.3, 0.0)
    """

    needs_sparse: ClassVar[bool] = True
    least: ClassVar[Mapping[str, float]] = {"every": 1}
    shares: ClassVar[tuple[str, ...]] = ("fraction", "until")
    every: int = 100
    fraction: float = 0.3
    until: float = 0.75

    def share_at(self, step: int, total: int) -> float:
        """Return the share of active weights that leave at a step; 0 from T_end on."""
        end = self.until * total
        return self.fraction / 2 * (1 + math.cos(math.pi * step / end)) if step < end else 0.0

    def last_change(self, total_steps: int) -> int:
        """Return the last multiple of ``every`` before T_end."""
        return max(0, math.ceil(self.until * total_steps) - 1) // self.every * self.every

    def begin(self, view: View) -> Mapping[str, Tensor]:
        """Check that there is something to move: a mask that keeps some weights and not all."""
        self.end_known(view)
        if self.fraction:
            self.check_sparse(view)
        return {}

    def __call__(self, view: View, carry: Mapping[str, Tensor]) -> Change:
        """Return the mask in which connections changed places, with 0 for what grew; nothing between two changes."""
        share = self.share_at(view.step, self.end_known(view))
        if not share or not self.acts_at(view.step, view.steps_per_epoch):
            return Change()
        mask, state, grown = held_mask(view), {}, {}
        moved = {name: self._moved(view, name, kept, share) for name, kept in mask.items()}
        for name, kept in moved.items():
            grown[name] = kept & ~mask[name]
            state[name] = view.state[name].masked_fill(grown[name], 0.0)
        return Change(mask=cast(Mask, moved), state=state, optimizer=zeroed(view, grown))

    def growth(self, view: View, name: str) -> Tensor:
        """Return the order in which inactive connections of a parameter grow, highest first: at random."""
        import torch

        drawn = view.stream("grow", name).permutation(view.state[name].numel())
        return torch.from_numpy(drawn).to(view.state[name].device, torch.float64).view(view.state[name].shape)

    def _moved(self, view: View, name: str, kept: Tensor, share: float) -> Tensor:
        import torch

        active = int(kept.sum())
        leaving = int(active * share)
        if not leaving:
            return kept
        size = view.state[name].abs().where(kept, -1.0).flatten()
        staying = torch.zeros_like(kept).flatten()
        staying[size.argsort(descending=True, stable=True)[: active - leaving]] = True
        wish = self.growth(view, name).flatten().masked_fill(staying, -math.inf)
        staying[wish.argsort(descending=True, stable=True)[:leaving]] = True
        return staying.view_as(kept)


@dataclass(frozen=True, kw_only=True)
class RigL(Set):
    """RigL: as ``Set``, but the connections with the largest ``|gradient|`` grow.   [evci2020rigging, algorithm 1]

    Differs from the paper: the update of that step is made too, where RigL's code leaves it out.

    Args:
        every: updates between two changes.
        fraction: the share of active weights that leave at first.
        until: the share of the training after which the mask stays.

    Raises:
        UsageError: as for ``Set``.

    Examples:
        >>> RigL(every=50).every
        50
    """

    def growth(self, view: View, name: str) -> Tensor:
        """Return ``|gradient|``, by which inactive connections grow."""
        return view.gradients[name].abs()
