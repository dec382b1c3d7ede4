"""Deep rewiring gives each connection a sign that never changes, and rewires those that would cross 0."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from lotterylab.interventions.base import Intervening, held_mask, random_places, zeroed
from lotterylab.types import Mask
from lotterylab.views import Change, View

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class DeepR(Intervening):
    """Deep-R: ``w = s theta`` with a fixed sign s; a connection with theta < 0 goes dormant.   [bellec2018deep, alg. 1]

        theta <- theta - eta dE/dtheta - eta alpha + sqrt(2 eta T) nu,   nu ~ N(0, 1)

    The recipe's optimizer makes the gradient's part of the update (plain SGD in the formula), and eta is its rate at
    that step.  For each connection that went, a random dormant one of any layer starts at theta = 0 with optimizer
    state 0, so that the number over all layers is constant.

    Differs from the paper: an active weight has the sign of its initial value; the signs of the others are random.

    Args:
        alpha: of the L1 penalty.
        temperature: T, of the noise.
        until: the share of the training after which the mask stays and signs are free.

    Raises:
        UsageError: a number is out of range; when it begins, the mask of a training is dense or empty, or parameters
            have different learning rates.

    Examples:
        >>> DeepR(alpha=1e-4).temperature
        0.0
    """

    needs_sparse: ClassVar[bool] = True
    least: ClassVar[Mapping[str, float]] = {"alpha": 0, "temperature": 0}
    shares: ClassVar[tuple[str, ...]] = ("until",)
    alpha: float = 1e-5
    temperature: float = 0.0
    until: float = 1.0

    def last_change(self, total_steps: int) -> int:
        """Return the last step before the mask stays."""
        return math.floor(self.until * total_steps)

    def begin(self, view: View) -> Mapping[str, Tensor]:
        """Return for each weight whether its sign is positive; the mask has to keep some weights and not all."""
        import torch

        self.end_known(view)
        self.check_sparse(view)
        self.rate_known(view)
        positive = {}
        for name in held_mask(view):
            weight = view.state[name].cpu()
            drawn = torch.from_numpy(view.stream("sign", name).random(weight.numel()) < 0.5).view(weight.shape)
            positive[f"positive/{name}"] = (weight > 0).where(weight != 0, drawn)
        return positive

    def __call__(self, view: View, carry: Mapping[str, Tensor]) -> Change:
        """Return the weights after penalty and noise, and the mask in which dormant connections took places."""
        import torch

        if view.step > self.until * self.end_known(view):
            return Change()
        rate, state, gone = self.rate_known(view), {}, {}
        for name, kept in held_mask(view).items():
            weight = view.state[name]
            sign = carry[f"positive/{name}"].to(weight).mul(2).sub(1)
            theta = sign * weight - rate * self.alpha
            if self.temperature:
                noise = torch.from_numpy(view.stream("noise", name).standard_normal(weight.numel()))
                theta += math.sqrt(2 * rate * self.temperature) * noise.view(weight.shape).to(weight)
            gone[name] = ~(kept & (theta >= 0))
            state[name] = (sign * theta).masked_fill(gone[name], 0.0)
        dormant = torch.cat([inactive.flatten() for inactive in gone.values()])
        active = sum(int(kept.sum()) for kept in held_mask(view).values())
        went = active - int((~dormant).sum())
        if not went:
            return Change(state=state)
        kept = ~dormant | random_places(view.stream("grow"), dormant, went)
        parts = kept.split([inactive.numel() for inactive in gone.values()])
        mask = {name: part.view(gone[name].shape) for name, part in zip(gone, parts, strict=True)}
        return Change(state=state, mask=cast(Mask, mask), optimizer=zeroed(view, gone))
