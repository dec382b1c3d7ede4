"""Criteria score weights, one paper a file; the law tests run over ``ALL``."""

from typing import Any

from lotterylab.criteria.custom import CustomCriterion, custom_criterion
from lotterylab.criteria.grasp import Grasp
from lotterylab.criteria.inverted import Inverted
from lotterylab.criteria.magnitude import Magnitude
from lotterylab.criteria.magnitudes import (
    LargeInit,
    LargeInitLargeFinal,
    SmallFinal,
    SmallInit,
    SmallInitSmallFinal,
)
from lotterylab.criteria.movement import MagnitudeIncrease, Movement
from lotterylab.criteria.obd import Obd
from lotterylab.criteria.random import Random, RandomOfSign
from lotterylab.criteria.signs import LargeFinalOfSign, MagnitudeIncreaseOfSign
from lotterylab.criteria.snip import Snip
from lotterylab.criteria.synflow import SynFlow
from lotterylab.criteria.weight_squared_gradient import WeightSquaredGradient
from lotterylab.errors import UsageError

ALL = {
    "magnitude": Magnitude,
    "random": Random,
    "random-of-sign": RandomOfSign,
    "snip": Snip,
    "grasp": Grasp,
    "synflow": SynFlow,
    "movement": Movement,
    "magnitude-increase": MagnitudeIncrease,
    "small-final": SmallFinal,
    "large-init": LargeInit,
    "small-init": SmallInit,
    "large-init-large-final": LargeInitLargeFinal,
    "small-init-small-final": SmallInitSmallFinal,
    "large-final-of-sign": LargeFinalOfSign,
    "magnitude-increase-of-sign": MagnitudeIncreaseOfSign,
    "obd": Obd,
    "weight-squared-gradient": WeightSquaredGradient,
}

__all__ = [
    "ALL",
    "CustomCriterion",
    "Grasp",
    "Inverted",
    "LargeFinalOfSign",
    "LargeInit",
    "LargeInitLargeFinal",
    "Magnitude",
    "MagnitudeIncrease",
    "MagnitudeIncreaseOfSign",
    "Movement",
    "Obd",
    "Random",
    "RandomOfSign",
    "SmallFinal",
    "SmallInit",
    "SmallInitSmallFinal",
    "Snip",
    "SynFlow",
    "WeightSquaredGradient",
    "check_criterion",
    "custom_criterion",
]


def check_criterion(criterion: Any) -> None:
    """Refuse a name or a class where a criterion is asked for.

    Args:
        criterion: what was given.

    Raises:
        UsageError: it is not an object that can be called; the error says what to write instead.

    Examples:
        >>> check_criterion(Magnitude())
        >>> check_criterion("snip")
        Traceback (most recent call last):
        ...
        lotterylab.errors.UsageError: criterion is 'snip'; ... lotterylab.criteria.Snip().
    """
    named = ALL.get(criterion) if isinstance(criterion, str) else criterion
    if named is criterion and not isinstance(criterion, type) and callable(criterion):
        return
    kind = named.__name__ if isinstance(named, type) else "Magnitude"
    raise UsageError(
        f"criterion is {criterion!r}; it must be an object that holds its options: lotterylab.criteria.{kind}()."
    )
