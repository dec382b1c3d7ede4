"""Interventions change a training from within, one paper a file; the law tests run over ``ALL``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lotterylab.errors import UsageError, unknown
from lotterylab.homes import room
from lotterylab.interventions.custom import PARTS, CustomIntervention, custom_intervention
from lotterylab.interventions.deep_r import DeepR
from lotterylab.interventions.dsr import Dsr
from lotterylab.interventions.early_bird import EarlyBird
from lotterylab.interventions.filters import SameResets
from lotterylab.interventions.gradual import Gradual
from lotterylab.interventions.random_out import RandomOut
from lotterylab.interventions.redo import ReDo
from lotterylab.interventions.sparse import RigL, Set
from lotterylab.interventions.top_k import TopK

ALL = {
    "random-out": RandomOut,
    "early-bird": EarlyBird,
    "gradual": Gradual,
    "set": Set,
    "rigl": RigL,
    "dsr": Dsr,
    "deep-r": DeepR,
    "top-k": TopK,
    "redo": ReDo,
}

__all__ = [
    "ALL",
    "CustomIntervention",
    "DeepR",
    "Dsr",
    "EarlyBird",
    "Gradual",
    "RandomOut",
    "ReDo",
    "RigL",
    "SameResets",
    "Set",
    "TopK",
    "check_interventions",
    "custom_intervention",
]


# what every run may have under a name
RESERVED = ("start", "best", "final", "state", "optimizer", "mask", "carry", "learned")


def check_interventions(interventions: Any) -> None:
    """Refuse what is not a list of interventions that can act together.

    Args:
        interventions: what was given as ``during``.

    Raises:
        UsageError: it is not a list, an entry is not an object with the methods of an intervention, or two of them
            keep states or masks under one name, or one of them under a name of the run's own.

    Examples:
        >>> check_interventions([RigL(every=10)])
        >>> check_interventions(["rigl"])
        Traceback (most recent call last):
        ...
        lotterylab.errors.UsageError: during has 'rigl'; ... lotterylab.interventions.RigL(...).
    """
    if isinstance(interventions, str) or not isinstance(interventions, Sequence):
        raise UsageError(f"during={interventions!r}: give a list of interventions, such as during=[RandomOut()].")
    for given in interventions:
        if isinstance(given, str) and given not in ALL:
            raise unknown("intervention", given, ALL)
        named = ALL[given] if isinstance(given, str) else given
        if isinstance(named, type) or not all(hasattr(named, part) for part in PARTS):
            kind = named.__name__ if isinstance(named, type) else "RandomOut"
            raise UsageError(
                f"during has {given!r}; it must be an object that holds its options, such as "
                f"lotterylab.interventions.{kind}(...)."
            )
    kept = [(name, type(given).__name__) for given in interventions for name in given.keeps]
    for number, (name, kind) in enumerate(kept):
        if name in RESERVED:
            raise UsageError(f"{kind} keeps '{name}', which is a name of the run's own. Give another name.")
        if other := dict(kept[:number]).get(name):
            raise UsageError(f"{other} and {kind} both keep '{name}' in one run. Leave one out, or use two runs.")


if not TYPE_CHECKING:
    __getattr__ = room(__name__)
