"""What is measured on finished states."""

from lotterylab.analysis.dead_units import DeadUnits
from lotterylab.analysis.distance import Distances
from lotterylab.analysis.overlap import Overlap

__all__ = ["DeadUnits", "Distances", "Overlap"]
