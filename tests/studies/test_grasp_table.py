"""GraSP's table: what each method trains, and the judges of the two cost claims on rows by hand."""

from __future__ import annotations

from typing import Any

import pytest
import scipy.stats

from lotterylab.asking.catalogue import study_named
from lotterylab.data import Digits
from lotterylab.models import Vgg
from lotterylab.plan.nodes import At, Data, Train, model_of
from lotterylab.plan.plan import Plan
from lotterylab.reading.costs import trainings
from lotterylab.reading.rows import Rows
from lotterylab.studies.grasp_table_claims import LEVELS, TABLE, TABLES, a_share_of
from some_results import row

STUDY = study_named("grasp-table")
WHOLE = Data(spec=Digits(), content="0" * 64)


def plan(**options: Any) -> Plan:
    return STUDY.plan(STUDY.options(**options), WHOLE)


def test_each_method_reaches_each_sparsity_and_trains_as_often_as_it_should():
    rows = [one for one in plan().rows if one.labels["seed"] == 0]
    runs = {(one.labels["method"], one.labels["sparsity"]): trainings(one.nodes["train"]) for one in rows}
    assert set(runs) == {(method, level) for method in TABLE for level in LEVELS} | {
        (method, 0.0) for method in ("dense", "search", "early-bird")
    }
    more = {("obd", level): 2 for level in LEVELS} | {
        ("iterative", level): 4 + place for place, level in enumerate(LEVELS)
    }
    assert {key: len(several) for key, several in runs.items()} == {key: more.get(key, 1) for key in runs} | {
        ("early-bird", 0.0): 2
    }
    assert {run.recipe.epochs for several in runs.values() for run in several} == {16}


def test_obd_goes_on_with_trained_weights_and_iterative_pruning_with_the_first():
    rows = {(one.labels["method"], one.labels["sparsity"]): one.nodes["train"] for one in plan(seeds=1).rows}
    obd, ticket = rows["obd", 0.95], rows["iterative", 0.95]
    assert isinstance(obd, Train) and isinstance(obd.start, At) and obd.start == obd.mask.of
    assert ticket.start.begins and model_of(ticket) == Vgg(depth=11, width=0.25, shape=(1, 8, 8))
    assert rows["early-bird", 0.0].from_step == "kept"


def test_a_rate_is_tried_at_95_percent_with_a_seed_of_its_own():
    for one in plan(seeds=1).rows:
        for rate, (trial,) in getattr(one.nodes.get("rate"), "candidates", ()):
            method = one.labels["method"]
            assert {run.order_seed for run in trainings(trial)} == {1000}
            assert trial.recipe.optimizer.lr == rate
            if method in TABLE and method != "gradual":
                assert trial.mask.sparsity == 0.95, method


def some_rows(bird: dict[str, float], grasp: dict[str, float]) -> Rows:
    return Rows(
        row(
            "VGG-11",
            *("relu", method, seed),
            sparsity=sparsity,
            train={"test_accuracy": 0.5},
            cost={name: value * (1 + seed / 50) for name, value in cost.items()},
        )
        for seed in range(5)
        for method, sparsity, cost in (("early-bird", 0.0, bird), ("grasp", 0.9, grasp), ("grasp", 0.98, bird))
    )


@pytest.mark.parametrize(("seconds", "word"), [(0.5, "confirmed"), (2.0, "refuted")])
def test_a_hundredth_of_early_birds_time_is_compared_with_grasps_at_90_percent(seconds, word):
    judged = a_share_of("cost.seconds_to_mask", 0.01)(
        some_rows({"seconds_to_mask": 100.0}, {"seconds_to_mask": seconds})
    )
    values = [(1 - seconds) * (1 + seed / 50) for seed in range(5)]
    assert judged.word == word and judged.p == pytest.approx(scipy.stats.ttest_1samp(values, 0).pvalue)
    assert judged.measured.startswith("1 % of Early-Bird's 1.0") and judged.n == 5


def test_the_table_has_a_column_for_each_head_and_a_row_for_the_method_that_is_not_built():
    for table in TABLES:
        assert all(len(cells) + 1 == len(table.columns) for _, cells in table.rows)
    assert TABLES[0].rows[-1][:1] == ("MLPrune",)
