"""Results of a run's interventions: its masks, and the filters that were drawn anew."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from lotterylab.errors import UsageError, unknown
from lotterylab.plan.node import Node


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MaskOf(Node):
    """The mask that a run made: by its interventions, or by its gates.  Its value is a ``Mask``.

    Args:
        of: the run, for the mask at its end, or a step of it.
        name: of a mask that was found and not held; "" is the held one, the run's own mask where no intervention made
            another; "learned" is that of the gates.

    Raises:
        UsageError: the run keeps no mask of that name, or it is asked at the run's beginning.

    Examples:
        >>> import lotterylab as ll
        >>> data, growing = ll.plan.pinned(ll.data.Digits()), ll.interventions.Set(every=10)
        >>> recipe = ll.plan.Recipe(epochs=3, optimizer=ll.plan.Sgd(lr=0.1), during=(growing,))
        >>> run = ll.plan.dense_run(ll.models.Mlp(shape=(1, 8, 8)), data, recipe, seed=0)
        >>> ll.plan.MaskOf(of=run) == ll.plan.MaskOf(of=run.at(30))
        False
    """

    is_mask: ClassVar[bool] = True
    of: Node
    name: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.name and not kept_by(self.run):
            raise UsageError(
                f"the mask '{self.name}' was asked of a run that neither finds nor learns one: its recipe has no gate "
                "and no intervention that keeps a mask."
            )
        if self.name and self.name not in kept_by(self.run):
            raise unknown("mask of a run", self.name, kept_by(self.run))
        if self.name and getattr(self.of, "begins", False):
            raise UsageError(
                f"the mask '{self.name}' was asked at the beginning of a run, where none is found or learned yet. Give "
                "the run, or a later step of it."
            )

    @cached_property
    def run(self) -> Any:
        """The run that made the mask."""
        return getattr(self.of, "run", self.of)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ResetsOf(Node):
    """The filters that ``RandomOut`` drew anew in a run: how many of each layer at each step, for ``SameResets``.

    Args:
        run: the training.

    Examples:
        >>> import lotterylab as ll
        >>> data, drawing = ll.plan.pinned(ll.data.Digits()), ll.interventions.RandomOut()
        >>> recipe = ll.plan.Recipe(epochs=3, optimizer=ll.plan.Sgd(lr=0.1), during=(drawing,))
        >>> run = ll.plan.dense_run(ll.models.ConvN(depth=2, shape=(1, 8, 8)), data, recipe, seed=0)
        >>> control = ll.interventions.SameResets(log=ll.plan.ResetsOf(run=run))
    """

    run: Node


def kept_by(run: Any) -> tuple[str, ...]:
    """The names of the states and masks that the interventions and the gates of a run keep."""
    return run.recipe.keeps
