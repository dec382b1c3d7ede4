"""How a network is trained, as a value."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from lotterylab.errors import UsageError
from lotterylab.words import ADDED_LATER, check_words


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything about a training but the network, the data and the seeds.

    ``epochs``: whole passes over the data; or 0, where ``steps`` counts optimizer steps instead.
    ``optimizer``, ``schedule``: specs of ``training.optim`` and ``training.schedules``; ``augment``, ``stream``: specs
    of ``data``.  ``hold``: whether pruned entries are held at zero (the published study did not).
    ``watch``: splits that are evaluated after every epoch, or after every ``watch_every`` steps and after the last.
    ``pick``: what picks the moment whose state is kept as "best" (the first of equals): the highest accuracy on a
    watched split, or the lowest loss on validation, the "early-stopping iteration" of [frankle2019lottery]; None keeps
    the final state only.
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
    pick: Literal["validation", "test", "validation-loss"] | None = None
    precision: Literal["float32"] = "float32"
    steps: int | None = field(default=None, metadata=ADDED_LATER)
    watch_every: int | None = field(default=None, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        check_words(self)
        if self.pick and self.picked_split not in self.watch:
            raise UsageError(
                f"pick='{self.pick}' needs watch=('{self.picked_split}',): it is picked from what is watched."
            )
        if self.steps is not None and self.epochs:
            raise UsageError(
                f"epochs={self.epochs} and steps={self.steps} were given: set epochs=0, or leave out steps."
            )
        for name, count in (("epochs", self.epochs), ("steps", self.steps), ("watch_every", self.watch_every)):
            least = 0 if name == "epochs" and self.steps is not None else 1
            if count is not None and count < least:
                raise UsageError(f"{name}={count}: at least {least} is needed.")

    @property
    def picked_split(self) -> str:
        """The split from which ``pick`` picks."""
        return (self.pick or "").removesuffix("-loss")

    def longer(self, times: float) -> Recipe:
        """The same for ``times`` as many epochs or steps, to the nearest one; drops at epochs stay where they are."""
        if self.steps is not None:
            return replace(self, steps=max(1, round(self.steps * times)))
        return replace(self, epochs=max(1, round(self.epochs * times)))

    def total_steps(self, steps_per_epoch: int) -> int:
        """T, the optimizer steps of the whole training."""
        return self.epochs * steps_per_epoch if self.steps is None else self.steps
