"""Statistics of a mean over a few seeds: t intervals, paired differences, equivalence.

Equal values have a spread of exactly zero, and nothing is divided by it.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from lotterylab.errors import UsageError
from lotterylab.statistics.student import below, critical, finite, mean_and_sd

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean over seeds with its two-sided t interval.

    One seed has a mean and nothing more: ``low``, ``high`` and ``sd`` are then None.

    Args:
        mean: the mean of the values.
        low: the lower end.
        high: the upper end.
        n: the number of seeds.
        sd: the standard deviation of the values, with n - 1.
        level: the share of such intervals that hold the true mean.

    Examples:
        >>> interval = t_interval([0.91, 0.93, 0.92])
        >>> print(interval)
        0.92 [0.8952, 0.9448], n = 3
        >>> interval.above(0.9), interval.above(0.8)
        (False, True)
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    sd: float | None
    level: float

    def __str__(self) -> str:
        ends = "" if self.low is None else f" [{self.low:.4g}, {self.high:.4g}]"
        return f"{self.mean:.4g}{ends}, n = {self.n}".replace("-", "−")

    def above(self, threshold: float) -> bool:
        """Return whether the whole interval is known and lies above ``threshold``."""
        return self.low is not None and self.low > threshold

    def below(self, threshold: float) -> bool:
        """Return whether the whole interval is known and lies below ``threshold``."""
        return self.high is not None and self.high < threshold


def t_interval(values: Iterable[float], level: float = 0.95) -> Interval:
    """Return the mean of the values with its interval, mean ± t(n - 1) * sd / sqrt(n).

    Args:
        values: one number for each seed.
        level: the level of the interval, between 0 and 1.

    Raises:
        UsageError: there is no value, one is not finite, or the level is not between 0 and 1.

    Examples:
        >>> print(t_interval([0.91, 0.93, 0.92]))
        0.92 [0.8952, 0.9448], n = 3
        >>> print(t_interval([0.91]))
        0.91, n = 1
    """
    values = finite(values)
    if not 0 < level < 1:
        raise UsageError(f"level={level}: a level lies between 0 and 1, commonly 0.95.")
    mean, sd = mean_and_sd(values)
    half = None if sd is None else critical(level, len(values) - 1) * sd / math.sqrt(len(values))
    low, high = (None, None) if half is None else (mean - half, mean + half)
    return Interval(mean=mean, low=low, high=high, n=len(values), sd=sd, level=level)


def differences(a: Mapping[Key, float], b: Mapping[Key, float]) -> list[float]:
    """Return a - b for each seed that both have, in the order of ``a``.

    Args:
        a: seed -> number.
        b: seed -> number.

    Examples:
        >>> differences({0: 0.75, 1: 0.5, 2: 0.5}, {0: 0.5, 1: 0.25})
        [0.25, 0.25]
    """
    return [value - b[seed] for seed, value in a.items() if seed in b]


def paired(a: Mapping[Key, float], b: Mapping[Key, float], level: float = 0.95) -> Interval:
    """Return the t interval of a - b over the seeds that both have.

    Args:
        a: seed -> number.
        b: seed -> number.
        level: the level of the interval, between 0 and 1.

    Raises:
        UsageError: no seed is common to both, or a number is not finite.

    Examples:
        >>> print(paired({0: 0.91, 1: 0.93, 2: 0.92}, {0: 0.90, 1: 0.90, 2: 0.90}))
        0.02 [−0.004841, 0.04484], n = 3
    """
    apart = differences(a, b)
    if not apart:
        raise UsageError("no seed is on both sides, so that nothing is paired: give two dicts from seeds to numbers.")
    return t_interval(apart, level)


def p_value(values: Iterable[float]) -> float | None:
    """Return the two-sided p value of the one-sample t test that the mean is 0.

    Args:
        values: one number for each seed, such as a paired difference.

    Returns:
        The p value; None for one value.  Equal values have 1 at 0, else 0.

    Raises:
        UsageError: there is no value, or one is not finite.

    Examples:
        >>> round(p_value([0.01, 0.03, 0.02]), 4)
        0.0742
    """
    values = finite(values)
    mean, sd = mean_and_sd(values)
    if sd is None:
        return None
    if sd == 0:
        return 1.0 if mean == 0 else 0.0
    return 2 * below(-abs(mean) / (sd / math.sqrt(len(values))), len(values) - 1)


def equivalent(values: Iterable[float], margin: float, alpha: float = 0.05) -> bool:
    """Return whether the mean is shown to lie inside (-margin, margin), by two one-sided t tests at ``alpha``.

    Equivalently, the interval of level 1 - 2 * alpha lies inside.  False means "not shown", never "different".
    [schuirmann1987comparison]

    Args:
        values: one number for each seed, such as a paired difference.
        margin: the largest difference that does not matter, above 0.
        alpha: the level of each of the two tests.

    Raises:
        UsageError: the margin is not above 0, there is no value, or one is not finite.

    Examples:
        >>> equivalent([0.001, -0.002, 0.000, 0.001, -0.001], margin=0.005)
        True
        >>> equivalent([0.03, -0.03, 0.01], margin=0.005)  # not shown
        False
    """
    _check_margin(margin)
    interval = t_interval(values, 1 - 2 * alpha)
    return interval.above(-margin) and interval.below(margin)


def equivalence_p_value(values: Iterable[float], margin: float) -> float | None:
    """Return the larger p value of the two one-sided tests of ``equivalent``.

    Equivalence is shown where it is below alpha.   [schuirmann1987comparison]

    Args:
        values: one number for each seed, such as a paired difference.
        margin: the largest difference that does not matter, above 0.

    Returns:
        The p value; None for one value.  Equal values have 0 inside the margin, else 1.

    Raises:
        UsageError: the margin is not above 0, there is no value, or one is not finite.

    Examples:
        >>> round(equivalence_p_value([0.001, -0.002, 0.000, 0.001, -0.001], margin=0.005), 5)
        0.00059
    """
    _check_margin(margin)
    values = finite(values)
    mean, sd = mean_and_sd(values)
    if sd is None:
        return None
    distance = margin - abs(mean)  # to the nearer edge
    if sd == 0:
        return 0.0 if distance > 0 else 1.0
    return below(-distance / (sd / math.sqrt(len(values))), len(values) - 1)


def _check_margin(margin: float) -> None:
    if not margin > 0:
        raise UsageError(f"margin={margin} must be above 0: no sample shows that a mean is exactly 0.")
