"""lotterylab: find, train, compare, audit and explain sparse subnetworks.

    mask = lotterylab.prune(module, lotterylab.criteria.Magnitude(), 0.9)
    with lotterylab.attach(module, optimizer, mask):
        ...  # your training loop; pruned weights stay exactly zero

Importing the package imports no torch; a name is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# two names that are modules too: bound now, so that the function is what the package shows
from lotterylab.audit import audit
from lotterylab.select import select

if TYPE_CHECKING:
    from lotterylab import criteria
    from lotterylab.library import effective_sparsity, prune, score
    from lotterylab.masks import apply, load_mask, save_mask, sparsity
    from lotterylab.notebook import run_study
    from lotterylab.training.attach import attach
    from lotterylab.user_tickets import tickets

__version__ = "0.1.0"
__all__ = [
    "apply",
    "attach",
    "audit",
    "criteria",
    "effective_sparsity",
    "load_mask",
    "prune",
    "run_study",
    "save_mask",
    "score",
    "select",
    "sparsity",
    "tickets",
]

_HOMES = {
    "apply": "lotterylab.masks",
    "attach": "lotterylab.training.attach",
    "effective_sparsity": "lotterylab.library",
    "load_mask": "lotterylab.masks",
    "prune": "lotterylab.library",
    "run_study": "lotterylab.notebook",
    "save_mask": "lotterylab.masks",
    "score": "lotterylab.library",
    "sparsity": "lotterylab.masks",
    "tickets": "lotterylab.user_tickets",
}


def __getattr__(name: str) -> Any:
    if name == "criteria":
        return import_module("lotterylab.criteria")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'lotterylab' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
