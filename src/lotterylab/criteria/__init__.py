"""Criteria score weights, one paper a file; the law tests run over ``ALL``."""

from types import ModuleType
from typing import TYPE_CHECKING, Any

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
from lotterylab.errors import UsageError, nearest
from lotterylab.homes import room

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
    if not isinstance(criterion, type | str | ModuleType) and callable(criterion):
        return
    word = criterion.__name__.rpartition(".")[2] if isinstance(criterion, type | ModuleType) else str(criterion)
    names = {name: kind for kind in ALL.values() for name in (kind.__name__, kind.__name__.lower())} | ALL
    near = names[word] if word in names else next((names[name] for name in nearest(word, names)), Magnitude)
    kind = "class" if isinstance(criterion, type) else "module" if isinstance(criterion, ModuleType) else ""
    given = f"the {kind} {word}" if kind else repr(criterion)
    raise UsageError(
        f"criterion is {given}; it must be an object that holds its options: lotterylab.criteria.{near.__name__}()."
    )


if not TYPE_CHECKING:
    __getattr__ = room(__name__)
