"""A recipe describes a training as a value."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from lotterylab.data.augment import Augment
from lotterylab.data.streams import NamedStream, Stream
from lotterylab.errors import UsageError
from lotterylab.gates import LEARNED, Gate, check_gate
from lotterylab.interventions import check_interventions
from lotterylab.own_code.arguments import check_value
from lotterylab.training.losses import CrossEntropy, Loss
from lotterylab.training.schedules import Constant, Schedule
from lotterylab.words import ADDED_LATER, check_words


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A recipe holds everything about a training but the network, the data and the seeds.

    Args:
        epochs: whole passes over the data; 0 if ``steps`` is given.
        optimizer: ``Sgd`` or ``Adam``.
        schedule: a spec of ``training.schedules``, which multiplies the base rate in each step.
        augment: a spec of ``data.augment``.
        stream: a spec of ``data.streams``, the order of the images.
        batch_size: images a step.
        hold: keep pruned entries at zero (the published study did not).
        watch: splits that are evaluated after every epoch, or after every ``watch_every`` steps and the last step.
        pick: the rule that picks the "best" state, of equals the first.  A split's name means its highest accuracy;
            "validation-loss" means the lowest loss, the early-stopping iteration of [frankle2019lottery].  None keeps
            the final state only.
        precision: the number type; it is part of a result's name.
        steps: optimizer steps, in place of ``epochs``.
        watch_every: optimizer steps from one evaluation to the next.
        loss: what is minimised, a spec of ``training.losses``; watched losses are cross-entropies in any case.
        during: interventions, specs of ``lotterylab.interventions``, called after each update in this order.
        gate: a spec of ``lotterylab.gates``, which learns a mask in the place of the weights or beside them.

    Raises:
        UsageError: a choice is unknown, a part is not a spec, ``pick`` names no watched split, the length is missing or
            given twice, ``during`` is not a tuple of interventions, ``gate`` is not a gate or stands beside ``pick``.

    Examples:
        >>> from lotterylab.training.optim import Sgd
        >>> recipe = Recipe(epochs=2, optimizer=Sgd(lr=0.1))
        >>> recipe.longer(1.5).total_steps(100)
        300
    """

    version: ClassVar[int] = 1
    epochs: int
    optimizer: Any
    schedule: Schedule = field(default_factory=Constant)
    augment: Augment = field(default_factory=Augment)
    stream: Stream = field(default_factory=NamedStream)
    batch_size: int = 64
    hold: bool = True
    watch: tuple[Literal["validation", "test"], ...] = ()
    pick: Literal["validation", "test", "validation-loss"] | None = None
    precision: Literal["float32"] = "float32"
    steps: int | None = field(default=None, metadata=ADDED_LATER)
    watch_every: int | None = field(default=None, metadata=ADDED_LATER)
    loss: Loss = field(default=CrossEntropy(), metadata=ADDED_LATER)
    during: tuple[Any, ...] = field(default=(), metadata=ADDED_LATER)
    gate: Gate | None = field(default=None, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        check_words(self)
        check_value("optimizer", self.optimizer, "lotterylab.plan.Sgd(lr=...) or lotterylab.plan.Adam(lr=...)")
        check_value("schedule", self.schedule, "a schedule of lotterylab.plan, such as EpochDrops(...)")
        check_value("loss", self.loss, "a loss of lotterylab.plan, such as MeanSquaredError()")
        if self.pick and self.picked_split not in self.watch:
            raise UsageError(
                f"pick='{self.pick}' needs watch=('{self.picked_split}',): only a watched split can pick a state."
            )
        if self.steps is not None and self.epochs:
            raise UsageError(
                f"epochs={self.epochs} and steps={self.steps} were given: set epochs=0, or leave out steps."
            )
        if not isinstance(self.during, tuple):
            raise UsageError(f"during={self.during!r}: give a tuple of interventions, such as during=(RandomOut(),).")
        check_gate(self.gate)
        check_interventions(self.interventions)
        if self.gate and self.pick:
            raise UsageError(
                f"pick='{self.pick}' was given beside a gate, whose mask is the one at the end of the training. Leave "
                "one of them out."
            )
        counts = {"epochs": self.epochs, "steps": self.steps, "watch_every": self.watch_every}
        for name, count in {**counts, "batch_size": self.batch_size}.items():
            least = 0 if name == "epochs" and self.steps is not None else 1
            if count is not None and count < least:
                raise UsageError(f"{name}={count}: at least {least} is needed.")

    @property
    def interventions(self) -> tuple[Any, ...]:
        """The interventions that act: those of the gate, then those of ``during``."""
        return (*(self.gate.during if self.gate else ()), *self.during)

    @property
    def keeps(self) -> tuple[str, ...]:
        """The names of the states and masks that gate and interventions keep."""
        own = (name for intervention in self.interventions for name in intervention.keeps)
        return (*((LEARNED,) if self.gate else ()), *own)

    @property
    def picked_split(self) -> str:
        """The split whose values ``pick`` compares."""
        return (self.pick or "").removesuffix("-loss")

    def longer(self, times: float) -> Recipe:
        """Return the recipe with ``times`` as many epochs or steps, rounded; learning-rate drops keep their epochs."""
        if self.steps is not None:
            return replace(self, steps=max(1, round(self.steps * times)))
        return replace(self, epochs=max(1, round(self.epochs * times)))

    def total_steps(self, steps_per_epoch: int) -> int:
        """Return T, the number of optimizer steps of the whole training."""
        return self.epochs * steps_per_epoch if self.steps is None else self.steps
