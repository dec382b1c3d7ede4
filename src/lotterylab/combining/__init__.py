"""Rules that make states and masks of others, for ``plan.Combine`` and ``plan.CombineMask``; laws run over ``ALL``."""

from typing import TYPE_CHECKING

from lotterylab.combining.aligned import Aligned
from lotterylab.combining.averages import Average
from lotterylab.combining.base import Combining
from lotterylab.combining.constants import Rescaled, SignedConstant
from lotterylab.combining.signs import PermutedMagnitudes, Signs
from lotterylab.combining.zeros import ZeroIfShrunk
from lotterylab.homes import room

ALL = {
    "aligned": Aligned,
    "average": Average,
    "signs": Signs,
    "permuted-magnitudes": PermutedMagnitudes,
    "signed-constant": SignedConstant,
    "rescaled": Rescaled,
    "zero-if-shrunk": ZeroIfShrunk,
}

__all__ = [
    "ALL",
    "Aligned",
    "Average",
    "Combining",
    "PermutedMagnitudes",
    "Rescaled",
    "SignedConstant",
    "Signs",
    "ZeroIfShrunk",
]

if not TYPE_CHECKING:
    __getattr__ = room(__name__)
