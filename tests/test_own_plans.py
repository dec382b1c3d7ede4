"""A plan of one's own: priced, run, read, and stopped by what the engine refuses."""

from __future__ import annotations

import pytest

import lotterylab as ll
from lotterylab.errors import LotteryError
from some_plans import FAILS, MAGNITUDE, RUN, SPEC, TICKET


def test_pinned_data_have_the_digest_of_their_content():
    assert ll.plan.pinned(SPEC) == ll.plan.Data(spec=SPEC, content=SPEC.fingerprint(None).content)


def test_a_comparison_is_priced_run_and_read(tmp_path):
    plan = ll.plan.comparison("arms", {"dense": {0: RUN}, "ticket": {0: TICKET}})
    before = ll.plan.price(plan, tmp_path / "store")
    assert (before.trainings, before.epochs) == (2, 8.0)
    assert before.seconds is not None and str(before).startswith("To train: 2 runs, 8 epochs")
    assert all(row.missing == ("train",) for row in ll.plan.results(plan, tmp_path / "store"))
    rows = ll.plan.run(plan, tmp_path / "store")
    found = ll.plan.by_arm(rows, "train.test_accuracy")
    assert found.keys() == {"dense", "ticket"} and found["dense"].keys() == {0}
    after = ll.plan.price(plan, tmp_path / "store")
    assert (after.trainings, after.tasks, after.seconds) == (0, 0, None)
    again = ll.plan.results(plan, tmp_path / "store")
    assert [row.records for row in again] == [row.records for row in rows]


def test_a_run_by_workers_gives_the_same_bits(tmp_path):
    plan = ll.plan.comparison("dense", {"dense": {0: RUN}})
    here, there = (ll.plan.run(plan, tmp_path / str(count), workers=count)[0].records["train"] for count in (0, 1))
    assert (here.blobs, here.metrics) == (there.blobs, there.metrics)


def test_a_failed_task_is_an_error_that_says_why(tmp_path):
    plan = ll.plan.Plan(name="fails", rows=(ll.plan.Row(labels={}, nodes={"prune": FAILS}),))
    with pytest.raises(LotteryError, match=r"1 tasks failed, the first with: .* needs 99 images"):
        ll.plan.run(plan, tmp_path)


def test_a_dense_run_starts_from_the_seed_s_initial_weights_with_all_of_them():
    run = ll.plan.dense_run(RUN.model, RUN.data, RUN.recipe, seed=0)
    assert run == RUN
    assert ll.plan.dense_run(RUN.model, RUN.data, RUN.recipe, seed=1) != RUN


def test_what_to_cite_comes_from_the_criterion_and_the_model():
    plan = ll.plan.Plan(name="mask", rows=(ll.plan.Row(labels={}, nodes={"mask": MAGNITUDE}),))
    assert "@inproceedings{frankle2019lottery" in ll.plan.cite(plan)
