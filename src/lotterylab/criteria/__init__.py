"""Criteria: one paper, one file.  ``ALL`` is what the law tests run through."""

from lotterylab.criteria.grasp import Grasp
from lotterylab.criteria.magnitude import Magnitude
from lotterylab.criteria.random import Random, RandomOfSign
from lotterylab.criteria.weight_squared_gradient import WeightSquaredGradient

ALL = {
    "magnitude": Magnitude,
    "random": Random,
    "random-of-sign": RandomOfSign,
    "grasp": Grasp,
    "weight-squared-gradient": WeightSquaredGradient,
}

__all__ = ["ALL", "Grasp", "Magnitude", "Random", "RandomOfSign", "WeightSquaredGradient"]
