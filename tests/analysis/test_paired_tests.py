"""Joint and paired tests against SciPy, least squares, permutations and sums by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from lotterylab.statistics import (
    differences,
    mcnemar,
    p_value,
    pitman_morgan,
    power,
    repeated_measures,
    seeds_needed,
)

quick = settings(max_examples=40, deadline=None)
numbers = st.integers(-500, 500).map(lambda i: i / 1000)


@quick
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_mcnemar_is_scipys_binomial_test_of_the_seeds_that_disagree(pairs):
    a, b = dict(enumerate(x for x, _ in pairs)), dict(enumerate(y for _, y in pairs))
    found = mcnemar(a, b)
    apart = found.only_a + found.only_b
    expected = scipy.stats.binomtest(found.only_a, apart).pvalue if apart else 1.0
    assert found.p == pytest.approx(expected, rel=1e-12)
    assert (found.only_a, found.only_b) == (sum(x > y for x, y in pairs), sum(y > x for x, y in pairs))
    assert mcnemar(b, a).p == found.p


def test_mcnemar_uses_the_common_seeds_alone():
    assert mcnemar({0: True, 1: True, 9: True}, {0: False, 1: True}).n == 2
    with pytest.raises(ValueError, match="no seed is common"):
        mcnemar({0: True}, {1: True})


@quick
@given(st.lists(st.tuples(numbers, numbers), min_size=4, max_size=10))
def test_pitman_morgan_is_the_correlation_test_of_sums_and_differences(pairs):
    first, second = numpy.array(pairs).T
    sums, gaps = first + second, first - second
    if min(sums.std(), gaps.std()) < 1e-6:
        return
    expected: Any = scipy.stats.pearsonr(sums, gaps)
    found = pitman_morgan(dict(enumerate(first)), dict(enumerate(second)))
    assert found.p == pytest.approx(expected.pvalue, rel=1e-5, abs=1e-9)
    assert (found.sd_a, found.sd_b) == pytest.approx((first.std(ddof=1), second.std(ddof=1)))


def test_pitman_morgan_rejects_equal_variances_of_correlated_arms_as_often_as_it_says():
    rng, rejected, trials = numpy.random.default_rng(3), 0, 2000
    for _ in range(trials):
        shared = rng.normal(0, 1, 8)
        a, b = shared + rng.normal(0, 1, 8), shared + rng.normal(0, 1, 8)
        rejected += pitman_morgan(dict(enumerate(a)), dict(enumerate(b))).p < 0.1
    assert abs(rejected / trials - 0.1) < 3.5 * math.sqrt(0.1 * 0.9 / trials)


def test_pitman_morgan_agrees_with_pairing_sums_and_differences_anew():
    rng = numpy.random.default_rng(3)
    first, second = rng.normal(0, 1.0, 30), rng.normal(0, 0.7, 30)
    sums, gaps = first + second, first - second
    observed = abs(numpy.corrcoef(sums, gaps)[0, 1])
    anew = [abs(numpy.corrcoef(sums, rng.permutation(gaps))[0, 1]) for _ in range(4000)]
    p = pitman_morgan(dict(enumerate(first)), dict(enumerate(second))).p
    assert p == pytest.approx(float(numpy.mean(numpy.array(anew) >= observed)), abs=0.02)


def test_pitman_morgan_at_its_edges():
    a = {0: 0.1, 1: 0.4, 2: 0.2}
    assert pitman_morgan(a, a).p == 1.0
    assert pitman_morgan(a, dict.fromkeys(a, 0.5)).p == pytest.approx(0.0, abs=1e-6)
    with pytest.raises(ValueError, match="needs at least 3"):
        pitman_morgan({0: 1.0, 1: 2.0}, {0: 1.0, 1: 3.0})


@quick
@given(st.data(), st.integers(2, 5), st.integers(2, 6))
def test_the_joint_test_compares_two_least_squares_fits(data, k, n):
    table = numpy.array(data.draw(st.lists(st.lists(numbers, min_size=n, max_size=n), min_size=k, max_size=k)))
    seeds = numpy.tile(numpy.eye(n), (k, 1))
    arms = numpy.repeat(numpy.eye(k), n, axis=0)

    def left(design: Any) -> float:
        fit = numpy.linalg.lstsq(design, table.ravel(), rcond=None)[0]
        return float(((table.ravel() - design @ fit) ** 2).sum())

    without, within = left(seeds), left(numpy.hstack([seeds, arms]))
    if within < 1e-9 or without - within < 1e-9:
        return
    df = (k - 1) * (n - 1)
    f = (without - within) / (k - 1) / (within / df)
    found = repeated_measures({i: dict(enumerate(row)) for i, row in enumerate(table.tolist())})
    assert found.f == pytest.approx(f, rel=1e-6)
    assert found.p == pytest.approx(scipy.stats.f.sf(f, k - 1, df), rel=1e-6)
    assert found.sd == pytest.approx(math.sqrt(within / df))
    assert found.span == pytest.approx(numpy.ptp(table.mean(1)))


@quick
@given(st.lists(st.tuples(numbers, numbers), min_size=3, max_size=8))
def test_the_joint_test_of_two_arms_is_the_paired_t_test(pairs):
    a, b = dict(enumerate(x for x, _ in pairs)), dict(enumerate(y for _, y in pairs))
    gaps = differences(a, b)
    if max(gaps) - min(gaps) < 1e-9 or abs(sum(gaps)) < 1e-9:
        return
    assert repeated_measures({"a": a, "b": b}).p == pytest.approx(p_value(gaps), rel=1e-6)


def test_the_joint_test_by_hand():
    # arms 1, 2, 3 and 3, 2, 4: means 2 and 3, grand mean 2.5; between 3 (0.25 + 0.25) / 1 = 1.5
    # differences -2, 0, -1, mean -1: residual sum of squares (1 + 1 + 0) / 2 = 1, with 2 degrees of freedom
    found = repeated_measures({"a": {0: 1, 1: 2, 2: 3}, "b": {0: 3, 1: 2, 2: 4}})
    assert (found.f, found.arms_df, found.residual_df, found.span, found.n) == (pytest.approx(3.0), 1, 2, 1.0, 3)
    assert found.sd == pytest.approx(math.sqrt(0.5))


def test_the_joint_test_at_its_edges():
    same = {"a": {0: 0.1, 1: 0.3}, "b": {0: 0.1, 1: 0.3}}
    assert (repeated_measures(same).f, repeated_measures(same).p) == (0.0, 1.0)
    moved = {"a": {0: 0.1, 1: 0.3}, "b": {0: 0.2, 1: 0.4}}
    assert (repeated_measures(moved).f, repeated_measures(moved).p) == (math.inf, 0.0)
    assert repeated_measures({"a": {0: 1, 1: 2, 2: 9}, "b": {1: 3, 0: 1}}).n == 2
    for arms in ({}, {"a": {0: 1, 1: 2}}, {"a": {0: 1, 1: 2}, "b": {0: 1}}):
        with pytest.raises(ValueError, match="at least 2 arms and 2 seeds"):
            repeated_measures(arms)
    with pytest.raises(ValueError, match="not finite"):
        repeated_measures({"a": {0: 1, 1: math.nan}, "b": {0: 1, 1: 2}})


def test_power_is_the_share_of_samples_whose_interval_lies_above_zero():
    values = numpy.random.default_rng(5).normal(0.01, 0.006, (40_000, 5))
    t = values.mean(1) / (values.std(1, ddof=1) / math.sqrt(5))
    assert power(0.006, 0.01, 5) == pytest.approx((t > scipy.stats.t.ppf(0.975, 4)).mean(), abs=0.01)


def test_the_seeds_needed_are_the_first_with_the_power():
    n = seeds_needed(0.006, 0.005)
    assert power(0.006, 0.005, n) >= 0.8 > power(0.006, 0.005, n - 1)
    assert power(0.0, 0.01, 2) == 1.0
    with pytest.raises(ValueError, match="at least 2 seeds"):
        power(0.1, 0.1, 1)
    with pytest.raises(ValueError, match="above 0"):
        power(0.1, 0.0, 5)
