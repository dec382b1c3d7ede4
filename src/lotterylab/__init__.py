"""lotterylab: find, train, compare, audit and explain sparse subnetworks.

    mask = lotterylab.prune(module, lotterylab.criteria.Magnitude(), 0.9)
    with lotterylab.attach(module, optimizer, mask):
        ...  # your training loop; pruned weights stay exactly zero

Importing the package imports no torch; a name is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lotterylab.version import __version__

if TYPE_CHECKING:
    from lotterylab import criteria
    from lotterylab.asking.notebook import run_study
    from lotterylab.asking.tickets import tickets
    from lotterylab.auditing import audit
    from lotterylab.library import effective_sparsity, prune, score
    from lotterylab.masks.algebra import apply, load_mask, save_mask, sparsity
    from lotterylab.masks.select import select
    from lotterylab.training.attach import attach

__all__ = [
    "__version__",
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
    "apply": "lotterylab.masks.algebra",
    "attach": "lotterylab.training.attach",
    "audit": "lotterylab.auditing",
    "effective_sparsity": "lotterylab.library",
    "load_mask": "lotterylab.masks.algebra",
    "prune": "lotterylab.library",
    "run_study": "lotterylab.asking.notebook",
    "save_mask": "lotterylab.masks.algebra",
    "score": "lotterylab.library",
    "select": "lotterylab.masks.select",
    "sparsity": "lotterylab.masks.algebra",
    "tickets": "lotterylab.asking.tickets",
}


def __getattr__(name: str) -> Any:
    if name == "criteria":
        return import_module("lotterylab.criteria")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'lotterylab' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
