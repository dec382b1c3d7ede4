"""Student's t, and the check of the values that every test shares.

``scipy.special`` is imported only when a probability is needed, or a quantile that ``OF_95`` lacks: the import takes a
third of the time of ``table``, most of it for array types that are not used here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from lotterylab.errors import UsageError
from lotterylab.formats.text import shown
from lotterylab.homes import as_tuple

# The t of the 95 % interval for 1 to 40 degrees of freedom, as SciPy 1.17 returns it.
OF_95 = (
    12.706204736174694, 4.302652729749462, 3.1824463052837078, 2.7764451051977934, 2.5705818356363146,
    2.4469118511449786, 2.364624251592784, 2.306004135204166, 2.262157162798205, 2.228138851986274,
    2.200985160091639, 2.1788128296672284, 2.1603686564627913, 2.144786687917804, 2.131449545559776,
    2.1199052992212546, 2.1098155778333156, 2.1009220402410382, 2.0930240544083087, 2.085963447265864,
    2.0796138447276795, 2.0738730679040254, 2.0686576104190486, 2.0638985616280245, 2.0595385527532972,
    2.0555294386428735, 2.0518305164802846, 2.0484071417952454, 2.045229642132703, 2.0422724563012378,
    2.039513446396408, 2.0369333434601016, 2.0345152974493383, 2.0322445093177186, 2.030107928250343,
    2.0280940009804502, 2.0261924630291093, 2.0243941639119694, 2.022690920036761, 2.021075390306273
)  # fmt: skip


def finite(values: Iterable[float] | Mapping[Any, float] | float) -> list[float]:
    """Return the values as floats; those of a mapping from seeds, and a single number as a list of one.

    Raises:
        UsageError: there is no value, or one is not a number or not finite.
    """
    if isinstance(values, Mapping):
        values = values.values()
    try:
        numbers = [float(value) for value in as_tuple(values)]
    except (TypeError, ValueError):
        raise UsageError(f"{shown(repr(values), most=80)} was given; give numbers, one for each seed.") from None
    if not numbers:
        raise UsageError("no values: a mean needs at least one. Have the runs finished?")
    if not all(map(math.isfinite, numbers)):
        raise UsageError(f"{numbers} holds a number that is not finite; decide first what a diverged run counts as.")
    return numbers


def mean_and_sd(values: list[float]) -> tuple[float, float | None]:
    """Return mean and standard deviation (with n - 1), without rounding if all values are equal."""
    if min(values) == max(values):
        return values[0], 0.0 if len(values) > 1 else None
    mean = math.fsum(values) / len(values)
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def below(t: float, df: int) -> float:
    """Return the chance that Student's t with ``df`` degrees of freedom lies below ``t``."""
    from scipy.special import stdtr

    return float(stdtr(df, t))


def critical(level: float, df: int) -> float:
    """Return the t whose two-sided interval has the level ``level``."""
    if level == 0.95 and 1 <= df <= len(OF_95):
        return OF_95[df - 1]
    from scipy.special import stdtrit

    return float(stdtrit(df, (1 + level) / 2))
