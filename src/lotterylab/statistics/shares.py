"""The share of seeds for which something is true, with its exact interval."""

from __future__ import annotations

from lotterylab.errors import UsageError
from lotterylab.statistics.means import Interval


def share_interval(count: int, n: int, level: float = 0.95) -> Interval:
    """Return ``count / n`` with the exact interval of Clopper and Pearson.   [clopper1934use]

    The interval excludes 1/2 just where the two-sided binomial test of ``mcnemar`` has p < 1 - level.

    Args:
        count: the seeds for which it is true, from 0 to n.
        n: all seeds.
        level: the level of the interval, between 0 and 1.

    Raises:
        UsageError: the count is not from 0 to n, or n is 0.

    Examples:
        >>> print(share_interval(0, 20))  # never in 20 seeds: in at most 17 % of all
        0 [0, 0.1684], n = 20
        >>> share_interval(0, 6).below(0.5), share_interval(0, 5).below(0.5)
        (True, False)
    """
    from scipy.special import betaincinv

    if not 0 <= count <= n or n < 1:
        raise UsageError(f"{count} of {n} seeds: a share needs a count from 0 to n, and at least one seed.")
    tail = (1 - level) / 2
    low = 0.0 if count == 0 else float(betaincinv(count, n - count + 1, tail))
    high = 1.0 if count == n else float(betaincinv(count + 1, n - count, 1 - tail))
    return Interval(mean=count / n, low=low, high=high, n=n, sd=None, level=level)


def share_p_value(count: int, n: int, share: float) -> float:
    """Return the two-sided exact p value of "the share of all seeds is ``share``": twice the smaller binomial tail.

    It is below ``1 - level`` just where ``share_interval`` excludes the share.   [clopper1934use]

    Args:
        count: the seeds for which it is true, from 0 to n.
        n: all seeds.
        share: the tested share, between 0 and 1.

    Raises:
        UsageError: the count is not from 0 to n, n is 0, or the share is not between 0 and 1.

    Examples:
        >>> round(share_p_value(6, 6, 0.5), 6)  # 2 / 2**6
        0.03125
        >>> share_p_value(15, 30, 0.5)
        1.0
    """
    from scipy.special import bdtr, bdtrc

    if not 0 <= count <= n or n < 1 or not 0 < share < 1:
        raise UsageError(
            f"{count} of {n} seeds, tested against {share:g}: a count is from 0 to n, a share within 0..1."
        )
    at_most, at_least = bdtr(count, n, share), bdtrc(count - 1, n, share) if count else 1.0
    return min(1.0, 2 * float(min(at_most, at_least)))
