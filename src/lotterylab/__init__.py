"""lotterylab: find, train, compare, audit and explain sparse subnetworks.

    mask = lotterylab.prune(module, lotterylab.criteria.Magnitude(), 0.9)
    with lotterylab.attach(module, optimizer, mask):
        ...  # your training loop; pruned weights stay exactly zero

Importing the package imports no torch; a name is loaded when it is first used.
"""

from typing import TYPE_CHECKING

from lotterylab.homes import ROOMS, offered
from lotterylab.version import __version__

if TYPE_CHECKING:
    from lotterylab import (
        analysis,
        combining,
        criteria,
        data,
        gates,
        interventions,
        masks,
        models,
        plan,
        statistics,
        structure,
    )
    from lotterylab.auditing import audit
    from lotterylab.from_python.studies import run_study
    from lotterylab.from_python.tickets import tickets
    from lotterylab.library import effective_sparsity, prune, score
    from lotterylab.masks.algebra import apply, sparsity
    from lotterylab.masks.files import load_mask, save_mask
    from lotterylab.masks.select import select
    from lotterylab.training.attach import attach

__all__ = [
    "__version__",
    "analysis",
    "apply",
    "attach",
    "audit",
    "combining",
    "criteria",
    "data",
    "effective_sparsity",
    "gates",
    "interventions",
    "load_mask",
    "masks",
    "models",
    "plan",
    "prune",
    "run_study",
    "save_mask",
    "score",
    "select",
    "sparsity",
    "statistics",
    "structure",
    "tickets",
]

__getattr__, _ = offered(
    __name__,
    {
        "lotterylab.masks.algebra": ("apply", "sparsity"),
        "lotterylab.masks.files": ("load_mask", "save_mask"),
        "lotterylab.masks.select": ("select",),
        "lotterylab.training.attach": ("attach",),
        "lotterylab.auditing": ("audit",),
        "lotterylab.library": ("effective_sparsity", "prune", "score"),
        "lotterylab.from_python.studies": ("run_study",),
        "lotterylab.from_python.tickets": ("tickets",),
    },
    rooms=ROOMS,
)


def __dir__() -> list[str]:
    return sorted(__all__)
