"""Weight-sparse training keeps the largest weights of each matrix after every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from lotterylab.interventions.base import Intervening, held_mask
from lotterylab.masks.counts import removal_count
from lotterylab.types import Mask
from lotterylab.views import Change, View

if TYPE_CHECKING:
    from torch import Tensor

NAME = "top-k"  # of the mask of the last step


@dataclass(frozen=True, kw_only=True)
class TopK(Intervening):
    """After each update the k largest ``|w|`` of each matrix stay, and the others are set to 0.   [gao2025weight]

    No mask is held: a hold would set the next update of such a weight to 0 too.  Gradients, optimizer state and updates
    stay dense, so that a weight that was set to 0 equals its update after the next step, and comes back if that is
    among the k largest.  The mask of the last step is ``MaskOf(of=run, name="top-k")``.  A mask with which the training
    begins is held as always.  The sparsity rises linearly from 0 to its final value between two steps.

    Args:
        sparsity: of each matrix at the end, all its entries counted.
        begin_step: the last update after which all weights stay.
        end_step: the first update after which the final sparsity holds; half of the training in the paper.
        per_unit: j; the j largest weights of each unit (row) stay, even if these are more than k.  4 in the paper.

    Raises:
        UsageError: a number is out of range; when it begins, ``end_step`` is beyond the training.

    Examples:
        >>> rule = TopK(sparsity=0.9, begin_step=100, end_step=300)
        >>> [rule.sparsity_at(step) for step in (100, 200, 300, 400)]
        [0.0, 0.45, 0.9, 0.9]
    """

    least: ClassVar[Mapping[str, float]] = {"begin_step": 0, "per_unit": 0}
    shares: ClassVar[tuple[str, ...]] = ("sparsity",)
    sparsity: float
    begin_step: int = 0
    end_step: int
    per_unit: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        self.count("end_step", self.end_step, least=self.begin_step + 1)

    @property
    def keeps(self) -> tuple[str, ...]:
        """The mask of the last step."""
        return (NAME,)

    def sparsity_at(self, step: int) -> float:
        """Return the sparsity after an update."""
        done = (step - self.begin_step) / (self.end_step - self.begin_step)
        return self.sparsity * min(max(done, 0.0), 1.0)

    def begin(self, view: View) -> Mapping[str, Tensor]:
        """Check that the schedule ends within the training."""
        self.check_end(view, self.end_step)
        return {}

    def __call__(self, view: View, carry: Mapping[str, Tensor]) -> Change:
        """Return the weights with zeros at all but the largest."""
        sparsity = round(self.sparsity_at(view.step), 12)
        mask = {name: self._largest(view.state[name], kept, sparsity) for name, kept in held_mask(view).items()}
        state = {name: view.state[name].where(largest, 0.0) for name, largest in mask.items()} if sparsity else {}
        return Change(state=state, found={NAME: cast(Mask, mask)})

    def _largest(self, weight: Tensor, kept: Tensor, sparsity: float) -> Tensor:
        import torch

        size = weight.abs().where(kept, -1.0).reshape(len(weight), -1)
        rank = size.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
        size = size.masked_fill((rank < self.per_unit) & (size >= 0), torch.inf).flatten()
        count = max(size.numel() - removal_count(sparsity, size.numel()), int(size.isinf().sum()))
        largest = torch.zeros_like(size, dtype=torch.bool)
        largest[size.argsort(descending=True, stable=True)[:count]] = True
        return largest.view(kept.shape) & kept
