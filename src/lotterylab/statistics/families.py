"""Several comparisons at once: p values of a family, and one test for all arms together."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from lotterylab.errors import UsageError
from lotterylab.statistics.student import finite

Key = TypeVar("Key", bound=Hashable)


def holm(p_values: Mapping[Key, float], at_once: int | None = None) -> dict[Key, float]:
    """Return the adjusted p values of a family, in the order given.

    The i-th smallest of m is multiplied by m - i + 1, and none may be smaller than the one before it.  A test is
    rejected where its adjusted p value is at most the level of the whole family.   [holm1979simple]

    Args:
        p_values: test -> its own p value.
        at_once: the number of hypotheses that can be true at once, if fewer than all: no factor is larger
            [shaffer1986modified].

    Raises:
        UsageError: a p value is not a number from 0 to 1.

    Examples:
        >>> {name: round(p, 3) for name, p in holm({"a": 0.01, "b": 0.04, "c": 0.03}).items()}
        {'a': 0.03, 'b': 0.06, 'c': 0.06}
    """
    for key, p in p_values.items():
        if p is None or isinstance(p, str) or not 0 <= p <= 1:
            raise UsageError(f"the p value of {key!r} is {p}; a p value is a number from 0 to 1. Leave that test out.")
    most = len(p_values) if at_once is None else at_once
    adjusted: dict[Key, float] = {}
    largest = 0.0
    for rank, key in enumerate(sorted(p_values, key=lambda key: p_values[key])):
        largest = max(largest, min(1.0, min(most, len(p_values) - rank) * p_values[key]))
        adjusted[key] = largest
    return {key: adjusted[key] for key in p_values}


@dataclass(frozen=True, kw_only=True)
class JointTest:
    """A ``JointTest`` is the result of ``repeated_measures``.

    Args:
        f: the F statistic; infinite if the arms differ and nothing else varies.
        arms_df: k - 1 for k arms.
        residual_df: (k - 1)(n - 1) for n seeds.
        p: the p value of "all arms have the same mean".
        sd: the residual standard deviation, what a seed and an arm do not explain.
        span: the largest mean of an arm minus the smallest.
        n: the seeds that all arms have.

    Examples:
        >>> test = repeated_measures({"a": {0: 1.0, 1: 2.0, 2: 4.0}, "b": {0: 2.0, 1: 3.0, 2: 4.0}})
        >>> test.arms_df, test.residual_df, test.n
        (1, 2, 3)
    """

    f: float
    arms_df: int
    residual_df: int
    p: float
    sd: float
    span: float
    n: int


def repeated_measures(arms: Mapping[Hashable, Mapping[Key, float]]) -> JointTest:
    """Return one F test for the differences between all arms, when each seed ran in every arm.

    With x_ij the number of arm i and seed j,

        F = [n sum_i (x_i. - x_..)^2 / (k - 1)] / [sum_ij (x_ij - x_i. - x_.j + x_..)^2 / ((k - 1)(n - 1))].

    It supposes that the differences between any two arms have the same variance (sphericity).  With two arms it is the
    paired t test, F = t^2.   [girden1992anova]

    Args:
        arms: arm -> seed -> number; seeds that an arm lacks are left out of all.

    Raises:
        UsageError: there are fewer than two arms or two common seeds, or a number is not finite.

    Examples:
        >>> test = repeated_measures({
        ...     "reset": {0: 0.70, 1: 0.72, 2: 0.71},
        ...     "rewind": {0: 0.73, 1: 0.74, 2: 0.75},
        ...     "random": {0: 0.60, 1: 0.66, 2: 0.63},
        ... })
        >>> round(test.f, 1), round(test.p, 4), round(test.span, 2)
        (48.5, 0.0016, 0.11)
    """
    every = [dict(values) for values in arms.values()]
    seeds = [seed for seed in every[0] if all(seed in values for values in every)] if every else []
    k, n = len(every), len(seeds)
    if k < 2 or n < 2:
        raise UsageError(f"{k} arms with {n} common seeds: at least 2 arms and 2 seeds are needed.")
    table = [finite(values[seed] for seed in seeds) for values in every]
    of_arm = [math.fsum(row) / n for row in table]
    of_seed = [math.fsum(column) / k for column in zip(*table, strict=True)]
    grand = math.fsum(of_arm) / k
    between = n * math.fsum((mean - grand) ** 2 for mean in of_arm) / (k - 1)
    residual = math.fsum(
        (value - of_arm[i] - of_seed[j] + grand) ** 2 for i, row in enumerate(table) for j, value in enumerate(row)
    )
    df = (k - 1) * (n - 1)
    f, p = _ratio(between, residual / df, k - 1, df, largest=max(map(abs, (value for row in table for value in row))))
    span = max(of_arm) - min(of_arm)
    return JointTest(f=f, arms_df=k - 1, residual_df=df, p=p, sd=math.sqrt(residual / df), span=span, n=n)


def _ratio(between: float, residual: float, arms_df: int, residual_df: int, *, largest: float) -> tuple[float, float]:
    """Return F and p.  A mean square that is only rounding counts as 0."""
    rounding = (8 * math.ulp(largest)) ** 2
    if between <= rounding:
        return 0.0, 1.0
    if residual <= rounding:
        return math.inf, 0.0
    from scipy.special import fdtrc

    return between / residual, float(fdtrc(arms_df, residual_df, between / residual))
