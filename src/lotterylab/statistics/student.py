"""Student's t, and the check of the values that every test shares.

``scipy.special`` is imported only when a probability is needed: the import takes half a second, most of it for array
types that are not used here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable


def finite(values: Iterable[float]) -> list[float]:
    """Return the values as floats.

    Raises:
        ValueError: there is no value, or one is not finite.
    """
    numbers = [float(value) for value in values]
    if not numbers:
        raise ValueError("no values: a mean needs at least one.")
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"{numbers} holds a number that is not finite; decide first what a diverged run counts as.")
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
    from scipy.special import stdtrit

    return float(stdtrit(df, (1 + level) / 2))
