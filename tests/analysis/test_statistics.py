from __future__ import annotations

import math
from typing import Any

import numpy
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from lotterylab.statistics import (
    Interval,
    differences,
    equivalence_p_value,
    equivalent,
    holm,
    p_value,
    paired,
    power_note,
    seeds_needed,
    t_interval,
)
from lotterylab.statistics.student import OF_95, critical

quick = settings(max_examples=40, deadline=None)
accuracies = st.lists(st.integers(-500, 500).map(lambda i: i / 1000), min_size=2, max_size=8)
spread_out = accuracies.filter(lambda values: len(set(values)) > 1)


@quick
@given(spread_out, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_the_interval_is_scipys(values, level):
    n, mean, error = len(values), numpy.mean(values), scipy.stats.sem(values)
    low, high = scipy.stats.t.interval(level, n - 1, loc=mean, scale=error)
    ours = t_interval(values, level)
    assert (ours.mean, ours.low, ours.high) == pytest.approx((mean, low, high), abs=1e-12)
    assert (ours.n, ours.level, ours.sd) == (n, level, pytest.approx(numpy.std(values, ddof=1)))


def test_the_quantiles_that_are_kept_are_scipys():
    degrees = numpy.arange(1, len(OF_95) + 1)
    assert pytest.approx(scipy.stats.t.ppf(0.975, degrees), rel=1e-12) == OF_95
    assert pytest.approx(scipy.stats.t.cdf(OF_95, degrees), abs=1e-12) == numpy.full(len(OF_95), 0.975)


@pytest.mark.parametrize("df", [1, len(OF_95), len(OF_95) + 1])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_a_quantile_is_scipys_whether_it_is_kept_or_not(level, df):
    assert critical(level, df) == pytest.approx(scipy.stats.t.ppf((1 + level) / 2, df), rel=1e-12)


@quick
@given(spread_out)
def test_the_p_value_is_scipys_one_sample_t_test(values):
    expected: Any = scipy.stats.ttest_1samp(values, 0)
    assert p_value(values) == pytest.approx(expected.pvalue, rel=1e-9)


@quick
@given(spread_out, st.data())
def test_paired_is_scipys_related_t_test(a, data):
    b = data.draw(st.lists(st.integers(-500, 500).map(lambda i: i / 1000), min_size=len(a), max_size=len(a)))
    left, right = dict(enumerate(a)), dict(enumerate(b))
    found = differences(left, right)
    if max(found) - min(found) < 1e-9:
        return  # no spread, or only one of rounding: SciPy warns of lost precision
    expected = scipy.stats.ttest_rel(a, b)
    limits = expected.confidence_interval(0.95)
    ours = paired(left, right)
    assert (ours.low, ours.high) == pytest.approx((limits.low, limits.high), abs=1e-12)
    assert p_value(found) == pytest.approx(expected.pvalue, rel=1e-6)


def test_paired_leaves_out_seeds_that_one_side_lacks():
    interval = paired({42: 0.5, 43: 0.75, 44: 9.0}, {43: 0.5, 42: 0.25, 45: -9.0})
    assert (interval.mean, interval.n) == (0.25, 2)
    with pytest.raises(ValueError, match="no seed is on both sides"):
        paired({42: 0.5}, {43: 0.5})


@quick
@given(spread_out, st.integers(1, 500).map(lambda i: i / 1000 + 1e-5), st.sampled_from([0.05, 0.1]))
def test_equivalence_is_two_one_sided_t_tests(values, margin, alpha):
    above: Any = scipy.stats.ttest_1samp(values, -margin, alternative="greater")
    below: Any = scipy.stats.ttest_1samp(values, margin, alternative="less")
    larger = max(above.pvalue, below.pvalue)
    assert equivalence_p_value(values, margin) == pytest.approx(larger, rel=1e-6, abs=1e-12)
    if abs(larger - alpha) > 1e-9:
        assert equivalent(values, margin, alpha) == (larger < alpha)


def test_equivalence_by_hand():
    # mean 0.01, sd 0.00707, standard error 0.00316, t(0.95; 4) = 2.132: the 90 % interval is 0.01 -+ 0.00674
    values = [0.01, 0.00, 0.02, 0.01, 0.01]
    assert t_interval(values, 0.9).high == pytest.approx(0.01674, abs=1e-5)
    assert equivalent(values, 0.0168) and not equivalent(values, 0.0167)


def test_not_shown_equal_is_not_different():
    wide = [-0.05, 0.05, 0.0]
    assert not equivalent(wide, 0.02)
    assert not t_interval(wide).above(0) and not t_interval(wide).below(0)


@pytest.mark.parametrize("value", [0.1, 0.0, -0.7])
def test_equal_values_have_an_interval_of_no_width(value):
    interval = t_interval([value] * 7)
    assert interval == Interval(mean=value, low=value, high=value, n=7, sd=0.0, level=0.95)
    assert p_value([value] * 7) == (0.0 if value else 1.0)
    assert equivalent([value] * 7, 0.11) == (abs(value) < 0.11)
    assert not equivalent([0.1] * 7, 0.1)  # the margin itself is outside
    assert equivalence_p_value([value] * 7, 0.11) == (0.0 if abs(value) < 0.11 else 1.0)


def test_one_seed_has_a_mean_and_nothing_else():
    interval = t_interval([0.3])
    assert interval == Interval(mean=0.3, low=None, high=None, n=1, sd=None, level=0.95)
    assert not interval.above(-1) and not interval.below(1)
    assert p_value([0.3]) is None and equivalence_p_value([0.3], 1.0) is None and not equivalent([0.0], 1.0)
    assert "cannot be said" in power_note(interval, 0.02)


@pytest.mark.parametrize("values", [[], [0.1, math.nan], [math.inf]])
def test_no_number_is_refused(values):
    for function in (t_interval, p_value):
        with pytest.raises(ValueError, match=r"no values|not finite"):
            function(values)


def test_margin_and_level_are_checked():
    with pytest.raises(ValueError, match="above 0"):
        equivalent([0.0, 0.0], 0.0)
    with pytest.raises(ValueError, match="above 0"):
        seeds_needed(0.1, 0.0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        t_interval([0.0, 0.1], 95)


def test_holm_by_hand():
    # sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1 = 0.04, 0.06, 0.06, 0.04; none below the one before
    adjusted = holm({"c": 0.03, "a": 0.01, "d": 0.04, "b": 0.02})
    assert list(adjusted) == ["c", "a", "d", "b"]
    assert adjusted == pytest.approx({"a": 0.04, "b": 0.06, "c": 0.06, "d": 0.06})
    assert holm({"a": 0.9, "b": 0.6}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {} and holm({"alone": 0.2}) == {"alone": 0.2}


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -0.01, 1.01])
@pytest.mark.parametrize("place", range(3))
def test_holm_refuses_what_is_no_p_value_and_names_its_test(wrong, place):
    p_values = dict.fromkeys("abc", 0.04) | {"abc"[place]: wrong}
    with pytest.raises(ValueError, match=f"the p value of '{'abc'[place]}' is .*from 0 to 1"):
        holm(p_values)


@quick
@given(st.dictionaries(st.integers(0, 99), st.integers(0, 1000).map(lambda i: i / 1000), min_size=1, max_size=8))
def test_holm_rejects_what_its_step_down_procedure_rejects(p_values):
    rejected = set()
    for rank, key in enumerate(sorted(p_values, key=lambda key: p_values[key])):
        if p_values[key] * (len(p_values) - rank) > 0.05:
            break
        rejected.add(key)
    assert {key for key, p in holm(p_values).items() if p <= 0.05} == rejected


def test_intervals_of_five_seeds_cover_the_mean_as_often_as_they_say():
    draws = numpy.random.default_rng(20).normal(0.4, 0.03, (2000, 5))
    covered = sum(not (t_interval(row, 0.9).above(0.4) or t_interval(row, 0.9).below(0.4)) for row in draws)
    assert abs(covered / 2000 - 0.9) < 3.5 * math.sqrt(0.9 * 0.1 / 2000)


def test_seeds_needed_give_the_power_and_one_fewer_does_not():
    rng = numpy.random.default_rng(7)

    def power(n: int) -> float:
        values = rng.normal(1.0, 1.0, (40_000, n))
        t = values.mean(1) / (values.std(1, ddof=1) / math.sqrt(n))
        return float((t > scipy.stats.t.ppf(0.975, n - 1)).mean())

    assert seeds_needed(1.0, 1.0) == 10
    assert power(10) > 0.8 - 0.006 and power(9) < 0.8 + 0.006


def test_seeds_needed_at_both_ends():
    assert seeds_needed(0.0, 0.02) == 2
    by_normal = ((scipy.stats.norm.ppf(0.975) + scipy.stats.norm.ppf(0.8)) * 1000) ** 2
    assert seeds_needed(1.0, 0.001) == math.ceil(by_normal)
    assert seeds_needed(1.0, 0.0095) == pytest.approx(by_normal / 9.5**2, rel=1e-4)  # the exact side of the change-over


def test_the_note_on_power_says_how_many_seeds():
    note = power_note(t_interval([-1.0, 0.0, 1.0]), 1.0)
    assert "about 10 seeds" in note and "these are 3" in note
