"""Rules that make a state of states and masks, for ``plan.Combine``; the law tests run over ``ALL``."""

from lotterylab.combining.averages import Average
from lotterylab.combining.base import Combining
from lotterylab.combining.constants import Rescaled, SignedConstant
from lotterylab.combining.signs import PermutedMagnitudes, Signs
from lotterylab.combining.zeros import ZeroIfShrunk

ALL = {
    "average": Average,
    "signs": Signs,
    "permuted-magnitudes": PermutedMagnitudes,
    "signed-constant": SignedConstant,
    "rescaled": Rescaled,
    "zero-if-shrunk": ZeroIfShrunk,
}

__all__ = [
    "ALL",
    "Average",
    "Combining",
    "PermutedMagnitudes",
    "Rescaled",
    "SignedConstant",
    "Signs",
    "ZeroIfShrunk",
]
