"""Early masks and leads by initialisation: what is trained, and the numbers that are read beside other runs."""

from __future__ import annotations

import pytest

from lotterylab.asking.catalogue import study_named
from lotterylab.data import Digits
from lotterylab.engine.results import Result
from lotterylab.plan.nodes import Data, Init, Prune, Train
from lotterylab.plan.plan import Row
from lotterylab.reading.differences import found_by
from lotterylab.reading.rows import Rows
from lotterylab.studies import init_early as early
from some_results import row

DATA = Data(spec=Digits(train=640, validation=20, test=20), content="0" * 64)


def planned() -> list[Row]:
    study = study_named("init-tickets")
    asked = {"seeds": 1}
    return list(study.plan(study.options(**asked), DATA).rows)


def test_each_initialisation_has_the_tickets_of_three_early_masks_and_of_the_last():
    rows = [one for one in planned() if str(one.labels["method"]).startswith("one-shot")]
    assert len(rows) == 4 * 4
    last = {one.labels["protocol"]: one.nodes["train"] for one in rows if one.labels["method"] == "one-shot"}
    steps: dict[str, set[object]] = {}
    for one in rows:
        run = one.nodes["train"]
        assert isinstance(run, Train) and isinstance(run.mask, Prune) and run.mask.sparsity == 0.9375
        assert run.total_steps == 300 and run.first_step == 0
        steps.setdefault(str(one.labels["method"]), set()).add(run.mask.of.point)  # type: ignore[attr-defined]
        if one.labels["method"] != "one-shot":
            assert one.nodes["late"] == last[one.labels["protocol"]] != run
    assert steps == {
        "one-shot": {"final"},
        "one-shot after 10 %": {30},
        "one-shot after 20 %": {60},
        "one-shot after 40 %": {120},
    }


def test_a_ticket_is_read_beside_the_dense_run_of_its_own_initialisation_and_a_control_is_not():
    rows = [one for one in planned() if one.labels["method"] == "iterative"]
    dense = {one.labels["protocol"]: one.nodes["train"] for one in planned() if one.labels["method"] == "dense"}
    tickets = [one for one in rows if not one.labels["control"]]
    assert len(tickets) == 4 * 4 and all(one.nodes["dense"] == dense[one.labels["protocol"]] for one in tickets)
    assert not any("dense" in one.nodes for one in rows if one.labels["control"])
    assert all(isinstance(run, Train) and isinstance(run.start, Init) for run in dense.values())


def trained(init: str, method: str, seed: int, accuracy: float, **beside: float) -> Result:
    parts = {name: {"test_accuracy": value} for name, value in beside.items()}
    return row(init, "tanh", method, seed, sparsity=early.LOW, train={"test_accuracy": accuracy}, **parts)


def test_leads_and_changes_are_compared_between_initialisations_apart_from_the_plan():
    results = Rows(
        one
        for seed in range(3)
        for one in (
            trained("pytorch", "iterative", seed, 0.65 + seed / 100, dense=0.63),
            trained("he-normal", "iterative", seed, 0.66, dense=0.62),
            trained("pytorch", "one-shot after 40 %", seed, 0.60, late=0.62),
            trained("he-normal", "one-shot after 40 %", seed, 0.61 - seed / 100, late=0.61),
        )
    )
    found = {one.comparison.key: one for one in found_by(early.COMPARISONS, results)}
    leads = found.pop("lead over the own dense network, pytorch and he-normal")
    changes = found.pop("mask after 40 % minus the last mask, pytorch and he-normal")
    assert not found and not leads.planned and not changes.planned
    assert leads.values == pytest.approx([0.02 + seed / 100 - 0.04 for seed in range(3)])
    assert changes.values == pytest.approx([-0.02 + seed / 100 for seed in range(3)])
    assert (
        early.lead(trained("pytorch", "iterative", 0, 0.5)) is None is early.change(trained("x", "iterative", 0, 0.5))
    )


def test_the_claims_read_the_ticket_of_the_last_mask_of_the_same_initialisation():
    losses = {"pytorch": 0.015, "glorot-normalized": 0.004}
    results = Rows(
        trained(init, method, seed, accuracy + seed * 1e-4 * (method == "one-shot"))
        for seed in range(5)
        for init, loss in losses.items()
        for method, accuracy in (("one-shot", 0.63), ("one-shot after 40 %", 0.63 - loss))
    )
    words = {claim.key: claim.judge(results).word for claim in early.CLAIMS}
    assert words["1h"] == "refuted" and words["1i"] == "confirmed"
    means = {claim.key: claim.judge(results).interval for claim in early.CLAIMS}
    assert means["1j"] is not None and means["1j"].mean == pytest.approx(0.015 - 0.004)
