"""Variance components, shares and ratios of spreads, against matrices, SciPy and their own tests."""

from __future__ import annotations

import math
from typing import Any

import numpy
import pytest
import scipy.optimize
import scipy.stats

from lotterylab.statistics import crossed, mcnemar, pitman_morgan, sd_ratio, share_interval, share_p_value


def table(values: numpy.ndarray) -> dict[int, dict[int, float]]:
    return {i: {j: float(value) for j, value in enumerate(row)} for i, row in enumerate(values)}


def some_table(rows: float, columns: float, rest: float, n: int = 6, seed: int = 0) -> numpy.ndarray:
    rng = numpy.random.default_rng(seed)
    effects = rng.normal(0, rows, (n, 1)) + rng.normal(0, columns, (1, n))
    return effects + rng.normal(0, rest, (n, n))


def test_components_are_those_of_the_quadratic_forms_of_projections():
    """The oracle projects the vector of all numbers, so it shares no sums with the table's means."""
    values, n = some_table(0.3, 0.1, 0.2, n=5), 5
    mean, rest = numpy.full((n, n), 1 / n), numpy.eye(n) - 1 / n
    x = values.reshape(-1)
    squares = [float(x @ numpy.kron(a, b) @ x) for a, b in ((rest, mean), (mean, rest), (rest, rest))]
    of_rows, of_columns, error = squares[0] / (n - 1), squares[1] / (n - 1), squares[2] / (n - 1) ** 2
    found = crossed(table(values))
    assert found.rows == pytest.approx((of_rows - error) / n) and found.columns == pytest.approx(
        (of_columns - error) / n
    )
    assert found.rest == pytest.approx(error) and found.ratio.mean == pytest.approx(of_rows / of_columns)
    f: Any = scipy.stats.f(n - 1, n - 1)
    assert found.p == pytest.approx(2 * min(f.sf(of_rows / of_columns), f.cdf(of_rows / of_columns)))


def test_a_table_by_hand():
    """Rows 1, 3 and columns 0, 1 without interaction: MS_r = 4, MS_c = 1, MS_e = 0."""
    found = crossed({"a": {0: 0.5, 1: 1.5}, "b": {0: 2.5, 1: 3.5}})
    assert (found.rows, found.columns, found.rest) == pytest.approx((2.0, 0.5, 0.0)) and found.ratio.mean == 4
    assert found.shares == pytest.approx((0.8, 0.2, 0.0))


def test_components_are_unbiased_and_the_interval_holds_the_ratio_as_often_as_it_says():
    inside, sums, trials = 0, numpy.zeros(3), 1500
    for seed in range(trials):
        found = crossed(table(some_table(0.5, 0.2, 0.4, seed=seed)))
        sums += (found.rows, found.columns, found.rest)
        expected = (0.4**2 + 6 * 0.5**2) / (0.4**2 + 6 * 0.2**2)
        assert found.ratio.low is not None and found.ratio.high is not None
        inside += found.ratio.low < expected < found.ratio.high
    assert sums / trials == pytest.approx((0.25, 0.04, 0.16), rel=0.06)
    assert inside / trials == pytest.approx(0.95, abs=0.02)


def test_the_interval_excludes_1_where_p_is_small_and_turns_with_the_table():
    for seed in range(30):
        values = some_table(0.6, 0.15, 0.1, seed=seed)
        found, turned = crossed(table(values)), crossed(table(values.T))
        assert (found.ratio.above(1) or found.ratio.below(1)) == (found.p < 0.05)
        assert turned.p == pytest.approx(found.p) and turned.rows == pytest.approx(found.columns)
        assert turned.ratio.mean == pytest.approx(1 / found.ratio.mean)
        assert sum(found.shares) == pytest.approx(1)


@pytest.mark.parametrize(
    "broken",
    [{}, {0: {0: 1.0}}, {0: {0: 1.0, 1: 2.0}}, {0: {0: 1.0, 1: 2.0}, 1: {0: 1.0, 2: 3.0}}, {0: {0: 1.0}, 1: {0: 2.0}}],
)
def test_a_table_that_is_not_square_and_full_is_refused(broken):
    with pytest.raises(ValueError, match="as many rows as columns"):
        crossed(broken)


def test_a_table_whose_rows_or_columns_do_not_vary_is_refused():
    with pytest.raises(ValueError, match="do not vary"):
        crossed(table(numpy.full((3, 3), 0.1)))
    with pytest.raises(ValueError, match="do not vary"):
        crossed(table(numpy.array([[0.1, 0.2], [0.1, 0.2]])))
    with pytest.raises(ValueError, match="not finite"):
        crossed(table(numpy.array([[0.1, numpy.nan], [0.1, 0.2]])))


@pytest.mark.parametrize("n", [1, 2, 7, 20])
def test_the_interval_of_a_share_is_scipys_exact_one_and_decides_as_mcnemar(n):
    for count in range(n + 1):
        expected: Any = scipy.stats.binomtest(count, n).proportion_ci(0.95, method="exact")
        found = share_interval(count, n)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
        only = {seed: seed < count for seed in range(n)}
        test = mcnemar(only, {seed: not value for seed, value in only.items()})
        assert (found.above(0.5) or found.below(0.5)) == (test.p < 0.05)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.75])
def test_the_p_value_of_a_share_is_twice_the_smaller_tail_and_small_where_the_interval_excludes_the_share(share):
    n = 12
    terms = [math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(n + 1)]
    for count in range(n + 1):
        found = share_p_value(count, n, share)
        assert found == pytest.approx(min(1, 2 * min(sum(terms[: count + 1]), sum(terms[count:]))))
        interval = share_interval(count, n)
        assert (found < 0.05) == (interval.above(share) or interval.below(share))
    for wrong in ((-1, 3, 0.5), (4, 3, 0.5), (0, 0, 0.5), (1, 2, 1.0)):
        with pytest.raises(ValueError, match="tested against"):
            share_p_value(*wrong)


def test_a_share_needs_a_count_among_some_seeds():
    for count, n in ((-1, 3), (4, 3), (0, 0)):
        with pytest.raises(ValueError, match="a share needs"):
            share_interval(count, n)


def test_the_ends_of_a_ratio_of_spreads_are_where_pitman_and_morgan_have_p_of_5_percent():
    """The interval is found again by inverting the test: scale one arm until p is 0.05."""
    rng = numpy.random.default_rng(2)
    shared = rng.normal(0, 1, 12)
    a, b = (dict(enumerate(shared + rng.normal(0, sd, 12))) for sd in (0.6, 1.4))
    found = sd_ratio(a, b)
    assert found.mean == pytest.approx(numpy.std(list(a.values())) / numpy.std(list(b.values())))

    def beyond(factor: float) -> float:
        return pitman_morgan(a, {seed: value * factor for seed, value in b.items()}).p - 0.05

    low = scipy.optimize.brentq(beyond, 1e-3, found.mean, xtol=1e-12)
    high = scipy.optimize.brentq(beyond, found.mean, 1e3, xtol=1e-12)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-6)
    assert (found.below(1) or found.above(1)) == (pitman_morgan(a, b).p < 0.05)
    back = sd_ratio(b, a)
    assert back.low is not None and back.low == pytest.approx(1 / high)


def test_an_arm_that_does_not_vary_has_no_ratio():
    with pytest.raises(ValueError, match="all equal"):
        sd_ratio({0: 1.0, 1: 1.0, 2: 1.0}, {0: 1.0, 1: 2.0, 2: 4.0})
