"""How a network is trained, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from lotterylab.errors import UsageError
from lotterylab.words import check_words


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything about a training but the network, the data and the seeds.

    ``optimizer``, ``schedule``: specs of ``training.optim`` and ``training.schedules``; ``augment``, ``stream``: specs
    of
    ``data``.  ``hold``: whether pruned entries are held at zero (the published study did not).
    ``watch``: splits that are evaluated after every epoch.  ``pick``: the split whose accuracy picks the epoch kept as
    "best" (the first of equals), which must be watched; None keeps the final state only.
    ``precision``: part of the result's identity.
    """

    version: ClassVar[int] = 1
    epochs: int
    optimizer: Any
    schedule: Any
    augment: Any
    stream: Any
    batch_size: int = 64
    hold: bool = True
    watch: tuple[Literal["validation", "test"], ...] = ()
    pick: Literal["validation", "test"] | None = None
    precision: Literal["float32"] = "float32"

    def __post_init__(self) -> None:
        check_words(self)
        if self.pick and self.pick not in self.watch:
            raise UsageError(
                f"pick='{self.pick}' needs watch=('{self.pick}',): the epoch is picked from what is watched."
            )
