"""Criteria: one paper, one file.  ``ALL`` is what the law tests run through."""

from lotterylab.criteria.grasp import Grasp
from lotterylab.criteria.inverted import Inverted
from lotterylab.criteria.magnitude import Magnitude
from lotterylab.criteria.movement import MagnitudeIncrease, Movement
from lotterylab.criteria.random import Random, RandomOfSign
from lotterylab.criteria.snip import Snip
from lotterylab.criteria.synflow import SynFlow
from lotterylab.criteria.weight_squared_gradient import WeightSquaredGradient

ALL = {
    "magnitude": Magnitude,
    "random": Random,
    "random-of-sign": RandomOfSign,
    "snip": Snip,
    "grasp": Grasp,
    "synflow": SynFlow,
    "movement": Movement,
    "magnitude-increase": MagnitudeIncrease,
    "weight-squared-gradient": WeightSquaredGradient,
}

__all__ = [
    "ALL",
    "Grasp",
    "Inverted",
    "Magnitude",
    "MagnitudeIncrease",
    "Movement",
    "Random",
    "RandomOfSign",
    "Snip",
    "SynFlow",
    "WeightSquaredGradient",
]
