"""Numbers by arm, against SciPy and by hand."""

from __future__ import annotations

import pytest
from scipy.stats import t

from lotterylab.reading.rows import Rows
from lotterylab.report.arms import Arm, Arms, middle
from lotterylab.report.steps import steps
from some_results import row

RUNGS = {0: ("as-published", "as published"), 1: ("ladder 1: a", "a"), 2: ("ladder 2: b", "b")}


def some_rows(protocol: str, values: dict[int, float | None]) -> Rows:
    return Rows(
        row(protocol, "relu", "magnitude", seed, sparsity=0.5, train={"test_accuracy": value})
        for seed, value in values.items()
    )


def test_the_interval_of_an_arm_is_scipys_over_its_seeds():
    values = {42: 0.3, 43: 0.35, 44: 0.31, 45: None}
    arm = Arms(some_rows("corrected", values)).rows(Arm("corrected", "relu", "magnitude", "", 0.5))
    found = arm.interval("train.test_accuracy")
    assert found is not None and found.n == 3
    sd = (sum((x - 0.32) ** 2 for x in (0.3, 0.35, 0.31)) / 2) ** 0.5
    assert (found.low, found.high) == pytest.approx(t.interval(0.95, 2, loc=0.32, scale=sd / 3**0.5))


def test_an_arm_without_the_number_has_no_interval():
    arms = Arms(some_rows("corrected", {42: None}))
    assert arms.rows(Arm("corrected", "relu", "magnitude", "", 0.5)).interval("train.test_accuracy") is None
    assert arms.rows(Arm("corrected", "tanh", "magnitude", "", 0.5)).interval("train.test_accuracy") is None


def test_a_bar_has_the_seeds_of_the_verdict_below_it():
    rows = some_rows("corrected", {42: 0.3, 43: None, 44: 0.4})
    arm = Arm("corrected", "relu", "magnitude", "", 0.5)
    assert Arms(rows).rows(arm).per_seed("train.test_accuracy") == {42: 0.3, 44: 0.4}


def test_curves_come_back_by_seed():
    rows = Rows(row("p", "relu", "dense", seed, train={"curves": {"loss": [float(seed), seed / 2]}}) for seed in (1, 2))
    arms = Arms(rows)
    assert arms.curves(Arm("p", "relu", "dense"), "loss") == {1: [1.0, 0.5], 2: [2.0, 1.0]}
    assert arms.curve_names("p") == ["loss"] and arms.curve_names("q") == []


@pytest.mark.parametrize(
    ("targets", "expected"), [([0.5, 0.8, 0.9], 0.8), ([0.5, 0.9], 0.9), ([0.7, 0.9], 0.7), ([0.2], 0.2)]
)
def test_the_middle_target_is_the_nearest_to_the_published_one(targets, expected):
    assert middle(targets) == expected


def test_a_step_is_paired_over_the_seeds_that_both_rungs_have():
    numbers = some_rows("as-published", {42: 0.1, 43: 0.2, 44: 0.9}) + some_rows("ladder 1: a", {42: 0.4, 43: 0.52})
    first, second = steps(Arms(numbers), RUNGS, "train.test_accuracy")
    assert first.rung == 1 and first.interval is not None and first.interval.n == 2
    assert first.interval.mean == pytest.approx((0.3 + 0.32) / 2)
    assert first.tested and first.resolved
    assert second.interval is None and not second.tested and not second.resolved


def test_one_seed_and_equal_numbers_resolve_nothing():
    one_seed = some_rows("as-published", {42: 0.1}) + some_rows("ladder 1: a", {42: 0.4})
    step = steps(Arms(one_seed), RUNGS, "train.test_accuracy")[0]
    assert step.interval is not None and not step.tested and not step.resolved
    equal = some_rows("as-published", {42: 0.1, 43: 0.2}) + some_rows("ladder 1: a", {42: 0.1, 43: 0.2})
    step = steps(Arms(equal), RUNGS, "train.test_accuracy")[0]
    assert step.same and not step.tested and not step.resolved


def test_an_interval_about_zero_is_unresolved():
    numbers = some_rows("as-published", {42: 0.1, 43: 0.2}) + some_rows("ladder 1: a", {42: 0.2, 43: 0.12})
    step = steps(Arms(numbers), RUNGS, "train.test_accuracy")[0]
    assert step.tested and not step.resolved
