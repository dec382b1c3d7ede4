"""Early-Bird tickets: the mask of the largest scales settles early in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from lotterylab.interventions.base import Intervening
from lotterylab.masks.pairs import differing
from lotterylab.masks.select import select
from lotterylab.types import Mask, Scores, State
from lotterylab.views import Change, View
from lotterylab.words import ADDED_LATER

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class EarlyBird(Intervening):
    """After each epoch a mask removes the channels with the lowest ``|gamma|``, over all norms together; the ticket has
    emerged when the last ``masks`` of them lie within ``distance`` of the newest.   [you2020drawing, algorithm 1]

    The mask is found and not held.  At its emergence the state is kept, as the point of the run and under the name
    ``early-bird-<sparsity>``, and so is the mask, as ``MaskOf(of=run, name=...)``; without an emergence both are those
    of the end, and the record says so.  If the training goes on, ``newest-<sparsity>`` are those of the end.

    Differs from the paper's code: exactly ``sparsity`` of the channels leave, where ``|gamma| > threshold`` removes one
    more, and all of them at the equal scales of the beginning; masks are made at the end of an epoch.

    Args:
        sparsity: p, the share of channels that leave.
        masks: how many masks are compared, the newest with each of the others; the paper's code has 5.
        distance: the largest share of channels in which two of them may differ; 0.1 in the paper.
        relative: count the distance in units of ``2 p (1 - p)``, that of two random masks.
        scores: "scales" of batch norms, or "filters": the L1 norms of the filters of convolutions, for networks
            without norms.
        scope: "global", all channels compared, as in the paper; "layerwise", the same share of each layer, for scores
            whose size depends on the layer, as those of filters do.
        stop: end the training at the emergence; False goes on, so that several sparsities share one training and the
            masks of all epochs can be compared.

    Raises:
        UsageError: a number is out of range; when it begins, the network has no scales or no filters.

    Examples:
        >>> bird = EarlyBird(sparsity=0.5)
        >>> bird.keeps, bird.chance
        (('early-bird-0.5',), 0.5)
    """

    version: ClassVar[int] = 2  # 1 compared no masks after the emergence
    sparsity: float
    masks: int = 5
    distance: float = 0.1
    relative: bool = False
    scores: Literal["scales", "filters"] = "scales"
    stop: bool = True
    scope: Literal["global", "layerwise"] = field(default="global", metadata=ADDED_LATER)

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
    def newest(self) -> str:
        """The name of the state and the mask of the end, where the training goes on after the emergence."""
        return f"newest-{self.sparsity:g}"

    @property
    def keeps(self) -> tuple[str, ...]:
        """The state and the mask of the emergence, and those of the end where the training goes on."""
        return (self.name,) if self.stop else (self.name, self.newest)

    @property
    def may_stop(self) -> bool:
        """Return whether it ends the training at the emergence."""
        return self.stop

    @property
    def chance(self) -> float:
        """The expected distance of two random masks, ``2 p (1 - p)``."""
        return 2 * self.sparsity * (1 - self.sparsity)

    @property
    def limit(self) -> float:
        """The largest distance of settled masks, a share of the channels."""
        return self.distance * (self.chance if self.relative else 1.0)

    def last_change(self, total_steps: int) -> int:
        """Return 0: the mask that is held stays."""
        return 0

    def acts_at(self, step: int, steps_per_epoch: int | None) -> bool:
        """Return whether an epoch ends."""
        return steps_per_epoch is None or step % steps_per_epoch == 0

    def begin(self, view: View) -> Mapping[str, Tensor]:
        """Return no masks, and -1 for the step of the emergence."""
        import torch

        self.epochs_known(view)
        channels = sum(len(score) for score in self._scores(view).values())
        return {"masks": torch.zeros((0, channels), dtype=torch.bool), "emerged": torch.tensor(-1)}

    def __call__(self, view: View, carry: Mapping[str, Tensor]) -> Change:
        """At the end of an epoch, return the newest mask and whether the ticket has emerged."""
        import torch

        self.epochs_known(view)
        if not self.acts_at(view.step, view.steps_per_epoch):
            return Change()
        mask = cast(Mask, select(cast(Scores, self._scores(view)), self.sparsity, scope=self.scope))
        masks = torch.cat([carry["masks"], torch.cat([kept.flatten().cpu() for kept in mask.values()])[None]])
        before = bool(carry["emerged"] >= 0)
        far = self._distances(masks[-self.masks :])[-1]
        emerged = not before and len(masks) >= self.masks and far <= self.limit
        ends = view.step == view.total_steps
        names = [self.name] if emerged or (ends and not before) else []
        names += [self.newest] if ends and not self.stop else []
        found = [*([] if before else [self.name]), *([] if self.stop else [self.newest])]
        return Change(
            found=dict.fromkeys(found, mask),
            kept=dict.fromkeys(names, cast(State, dict(view.state))),
            carry={"masks": masks, "emerged": torch.tensor(view.step) if emerged else carry["emerged"]},
            events=({"sparsity": self.sparsity, "distance": far, "chance": self.chance},) if emerged else (),
            stop=emerged and self.stop,
        )

    def summary(self, carry: Mapping[str, Tensor]) -> Mapping[str, Any]:
        """Return the distances by epoch, the step of the emergence (None for never), the limit, and chance.

        "differing" has, for each epoch, the number of the "entries" (channels) in which its mask differs from that of
        each earlier epoch.
        """
        step, masks = int(carry["emerged"]), carry["masks"]
        return {
            self.name: {
                "distances": self._distances(masks),
                "step": step if step >= 0 else None,
                "limit": self.limit,
                "chance": self.chance,
                **differing(masks),
            }
        }

    def _distances(self, masks: Tensor) -> list[float]:
        """Return, for each mask, the largest distance to those of the ``masks - 1`` epochs before it; 1 at first."""
        pairs = differing(masks)
        recent = (row[-(self.masks - 1) :] for row in pairs["differing"])
        return [max(row) / pairs["entries"] if row else 1.0 for row in recent]

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
