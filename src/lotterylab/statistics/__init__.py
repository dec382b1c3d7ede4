"""Statistics for a few seeds: intervals, paired differences, equivalence, families of tests, spreads, and power.

A value is one number for a seed, already averaged over whatever else varies, because runs that share a seed are not
independent.  The t and F tests suppose that these numbers are roughly normal.
"""

from typing import TYPE_CHECKING

from lotterylab.homes import room
from lotterylab.statistics.crossed import Crossed, crossed
from lotterylab.statistics.families import JointTest, holm, repeated_measures
from lotterylab.statistics.means import (
    Interval,
    differences,
    equivalence_p_value,
    equivalent,
    p_value,
    paired,
    t_interval,
)
from lotterylab.statistics.pairs import McNemar, PitmanMorgan, mcnemar, pitman_morgan, sd_ratio
from lotterylab.statistics.planning import power, power_note, seeds_needed
from lotterylab.statistics.shares import share_interval, share_p_value

__all__ = [
    "Crossed",
    "Interval",
    "JointTest",
    "McNemar",
    "PitmanMorgan",
    "crossed",
    "differences",
    "equivalence_p_value",
    "equivalent",
    "holm",
    "mcnemar",
    "p_value",
    "paired",
    "pitman_morgan",
    "power",
    "power_note",
    "repeated_measures",
    "sd_ratio",
    "seeds_needed",
    "share_interval",
    "share_p_value",
    "t_interval",
]

if not TYPE_CHECKING:
    __getattr__ = room(__name__)
