"""Two causes of spread, crossed: how much of the variance each explains."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from lotterylab.errors import UsageError
from lotterylab.statistics.means import Interval
from lotterylab.statistics.student import finite

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, kw_only=True)
class Crossed:
    """A ``Crossed`` is the result of ``crossed``.

    Args:
        rows: the variance that belongs to the row, such as the initialisation; unbiased, so it may be below 0.
        columns: the variance that belongs to the column, such as the data order; unbiased as well.
        rest: the variance of what row and column do not explain, interaction included.
        ratio: the mean square of the rows over that of the columns, with its exact interval.
        p: the two-sided p value of "rows and columns have the same variance".
        n: the number of rows, and of columns.

    Examples:
        >>> crossed({"a": {0: 1.0, 1: 1.2}, "b": {0: 3.0, 1: 3.4}}).shares[0] > 0.9
        True
    """

    rows: float
    columns: float
    rest: float
    ratio: Interval
    p: float
    n: int

    @property
    def shares(self) -> tuple[float, float, float]:
        """Return the shares of rows, columns and rest; a variance below 0 counts as 0."""
        parts = [max(0.0, part) for part in (self.rows, self.columns, self.rest)]
        rows, columns, rest = (part / math.fsum(parts) for part in parts)
        return rows, columns, rest


def crossed(table: Mapping[Any, Mapping[Key, float]], level: float = 0.95) -> Crossed:
    """Return the variance components of a square table with one number for each row and column.

    The model is x_ij = mu + r_i + c_j + e_ij, all three random.  With n rows and n columns the expected mean squares
    are E[MS_r] = s^2 + n s_r^2, E[MS_c] = s^2 + n s_c^2 and E[MS_e] = s^2, so s_r^2 is estimated by (MS_r - MS_e) / n.
    [searle1992variance, section 4.4]

    s_r^2 > s_c^2 exactly if E[MS_r] > E[MS_c].  For normal effects the two mean squares are independent, and their
    ratio over that of their expectations is F with n - 1 and n - 1 degrees of freedom.  That gives the interval of
    the ratio and p.  A bootstrap over n = 6 rows would repeat rows, and its interval is too narrow.

    Args:
        table: row -> column -> number, for as many columns as rows.
        level: the level of the interval, between 0 and 1.

    Raises:
        UsageError: the table has fewer than 2 rows, is not square or lacks a number, a number is not finite, or the
            means of rows or of columns do not vary.

    Examples:
        >>> rows = {"a": (1.0, 2.0, 3.0), "b": (2.0, 3.0, 4.0), "c": (4.0, 5.0, 6.5)}
        >>> found = crossed({name: dict(enumerate(row)) for name, row in rows.items()})
        >>> [round(share, 3) for share in found.shares]
        [0.686, 0.307, 0.007]
        >>> print(found.ratio)
        2.228 [0.05714, 86.91], n = 3
    """
    from scipy.special import fdtrc, fdtri

    every = [dict(row) for row in table.values()]
    n = len(every)
    if n < 2 or any(row.keys() != every[0].keys() for row in every) or len(every[0]) != n:
        sizes = ", ".join(str(len(row)) for row in every)
        raise UsageError(
            f"rows of {sizes or 'no'} numbers: as many rows as columns are needed, at least 2, all filled."
        )
    values = [finite(row[column] for column in every[0]) for row in every]
    of_row = [math.fsum(row) / n for row in values]
    of_column = [math.fsum(column) / n for column in zip(*values, strict=True)]
    grand = math.fsum(of_row) / n
    rows = n * math.fsum((mean - grand) ** 2 for mean in of_row) / (n - 1)
    columns = n * math.fsum((mean - grand) ** 2 for mean in of_column) / (n - 1)
    rest = (
        math.fsum(
            (value - of_row[i] - of_column[j] + grand) ** 2
            for i, row in enumerate(values)
            for j, value in enumerate(row)
        )
        / (n - 1) ** 2
    )
    rounding = (8 * math.ulp(max(abs(value) for row in values for value in row))) ** 2
    if min(rows, columns) <= rounding:
        raise UsageError("the means of the rows or of the columns do not vary: there is no ratio of their spreads.")
    ratio, df = rows / columns, n - 1
    factor = float(fdtri(df, df, (1 + level) / 2))
    return Crossed(
        rows=(rows - rest) / n,
        columns=(columns - rest) / n,
        rest=rest,
        ratio=Interval(mean=ratio, low=ratio / factor, high=ratio * factor, n=n, sd=None, level=level),
        p=min(1.0, 2 * float(fdtrc(df, df, max(ratio, 1 / ratio)))),
        n=n,
    )
