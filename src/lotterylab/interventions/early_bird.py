"""Early-Bird tickets: the mask of the largest scales settles early in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from lotterylab.interventions.base import Intervening
from lotterylab.masks.select import select
from lotterylab.types import Mask, Scores, State
from lotterylab.views import Change, View

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class EarlyBird(Intervening):
    """After each epoch a mask removes the channels with the lowest ``|gamma|``, over all norms together; the ticket has
    emerged when the last ``masks`` of them lie within ``distance`` of the newest.   [you2020drawing, algorithm 1]

    The mask is found and not held.  At its emergence the state is kept, as the point of the run and under the name
    ``early-bird-<sparsity>``, and so is the mask, as ``MaskOf(of=run, name=...)``; without an emergence both are those
    of the end, and the record says so.

    Differs from the paper's code: exactly ``sparsity`` of the channels leave, where ``|gamma| > threshold`` removes one
    more, and all of them at the equal scales of the beginning; masks are made at the end of an epoch.

    Args:
        sparsity: p, the share of channels that leave.
        masks: how many masks are compared, the newest with each of the others; the paper's code has 5.
        distance: the largest share of channels in which two of them may differ; 0.1 in the paper.
        relative: count the distance in units of ``2 p (1 - p)``, that of two random masks.
        scores: "scales" of batch norms, or "filters": the L1 norms of the filters of convolutions, for networks
            without norms.
        stop: end the training at the emergence.

    Raises:
        UsageError: a number is out of range; when it begins, the network has no scales or no filters.

    Examples:
        >>> bird = EarlyBird(sparsity=0.5)
        >>> bird.keeps, bird.chance
        (('early-bird-0.5',), 0.5)
    """

    sparsity: float
    masks: int = 5
    distance: float = 0.1
    relative: bool = False
    scores: Literal["scales", "filters"] = "scales"
    stop: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.share("sparsity", self.sparsity, ends=False)
        self.share("distance", self.distance)
        self.count("masks", self.masks, least=2)

    @property
    def name(self) -> str:
        """The name of the kept state and of the mask."""
        return f"early-bird-{self.sparsity:g}"

    @property
    def keeps(self) -> tuple[str, ...]:
        """The state at the emergence, and the mask under the same name."""
        return (self.name,)

    @property
    def chance(self) -> float:
        """The expected distance of two random masks, ``2 p (1 - p)``."""
        return 2 * self.sparsity * (1 - self.sparsity)

    def begin(self, view: View) -> Mapping[str, Tensor]:
        """Return an empty queue of masks, no distances, and -1 for the step of the emergence."""
        import torch

        self.epochs_known(view)
        channels = sum(len(score) for score in self._scores(view).values())
        queue = torch.zeros((self.masks, channels), dtype=torch.bool)
        return {"queue": queue, "distances": torch.zeros(0, dtype=torch.float64), "emerged": torch.tensor(-1)}

    def __call__(self, view: View, carry: Mapping[str, Tensor]) -> Change:
        """At the end of an epoch, return the newest mask and whether the ticket has emerged."""
        import torch

        if view.step % self.epochs_known(view) or carry["emerged"] >= 0:
            return Change()
        mask = select(cast(Scores, self._scores(view)), self.sparsity)
        newest = torch.cat([kept.flatten().cpu() for kept in mask.values()])
        queue = torch.cat([newest[None], carry["queue"][:-1]])
        seen = len(carry["distances"]) + 1
        others = queue[1 : min(seen, self.masks)]
        far = float((others != newest).double().mean(1).max()) if len(others) else 1.0
        emerged = seen >= self.masks and far <= self.distance * (self.chance if self.relative else 1.0)
        distances = torch.cat([carry["distances"], torch.tensor([far], dtype=torch.float64)])
        return Change(
            found={self.name: cast(Mask, mask)},
            kept={self.name: cast(State, dict(view.state))} if emerged or view.step == view.total_steps else {},
            carry={
                "queue": queue,
                "distances": distances,
                "emerged": torch.tensor(view.step if emerged else -1),
            },
            events=({"sparsity": self.sparsity, "distance": far, "chance": self.chance},) if emerged else (),
            stop=emerged and self.stop,
        )

    def summary(self, carry: Mapping[str, Tensor]) -> Mapping[str, Any]:
        """Return the distances by epoch, the step of the emergence (None for never), the limit, and chance."""
        step = int(carry["emerged"])
        limit = self.distance * (self.chance if self.relative else 1.0)
        of_rule = {"step": step if step >= 0 else None, "limit": limit, "chance": self.chance}
        return {self.name: {"distances": carry["distances"].tolist(), **of_rule}}

    def _scores(self, view: View) -> dict[str, Tensor]:
        if self.scores == "filters":
            layers = [name for name in view.names if view.state[name].dim() >= 3]
            found = {name: view.state[name].abs().flatten(1).sum(1) for name in layers}
        else:
            found = {name: view.state[name].abs() for name in view.net.scales}
        if not found:
            what = "convolution" if self.scores == "filters" else "batch norm with scales"
            raise self.refuse(f"the network has no {what}. Use scores='filters' where there are no norms.")
        return found
