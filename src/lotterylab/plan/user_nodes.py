"""Nodes whose work a user's own functions do; procedures build the same plans of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lotterylab.plan.digest import digest
from lotterylab.plan.nodes import Node, Train


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class UserTrain(Train):
    """A training by a user's function.  ``recipe`` holds it and the number of steps; it reads its own data."""

    data: Any = None

    @property
    def data_order(self) -> str:
        """What the function is told of the order: the seed."""
        return digest(self.order_seed)[:16]

    @property
    def steps_per_epoch(self) -> int:
        """The function counts no epochs: all its steps are one."""
        return self.total_steps

    @property
    def total_steps(self) -> int:
        """T, as it was asked for."""
        return self.recipe.steps


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Promises(Node):
    """Whether a user's function keeps its word in the first ``steps`` of ``run``.  Value: none; metrics say it.

    "repeats": two calls from the same state with the same seed give the same bits.  "goes_on": a call that is stopped
    in between and another that goes on give those of one call.
    """

    run: UserTrain
    steps: int = 2
