"""What a few seeds can say about a mean: t intervals, paired differences, equivalence, families of tests.

Values are one number for each seed, already averaged over whatever else varies: runs that share a seed are not
independent.  Everything rests on Student's t, which supposes that the numbers of the seeds are roughly normal.  Equal
values are a spread of exactly zero, not a division by it.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)

BEYOND_NCT = 100_000  # seeds from which the noncentral t is the normal to five digits, and slow


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean over ``n`` seeds with its two-sided t interval at ``level``.

    One seed has a mean and nothing more: ``low``, ``high`` and ``sd`` (of the seeds, with n - 1) are None.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    sd: float | None
    level: float

    def above(self, threshold: float) -> bool:
        """Whether the whole interval is known and lies above ``threshold``."""
        return self.low is not None and self.low > threshold

    def below(self, threshold: float) -> bool:
        """Whether the whole interval is known and lies below ``threshold``."""
        return self.high is not None and self.high < threshold


def t_interval(values: Iterable[float], level: float = 0.95) -> Interval:
    """mean -+ t(n - 1) * sd / sqrt(n).

    Raises:
        ValueError: no values, or one that is not finite.
    """
    values = _finite(values)
    if not 0 < level < 1:
        raise ValueError(f"level={level}: a level lies between 0 and 1, commonly 0.95.")
    mean, sd = _mean_and_sd(values)
    half = None if sd is None else _critical(level, len(values)) * sd / math.sqrt(len(values))
    low, high = (None, None) if half is None else (mean - half, mean + half)
    return Interval(mean=mean, low=low, high=high, n=len(values), sd=sd, level=level)


def differences(a: Mapping[Key, float], b: Mapping[Key, float]) -> list[float]:
    """a - b for each seed that both have, in the order of ``a``."""
    return [value - b[seed] for seed, value in a.items() if seed in b]


def paired(a: Mapping[Key, float], b: Mapping[Key, float], level: float = 0.95) -> Interval:
    """The interval of a - b over the seeds that both have; the others say nothing about a difference.

    Raises:
        ValueError: no seed is common to both.
    """
    return t_interval(differences(a, b), level)


def equivalent(values: Iterable[float], margin: float, alpha: float = 0.05) -> bool:
    """Whether the mean is shown to lie inside (-margin, margin): two one-sided t tests, each at ``alpha``.

    The same as: the interval of level 1 - 2 * alpha lies inside.  False is "not shown", never "different"; one value
    shows nothing.   [schuirmann1987comparison]
    """
    _check_margin(margin)
    interval = t_interval(values, 1 - 2 * alpha)
    return interval.above(-margin) and interval.below(margin)


def equivalence_p_value(values: Iterable[float], margin: float) -> float | None:
    """The larger p value of the two one-sided tests of ``equivalent``: it is below alpha where they show it.

    None for one value.  Equal values: 0 inside the margin, else 1.   [schuirmann1987comparison]
    """
    _check_margin(margin)
    values = _finite(values)
    mean, sd = _mean_and_sd(values)
    if sd is None:
        return None
    distance = margin - abs(mean)  # from the nearer edge
    if sd == 0:
        return 0.0 if distance > 0 else 1.0
    return _below(-distance / (sd / math.sqrt(len(values))), len(values))


def p_value(values: Iterable[float]) -> float | None:
    """Two-sided one-sample t test of "the mean is 0"; None for one value.  Equal values: 1 at 0, else 0."""
    values = _finite(values)
    mean, sd = _mean_and_sd(values)
    if sd is None:
        return None
    if sd == 0:
        return 1.0 if mean == 0 else 0.0
    return 2 * _below(-abs(mean) / (sd / math.sqrt(len(values))), len(values))


def holm(p_values: Mapping[Key, float], at_once: int | None = None) -> dict[Key, float]:
    """Adjusted p values of a family, in the order given: reject where one is below the level of the whole family.

    The i-th smallest of m is multiplied by m - i + 1; none may be smaller than the one before it.   [holm1979simple]
    ``at_once``: how many of the hypotheses can be true at once, if fewer than all: no factor is larger.
    [shaffer1986modified]
    """
    most = len(p_values) if at_once is None else at_once
    adjusted: dict[Key, float] = {}
    largest = 0.0
    for rank, key in enumerate(sorted(p_values, key=lambda key: p_values[key])):
        largest = max(largest, min(1.0, min(most, len(p_values) - rank) * p_values[key]))
        adjusted[key] = largest
    return {key: adjusted[key] for key in p_values}


def seeds_needed(sd: float, margin: float, level: float = 0.95, power: float = 0.8) -> int:
    """The least number of seeds with which a true mean of ``margin`` gives an interval above 0, with chance ``power``.

    Exact for normal values (noncentral t); from a hundred thousand seeds on by the normal limit.
    """
    from scipy.special import nctdtr, ndtri

    if not margin > 0:
        raise ValueError(f"margin={margin} must be above 0: no number of seeds tells 0 from 0.")
    effect = margin / sd if sd else math.inf
    if effect == math.inf:
        return 2
    limit = ((ndtri((1 + level) / 2) + ndtri(power)) / effect) ** 2
    if limit > BEYOND_NCT:
        return math.ceil(limit)
    n = max(2, math.floor(limit))  # the normal limit never asks for too many
    while nctdtr(n - 1, effect * math.sqrt(n), _critical(level, n)) > 1 - power:
        n += 1
    return n


def power_note(interval: Interval, margin: float) -> str:
    """One sentence: how many seeds would be needed, if the spread of those at hand is the true one."""
    if interval.sd is None:
        return f"One seed has no spread: how many would resolve {margin:g} cannot be said."
    seeds = seeds_needed(interval.sd, margin, interval.level)
    return (
        f"At this spread (sd {interval.sd:.2g}) about {seeds:,} seeds would resolve a difference of {margin:g} on its "
        f"own with 80 % power; these are {interval.n:,}."
    )


def _check_margin(margin: float) -> None:
    if not margin > 0:
        raise ValueError(f"margin={margin} must be above 0: no sample shows that a mean is exactly 0.")


def _finite(values: Iterable[float]) -> list[float]:
    found = [float(value) for value in values]
    if not found:
        raise ValueError("no values: a mean needs at least one.")
    if not all(map(math.isfinite, found)):
        raise ValueError(f"{found} holds a number that is not finite; say first what a diverged run counts as.")
    return found


def _mean_and_sd(values: list[float]) -> tuple[float, float | None]:
    """Mean and standard deviation, exactly as they are where all values are equal."""
    if min(values) == max(values):
        return values[0], 0.0 if len(values) > 1 else None
    mean = math.fsum(values) / len(values)
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _below(t: float, n: int) -> float:
    """The chance that Student's t of ``n`` values lies below ``t``."""
    from scipy.special import stdtr

    return float(stdtr(n - 1, t))


def _critical(level: float, n: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(n - 1, (1 + level) / 2))
