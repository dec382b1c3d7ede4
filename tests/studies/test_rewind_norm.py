"""Rewind points where resetting may fail: each run's length and start, and the joint test of the six ways."""

from __future__ import annotations

import numpy as np
from scipy.stats import f as f_distribution

from lotterylab.data import Digits
from lotterylab.plan.nodes import At, Choose, Data, Prune, Train
from lotterylab.reading.rows import Rows
from lotterylab.studies import rewind_norm
from lotterylab.studies.rewind_norm import LINES, LOW, Options, joint_test
from some_results import row

DATA = Data(spec=Digits(train=1200, validation=20, test=20), content="0" * 64)
STEPS = 30 * 10  # 640 images of a seed in batches of 64
PLAN = rewind_norm.build(Options(seeds=1, images=640), DATA)


def runs(method: str, control: str = "") -> list[Train]:
    labels = {"method": method, "control": control}
    found = [one.nodes["train"] for one in PLAN.rows if labels.items() <= one.labels.items()]
    assert all(isinstance(run, Train) for run in found)
    return found  # type: ignore[return-value]


def test_every_ticket_trains_all_steps_after_the_rewind_from_the_point_of_its_round():
    (dense,) = runs("dense")
    points = {"reset": [0] * 4, "fixed, 7 %": [21] * 4, "rising": [5, 11, 16, 21], "falling": [21, 16, 11, 5]}
    for method, steps in points.items():
        tickets = runs(method)
        assert [run.total_steps - run.first_step for run in tickets] == [STEPS] * 4
        assert [run.start.step for run in tickets if isinstance(run.start, At)] == steps
        for earlier, run in zip([dense, *tickets], tickets, strict=False):
            assert isinstance(run.start, At) and run.start.run == dense
            assert isinstance(run.mask, Prune) and run.mask.of == earlier.final
    assert runs("reset", "dense same cost")[0].total_steps == 5 * STEPS


def test_the_network_has_batch_norm_and_three_times_the_best_rate_of_another_seed():
    (dense,) = runs("dense")
    choice = dense.recipe.optimizer.lr
    assert dense.model.batch_norm and isinstance(choice, Choose)
    used = [(rate, trial.recipe.optimizer.lr, trial.order_seed) for rate, (trial,) in choice.candidates]
    assert [round(rate / tried, 12) for rate, tried, _ in used] == [3.0] * len(used)
    assert {seed for _, _, seed in used} == {1000} and dense.order_seed == 0
    assert dense.data.spec.train == 640 and dense.data.spec != choice.candidates[0][1][0].data.spec


def test_the_joint_test_is_the_analysis_of_variance_of_ways_and_seeds():
    table = np.random.default_rng(0).normal(0.6, 0.01, (len(LINES), 5))
    rows = Rows(
        row("high", "relu", name, seed, sparsity=LOW, train={"test_accuracy": float(table[arm, seed])})
        for arm, name in enumerate(LINES)
        for seed in range(5)
    )
    of_arm = 5 * ((table.mean(axis=1) - table.mean()) ** 2).sum()
    of_seed = 6 * ((table.mean(axis=0) - table.mean()) ** 2).sum()
    rest = ((table - table.mean()) ** 2).sum() - of_arm - of_seed
    ratio = (of_arm / 5) / (rest / 20)
    p, span = f_distribution.sf(ratio, 5, 20), np.ptp(table.mean(axis=1))
    said = joint_test(rows, LOW)
    assert said.startswith(f"Together the 6 ways span {span:.4f} (joint test") and f"F(5, 20) = {ratio:.2f}" in said
    assert f"p = {p:.4f}" in said and "n = 5" in said
    assert joint_test(Rows(rows[:7]), LOW) == ""
