"""Tests of two arms that share their seeds: whether one fails more often, whether one varies more."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from lotterylab.errors import UsageError
from lotterylab.statistics.means import Interval
from lotterylab.statistics.student import below, critical, finite, mean_and_sd

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, kw_only=True)
class McNemar:
    """A ``McNemar`` is the result of ``mcnemar``.

    Args:
        only_a: seeds for which a is true and b is not.
        only_b: seeds for which b is true and a is not.
        n: the seeds that both have.
        p: the exact two-sided p value of "a and b are true equally often".

    Examples:
        >>> mcnemar({0: True, 1: True}, {0: False, 1: True})
        McNemar(only_a=1, only_b=0, n=2, p=1.0)
    """

    only_a: int
    only_b: int
    n: int
    p: float


def mcnemar(a: Mapping[Key, bool], b: Mapping[Key, bool]) -> McNemar:
    """Return McNemar's exact test of two yes-or-no outcomes on the same seeds.

    Seeds on which both agree say nothing.  Under the null hypothesis each other seed is a fair coin, so p is that of
    a two-sided binomial test with probability 1/2.   [mcnemar1947note]

    Args:
        a: seed -> the outcome of the first arm, such as "the ticket beats a random mask by 0.01".
        b: seed -> the outcome of the second arm.

    Raises:
        UsageError: no seed is common to both.

    Examples:
        >>> failed = {seed: seed < 7 for seed in range(10)}
        >>> mended = {seed: seed < 1 for seed in range(10)}
        >>> mcnemar(failed, mended).p  # 6 seeds to 0: 2 / 2^6
        0.03125
    """
    seeds = [seed for seed in a if seed in b]
    if not seeds:
        raise UsageError("no seed is common to both arms: a paired test needs at least one.")
    only_a = sum(bool(a[seed]) and not b[seed] for seed in seeds)
    only_b = sum(bool(b[seed]) and not a[seed] for seed in seeds)
    apart = only_a + only_b
    tail = sum(math.comb(apart, count) for count in range(min(only_a, only_b) + 1))
    return McNemar(only_a=only_a, only_b=only_b, n=len(seeds), p=min(1.0, 2 * tail / 2**apart))


@dataclass(frozen=True, kw_only=True)
class PitmanMorgan:
    """A ``PitmanMorgan`` is the result of ``pitman_morgan``.

    Args:
        sd_a: the standard deviation of a over seeds, with n - 1.
        sd_b: the standard deviation of b.
        n: the seeds that both have.
        p: the two-sided p value of "a and b have the same variance".

    Examples:
        >>> test = pitman_morgan({0: 1.0, 1: 5.0, 2: 9.0, 3: 2.0}, {0: 4.0, 1: 5.0, 2: 5.5, 3: 4.5})
        >>> test.sd_a > test.sd_b, test.n
        (True, 4)
    """

    sd_a: float
    sd_b: float
    n: int
    p: float


def pitman_morgan(a: Mapping[Key, float], b: Mapping[Key, float]) -> PitmanMorgan:
    """Return the test of Pitman and Morgan that two arms on the same seeds have the same variance.

    cov(a + b, a - b) = var(a) - var(b), so the variances are equal if the sum and the difference are not
    correlated.  With r that correlation, t = r sqrt((n - 2) / (1 - r^2)) has n - 2 degrees of freedom.
    [pitman1939note; morgan1939test]

    Args:
        a: seed -> number.
        b: seed -> number.

    Raises:
        UsageError: fewer than 3 seeds are common to both, or a number is not finite.

    Examples:
        >>> plain = {0: 0.71, 1: 0.52, 2: 0.68, 3: 0.44, 4: 0.75, 5: 0.31}
        >>> mended = {0: 0.72, 1: 0.70, 2: 0.73, 3: 0.69, 4: 0.71, 5: 0.70}
        >>> round(pitman_morgan(plain, mended).p, 5)
        7e-05
    """
    seeds = [seed for seed in a if seed in b]
    if len(seeds) < 3:
        raise UsageError(f"{len(seeds)} seeds are common to both arms: this test needs at least 3.")
    first, second = finite(a[seed] for seed in seeds), finite(b[seed] for seed in seeds)
    sums = [x + y for x, y in zip(first, second, strict=True)]
    gaps = [x - y for x, y in zip(first, second, strict=True)]
    (of_sums, sd_sums), (of_gaps, sd_gaps) = mean_and_sd(sums), mean_and_sd(gaps)
    sd_a, sd_b, n = mean_and_sd(first)[1] or 0.0, mean_and_sd(second)[1] or 0.0, len(seeds)
    if not sd_sums or not sd_gaps:  # one arm is the other one moved or turned over
        return PitmanMorgan(sd_a=sd_a, sd_b=sd_b, n=n, p=1.0)
    shared = math.fsum((s - of_sums) * (g - of_gaps) for s, g in zip(sums, gaps, strict=True)) / (n - 1)
    r = max(-1.0, min(1.0, shared / (sd_sums * sd_gaps)))
    p = 0.0 if abs(r) == 1 else 2 * below(-abs(r) * math.sqrt((n - 2) / (1 - r * r)), n - 2)
    return PitmanMorgan(sd_a=sd_a, sd_b=sd_b, n=n, p=p)


def sd_ratio(a: Mapping[Key, float], b: Mapping[Key, float], level: float = 0.95) -> Interval:
    """Return the standard deviation of a over that of b, with the exact interval that belongs to ``pitman_morgan``.

    With w = var(a) / var(b), r the correlation of a and b, and K = 1 + 2 (1 - r^2) t^2 / (n - 2), the interval of the
    ratio of variances is w (K - sqrt(K^2 - 1)) to w (K + sqrt(K^2 - 1)).  It excludes 1 just where
    ``pitman_morgan`` has p < 1 - level.   [pitman1939note, section 4]

    Args:
        a: seed -> number.
        b: seed -> number.
        level: the level of the interval, between 0 and 1.

    Raises:
        UsageError: fewer than 3 seeds are common to both, a number is not finite, or an arm does not vary.

    Examples:
        >>> plain = {0: 0.71, 1: 0.52, 2: 0.68, 3: 0.44, 4: 0.75, 5: 0.31}
        >>> mended = {0: 0.72, 1: 0.70, 2: 0.73, 3: 0.69, 4: 0.71, 5: 0.70}
        >>> print(sd_ratio(mended, plain))
        0.08468 [0.03622, 0.198], n = 6
    """
    test = pitman_morgan(a, b)
    if not test.sd_a or not test.sd_b:
        raise UsageError("the numbers of an arm are all equal: there is no ratio of standard deviations.")
    seeds = [seed for seed in a if seed in b]
    (of_a, _), (of_b, _) = (mean_and_sd([float(arm[seed]) for seed in seeds]) for arm in (a, b))
    shared = math.fsum((a[seed] - of_a) * (b[seed] - of_b) for seed in seeds) / (test.n - 1)
    r = max(-1.0, min(1.0, shared / (test.sd_a * test.sd_b)))
    k = 1 + 2 * (1 - r * r) * critical(level, test.n - 2) ** 2 / (test.n - 2)
    wide, ratio = math.sqrt(k + math.sqrt(k * k - 1)), test.sd_a / test.sd_b  # (K - root)(K + root) = 1
    return Interval(mean=ratio, low=ratio / wide, high=ratio * wide, n=test.n, sd=None, level=level)
