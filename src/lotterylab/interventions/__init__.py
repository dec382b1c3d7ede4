"""Interventions change a training from within, one paper a file; the law tests run over ``ALL``."""

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

__all__ = ["ALL", "DeepR", "Dsr", "EarlyBird", "Gradual", "RandomOut", "ReDo", "RigL", "SameResets", "Set", "TopK"]
