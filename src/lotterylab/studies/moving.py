"""The settings of masks that move while a network trains, which the studies share."""

from __future__ import annotations

from lotterylab.interventions import Gradual
from lotterylab.plan.nodes import Train

EVERY, UNTIL, FRACTION = 50, 0.75, 0.3  # of SET and RigL
GROWS_FROM, GROWS_TO = 0.1, 2 / 3  # of the training: gradual pruning


def updates_between(run: Train) -> int:
    """Return the updates between two changes of a mask: ``EVERY``, fewer in a run too short for two of them."""
    first, last = _growing(run)
    return max(1, min(EVERY, (last - first) // 2))


def gradual(run: Train, sparsity: float) -> Gradual:
    """Return the schedule of gradual pruning for a run."""
    first, last = _growing(run)
    every = updates_between(run)
    end = first + max(1, (last - first) // every) * every
    return Gradual(sparsity=sparsity, begin_step=first, end_step=end, every=every, scope="global")


def _growing(run: Train) -> tuple[int, int]:
    """Return the steps from which and up to which the sparsity may grow."""
    return int(GROWS_FROM * run.total_steps), int(GROWS_TO * run.total_steps)
