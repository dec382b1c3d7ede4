"""The number of seeds that a difference needs."""

from __future__ import annotations

import math

from lotterylab.errors import UsageError
from lotterylab.statistics.means import Interval
from lotterylab.statistics.student import critical

BEYOND_NCT = 100_000  # seeds from which the noncentral t is the normal to five digits, and slow


def power(sd: float, margin: float, n: int, level: float = 0.95) -> float:
    """Return the chance that ``n`` seeds give an interval above 0 if the true mean is ``margin``.

    Exact for normal values, by the noncentral t.

    Args:
        sd: the standard deviation over seeds, such as that of paired differences.
        margin: the true mean, above 0.
        n: the number of seeds, at least 2.
        level: the level of the two-sided interval.

    Raises:
        UsageError: the margin is not above 0, or there are fewer than 2 seeds.

    Examples:
        >>> round(power(sd=0.006, margin=0.01, n=5), 2)
        0.79
    """
    from scipy.special import nctdtr

    _check_margin(margin)
    if n < 2:
        raise UsageError(f"n={n}: an interval needs at least 2 seeds.")
    if sd == 0:
        return 1.0
    return 1 - float(nctdtr(n - 1, margin / sd * math.sqrt(n), critical(level, n - 1)))


def seeds_needed(sd: float, margin: float, level: float = 0.95, power: float = 0.8) -> int:
    """Return the least number of seeds with which a true mean of ``margin`` gives an interval above 0.

    Exact for normal values, by the noncentral t; above a hundred thousand seeds by the normal limit.

    Args:
        sd: the standard deviation over seeds, such as that of paired differences.
        margin: the true mean, above 0.
        level: the level of the two-sided interval.
        power: the chance with which the interval lies above 0.

    Raises:
        UsageError: the margin is not above 0.

    Examples:
        >>> [seeds_needed(sd=0.006, margin=margin) for margin in (0.005, 0.01, 0.02)]
        [14, 6, 3]
    """
    from scipy.special import nctdtr, ndtri

    _check_margin(margin)
    effect = margin / sd if sd else math.inf
    if effect == math.inf:
        return 2
    limit = ((ndtri((1 + level) / 2) + ndtri(power)) / effect) ** 2
    if limit > BEYOND_NCT:
        return math.ceil(limit)
    n = max(2, math.floor(limit))  # the normal limit never asks for too many
    while nctdtr(n - 1, effect * math.sqrt(n), critical(level, n - 1)) > 1 - power:
        n += 1
    return n


def power_note(interval: Interval, margin: float) -> str:
    """Return one sentence on how many seeds would be needed, if the spread at hand is the true one.

    Args:
        interval: the interval of the seeds at hand.
        margin: the difference to be resolved, above 0.

    Raises:
        UsageError: the margin is not above 0.

    Examples:
        >>> from lotterylab.statistics import t_interval
        >>> power_note(t_interval([-1.0, 0.0, 1.0]), 1.0).partition(" would")[0]
        'At this spread (sd 1) about 10 seeds'
    """
    if interval.sd is None:
        return f"One seed has no spread: how many would resolve {margin:g} cannot be said."
    seeds = seeds_needed(interval.sd, margin, interval.level)
    return (
        f"At this spread (sd {interval.sd:.2g}) about {seeds:,} seeds would resolve a difference of {margin:g} on its "
        f"own with 80 % power; these are {interval.n:,}."
    )


def _check_margin(margin: float) -> None:
    if not margin > 0:
        raise UsageError(f"margin={margin} must be above 0: no number of seeds tells 0 from 0.")
