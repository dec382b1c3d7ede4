"""ReDo recycles units that hardly fire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lotterylab.interventions.base import Periodic, zeroed
from lotterylab.interventions.followers import followers
from lotterylab.views import Change, View

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class ReDo(Periodic):
    """Unit i of a layer is dormant if ``E|h_i| / mean_k E|h_k| <= tau``; every F updates such units are drawn anew.

    Their incoming weights and biases are drawn anew.  Their outgoing weights, and the optimizer state of all of these,
    are set to 0, so that a unit with h = 0 changes no output.  h is the input of the next layer (after activation, norm
    and pooling) in evaluation mode, for the batch of the update just made.   [sokar2023dormant, algorithm 1]

    A layer takes part if it feeds one other layer, which nothing else feeds: all but the last of a chain, and the first
    of each residual block.  Scales and shifts of norms stay.  Differs from the paper: it has a batch of its own.

    Args:
        threshold: tau; 0.025 and 0.1 in the paper.
        every: F, in updates.

    Raises:
        UsageError: a number is out of range; when it begins, there is no batch (as in ``attach``), no way to draw
            weights anew, or no layer that takes part.

    Examples:
        >>> ReDo(threshold=0.1).every
        1000
    """

    least: ClassVar[Mapping[str, float]] = {"every": 1, "threshold": 0}
    threshold: float = 0.025
    every: int = 1000

    def last_change(self, total_steps: int) -> int:
        """Return 0: the mask stays."""
        return 0

    def begin(self, view: View) -> Mapping[str, Tensor]:
        """Return an empty list of steps and units for each layer that takes part."""
        import torch

        if view.batch is None:
            raise self.refuse("it needs the batch of each step, which attach() does not see. Train with a Recipe.")
        if view.fresh is None:
            raise self.refuse("initial weights cannot be drawn anew here. Give fresh=.")
        if view.net.unknown or view.net.computed:
            name = (*view.net.unknown, *view.net.computed)[0]
            raise self.refuse(f"units cannot be followed through '{name}', which is no Conv or Linear layer of torch.")
        if not (layers := followers(view)):
            raise self.refuse("no layer of the network feeds one other layer alone. Use another intervention.")
        return {f"recycled/{name}": torch.zeros((0, 2), dtype=torch.int64) for name in layers}

    def __call__(self, view: View, carry: Mapping[str, Tensor]) -> Change:
        """Return new weights of the dormant units; nothing between two steps."""
        import torch

        if not self.acts_at(view.step, view.steps_per_epoch):
            return Change()
        assert view.fresh
        fresh, state, places, recycled = view.fresh("redo"), {}, {}, {}
        outgoing: dict[str, Tensor] = {}
        for name, (following, activity) in followers(view).items():
            dormant = activity <= self.threshold * activity.mean()
            if not dormant.any():
                continue
            for parameter in (name, f"{name.removesuffix('weight')}bias"):
                if (old := view.state.get(parameter)) is not None:
                    places[parameter] = dormant.view(-1, *[1] * (old.dim() - 1)).expand(old.shape)
                    state[parameter] = fresh[parameter].to(old).where(places[parameter], old)
            weight = view.state[following]
            columns = dormant.view(1, -1, 1).expand(len(weight), -1, weight[0].numel() // len(dormant))
            outgoing[following] = columns.reshape(weight.shape)
            rows = torch.stack([torch.full((int(dormant.sum()),), view.step), dormant.nonzero().flatten().cpu()], dim=1)
            recycled[f"recycled/{name}"] = torch.cat([carry[f"recycled/{name}"], rows])
        for name, columns in outgoing.items():
            state[name] = state.get(name, view.state[name]).masked_fill(columns, 0.0)
            places[name] = columns | places[name] if name in places else columns
        return Change(state=state, optimizer=zeroed(view, places), carry=recycled)

    def summary(self, carry: Mapping[str, Tensor]) -> Mapping[str, Any]:
        """Return "recycled": how many units of each layer were drawn anew."""
        return {"recycled": {name.partition("/")[2]: len(rows) for name, rows in carry.items()}}
