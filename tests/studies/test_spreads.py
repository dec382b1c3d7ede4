"""Judges of failures and of spreads, on rows by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import scipy.stats

from lotterylab.reading.claims import Claim, read
from lotterylab.reading.lines import Line
from lotterylab.reading.rows import Rows
from lotterylab.reading.spreads import difference_of_shares, fewer, never, rows_vary_more, spreads_less
from lotterylab.statistics import mcnemar, pitman_morgan
from some_results import row

READ = "train.test_accuracy"
A, B = (Line(name=name, labels={"method": name}) for name in "ab")


def failed(result) -> float | None:
    accuracy = result.metric(READ)
    return None if accuracy is None else float(accuracy <= 0.2)


def rows(a: Sequence[float], b: Sequence[float], **more) -> Rows:
    return Rows(
        row("net", "relu", method, seed, train={"test_accuracy": value, **more})
        for method, values in (("a", a), ("b", b))
        for seed, value in enumerate(values)
    )


def test_fewer_failures_are_judged_by_mcnemar():
    some = rows([0.5] * 10, [0.1] * 8 + [0.5] * 2)
    found = fewer(A, B, failed)(some)
    assert found.word == "confirmed" and found.p == pytest.approx(scipy.stats.binomtest(0, 8).pvalue)
    assert found.measured == "Failed: 0 of 10 (a) against 8 of 10 (b); one side alone: 0 against 8." and found.n == 10
    assert fewer(B, A, failed)(some).word == "refuted"
    assert fewer(A, B, failed)(rows([0.5] * 5, [0.1] * 5)).word == "cannot be said", "five to none is p = 0.06"
    assert fewer(A, B, failed)(rows([0.5] * 5, [0.5] * 5)).word == "cannot be said"
    assert fewer(A, B, failed)(Rows()).word == "not run"


def test_a_run_that_diverged_has_failed_and_leaves_the_other_judges_undecided():
    some = rows([0.1] * 9, [0.5] * 9, diverged_epoch=1)
    assert fewer(B, A, failed)(some).word == "confirmed"
    noisy = rows([0.5, 0.6, 0.7, 0.4, 0.9], [0.50, 0.51, 0.52, 0.49, 0.50], diverged_epoch=1)
    assert spreads_less(B, A, READ)(noisy).word == "cannot be said"


def test_spreads_are_judged_by_pitman_and_morgan():
    wide = [0.50, 0.62, 0.71, 0.43, 0.90, 0.33, 0.65]
    narrow = [0.60, 0.61, 0.60, 0.62, 0.61, 0.63, 0.60]
    found = spreads_less(B, A, READ)(rows(wide, narrow))
    assert found.word == "confirmed" and found.interval is not None and found.interval.below(1)
    assert found.p == pitman_morgan(dict(enumerate(wide)), dict(enumerate(narrow))).p
    assert "0.1899 (a)" in found.measured and "ratio 0.0" in found.measured
    assert spreads_less(A, B, READ)(rows(wide, narrow)).word == "refuted"
    assert spreads_less(A, B, READ)(rows(wide, wide[::-1])).word == "cannot be said"
    flat = spreads_less(A, B, READ)(rows([0.5] * 4, wide[:4]))
    assert flat.word == "cannot be said" and flat.p == 1.0, "it stays in the family"
    assert spreads_less(A, B, READ)(rows([0.5], [0.5])).word == "cannot be said"
    assert spreads_less(A, B, READ)(rows([0.5, 0.6], [0.5, 0.4])).word == "cannot be said"


def test_one_event_refutes_that_there_is_none():
    def count(result) -> float | None:
        return result.metric("train.resets")

    none, some = rows([0.5] * 20, [], resets=0.0), rows([0.5] * 20, [], resets=0.0)
    some = Rows([*some[:-1], row("net", "relu", "a", 19, train={"resets": 2.0})])
    found = never(A, count, "resets")(none)
    assert found.word == "confirmed" and found.measured.endswith("share of seeds 0.00 [0.00, 0.17].")
    assert never(A, count, "resets")(some).word == "refuted"
    assert never(A, count, "resets")(Rows(none[:2])).word == "cannot be said"
    assert never(A, count, "resets")(rows([0.5], [])).word == "not run"


def grid(rows_by: float, columns_by: float, n: int = 6, **more) -> Rows:
    return Rows(
        row("net", "relu", f"row {i}", j, train={"test_accuracy": 0.5 + rows_by * i + columns_by * j**2 / n, **more})
        for i in range(n)
        for j in range(n)
    )


def test_crossed_runs_are_judged_by_their_mean_squares():
    line = Line(name="table", labels={"protocol": "net"})
    judge = rows_vary_more(line, READ, rows="initialisation", columns="data order")
    found = judge(grid(0.03, 0.001))
    assert found.word == "confirmed" and found.n == 6 and len(found.rows) == 6
    assert found.measured.startswith("Share of the variance: initialisation 100 %, data order 0 %, the rest 0 %")
    assert judge(grid(0.001, 0.03)).word == "refuted"
    assert judge(grid(0.01, 0.01)).word == "cannot be said"
    lacking = judge(Rows(grid(0.03, 0.001)[:-1]))
    assert lacking.word == "cannot be said" and lacking.p == 1.0
    assert judge(grid(0.03, 0.001, diverged_epoch=1)).word == "cannot be said"
    assert judge(grid(0.03, 0.001, n=2)).word == "cannot be said" and judge(Rows()).word == "not run"


def test_their_tests_are_corrected_with_all_others_of_a_page():
    some = rows([0.5] * 10, [0.1] * 8 + [0.5] * 2)
    claims = (
        Claim(key="1", text="", judge=fewer(A, B, failed)),
        Claim(key="2", text="", judge=spreads_less(A, B, READ)),
    )
    judged, _ = read(claims, (), some)
    assert judged[0][1].p_holm == pytest.approx(2 * scipy.stats.binomtest(0, 8).pvalue)


@pytest.mark.parametrize("only_a", range(9))
def test_the_difference_of_two_shares_decides_as_mcnemar_and_lies_in_its_interval(only_a):
    a, b = ({seed: seed < only_a for seed in range(20)}, {seed: only_a <= seed < 8 for seed in range(20)})
    test = mcnemar(a, b)
    found = difference_of_shares(test)
    assert found.mean == pytest.approx((2 * only_a - 8) / 20) and found.low is not None and found.high is not None
    assert -8 / 20 - 1e-12 <= found.low <= found.mean <= found.high <= 8 / 20 + 1e-12
    assert (found.above(0) or found.below(0)) == (test.p < 0.05)
    assert difference_of_shares(mcnemar(a, a)).mean == 0
