"""Dynamic sparse reparameterization moves weights within and across layers, by one threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, cast

from lotterylab.interventions.base import Periodic, held_mask, random_places, zeroed
from lotterylab.masks.scopes import filled
from lotterylab.types import Mask
from lotterylab.views import Change, View

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Dsr(Periodic):
    """DSR: every P updates all ``|w| < H`` leave, and as many grow at random places.   [mostafa2019parameter, alg. 1]

    The layers share the growth in proportion to the weights that each has left, so that only the number over all layers
    is constant.  H doubles if fewer than ``(1 - d) N`` left, and halves if more than ``(1 + d) N`` did.  A grown weight
    starts at 0 with optimizer state 0, also one that has left at the same step.

    Differs from the paper: N is a share of the active weights, and a layer that has lost all counts as if it had one.

    Args:
        every: P, in updates.
        fraction: N, as a share of the active weights; 0.01 in the authors' code.
        threshold: the first H.
        tolerance: d.

    Raises:
        UsageError: a number is out of range; when it begins, the mask of a training is dense or empty.

    Examples:
        >>> rule = Dsr(threshold=0.1, tolerance=0.1)
        >>> [rule.adapted(0.1, left=left, wanted=100) for left in (50, 100, 150)]
        [0.2, 0.1, 0.05]
    """

    needs_sparse: ClassVar[bool] = True
    least: ClassVar[Mapping[str, float]] = {"every": 1, "threshold": 0}
    shares: ClassVar[tuple[str, ...]] = ("fraction", "tolerance")
    every: int = 100
    fraction: float = 0.01
    threshold: float = 0.001
    tolerance: float = 0.1

    def adapted(self, threshold: float, *, left: int, wanted: float) -> float:
        """Return the threshold after a step at which so many weights left."""
        low, high = (1 - self.tolerance) * wanted, (1 + self.tolerance) * wanted
        return threshold * 2 if left < low else threshold / 2 if left > high else threshold

    def last_change(self, total_steps: int) -> int:
        """Return the last multiple of ``every``."""
        return total_steps // self.every * self.every

    def begin(self, view: View) -> Mapping[str, Tensor]:
        """Return the threshold; the mask has to keep some weights and not all."""
        import torch

        self.check_sparse(view)
        return {"threshold": torch.tensor(self.threshold, dtype=torch.float64)}

    def __call__(self, view: View, carry: Mapping[str, Tensor]) -> Change:
        """Return the mask in which weights changed places, with 0 for all that did not stay."""
        import torch

        if not self.acts_at(view.step, view.steps_per_epoch):
            return Change()
        mask, threshold = held_mask(view), float(carry["threshold"])
        moved = {name: kept & (view.state[name].abs() >= threshold) for name, kept in mask.items()}
        stay = {name: int(kept.sum()) for name, kept in moved.items()}
        active = sum(int(kept.sum()) for kept in mask.values())
        left = active - sum(stay.values())
        adapted = self.adapted(threshold, left=left, wanted=self.fraction * active)
        carried = {"threshold": torch.tensor(adapted, dtype=torch.float64)}
        if not left:
            return Change(carry=carried)
        gone = {name: ~kept for name, kept in moved.items()}
        room = {name: kept.numel() - stay[name] for name, kept in moved.items()}
        for name, count in filled(left, {name: Fraction(max(n, 1)) for name, n in stay.items()}, room).items():
            moved[name] = moved[name] | random_places(view.stream("grow", name), gone[name], count)
        state = {name: view.state[name].masked_fill(places, 0.0) for name, places in gone.items()}
        return Change(mask=cast(Mask, moved), state=state, optimizer=zeroed(view, gone), carry=carried)

    def summary(self, carry: Mapping[str, Tensor]) -> Mapping[str, Any]:
        """Return "dsr_threshold", the last H."""
        return {"dsr_threshold": float(carry["threshold"])}
