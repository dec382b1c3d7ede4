"""Interventions change a training from within, one paper a file; the law tests run over ``ALL``."""

from lotterylab.interventions.early_bird import EarlyBird
from lotterylab.interventions.filters import SameResets
from lotterylab.interventions.gradual import Gradual
from lotterylab.interventions.random_out import RandomOut
from lotterylab.interventions.sparse import RigL, Set

ALL = {
    "random-out": RandomOut,
    "early-bird": EarlyBird,
    "gradual": Gradual,
    "set": Set,
    "rigl": RigL,
}

__all__ = ["ALL", "EarlyBird", "Gradual", "RandomOut", "RigL", "SameResets", "Set"]
