"""User nodes run a user's own functions, and procedures build the same plans of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from lotterylab.plan.digest import digest
from lotterylab.plan.nodes import At, Data, Node, Train
from lotterylab.protocols import UserRecipe
from lotterylab.words import ADDED_LATER


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class UserTrain(Train):
    """A training by a user's function.  ``recipe`` holds it and the number of steps; it reads its own data."""

    recipe: UserRecipe  # pyright: ignore[reportIncompatibleVariableOverride]
    data: Data | None = None  # pyright: ignore[reportIncompatibleVariableOverride]

    @cached_property
    def data_order(self) -> str:
        """Return the digest of the seed, which is all that the function gets of the order."""
        return digest(self.order_seed)[:16]

    @property
    def steps_per_epoch(self) -> int:
        """Return the number of all steps: the function does not count epochs, so the run is one."""
        return self.total_steps

    @property
    def total_steps(self) -> int:
        """Return T, as requested."""
        return self.recipe.steps


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Promises(Node):
    """``Promises`` checks that a user's functions are reproducible; it has metrics and no value.

    "repeats": two calls of the first ``steps`` from the same state with the same seed give the same bits.  "goes_on": a
    call that is stopped and another that goes on give the bits of one call, in the first steps and, if ``rewound`` is a
    step of the run, from there to the end.  "init_repeats": one seed gives the same initial weights twice.
    "init_varies": another seed gives other initial weights.  "order_varies": another seed gives other bits.
    "eval_repeats": two evaluations of one network give the same numbers.  "judged_in_training": layers that act as in
    training while ``eval_fn`` judges.
    """

    version: ClassVar[int] = 4
    run: UserTrain
    steps: int = 2
    rewound: At | None = field(default=None, metadata=ADDED_LATER)
