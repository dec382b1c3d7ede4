"""Stability by activation: the arms at another network's rate, and the numbers that are read against other networks."""

from __future__ import annotations

import pytest

from lotterylab.asking.catalogue import study_named
from lotterylab.data import Digits
from lotterylab.engine.results import Result
from lotterylab.plan.nodes import Choose, Data, Train, first_of
from lotterylab.plan.plan import Row
from lotterylab.reading.differences import found_by
from lotterylab.reading.rows import Rows
from lotterylab.studies import activation_stability as stability
from some_results import row

DATA = Data(spec=Digits(train=640, validation=20, test=20), content="0" * 64)
OTHER = {"relu": "tanh", "tanh": "relu"}


def planned(**options) -> list[Row]:
    study = study_named("activation-tickets")
    return list(study.plan(study.options(**{"seeds": 1, **options}), DATA).rows)


def training(one: Row) -> Train:
    run = one.nodes["train"]
    assert isinstance(run, Train)
    return run


def test_relu_and_tanh_are_also_trained_at_each_other_s_rate_and_else_alike():
    rows = planned()
    here = [one for one in rows if "other's rate" in str(one.labels["method"])]
    assert {one.labels["activation"] for one in here} == {"relu", "tanh"} and len(here) == 2 * 5
    for one in here:
        run, own = training(one), one.labels["activation"]
        rate = run.recipe.optimizer.lr
        assert isinstance(rate, Choose) and run.model.activation == own
        assert {trial.model.activation for _, trials in rate.candidates for trial in trials} == {OTHER[own]}
        method = str(one.labels["method"]).partition(",")[0]
        (twin,) = (
            other
            for other in rows
            if (other.labels["method"], other.labels["activation"]) == (method, own)
            and all(other.labels[name] == one.labels[name] for name in ("control", "sparsity"))
        )
        twin_run = training(twin)
        assert (run.total_steps, run.order_seed) == (twin_run.total_steps, twin_run.order_seed)
        assert first_of(run.start) == first_of(twin_run.start)
        assert run.recipe.optimizer.lr != twin_run.recipe.optimizer.lr


def test_a_single_activation_has_no_other_s_rate():
    assert not [one for one in planned(activations=("relu",)) if "other's rate" in str(one.labels["method"])]


def test_the_dense_angle_of_a_row_is_that_of_its_own_dense_network_in_two_orders():
    rows = planned()
    of_dense = {
        (one.labels["activation"], one.labels["method"]): one.nodes["order"]
        for one in rows
        if str(one.labels["method"]).startswith("dense") and one.labels["control"] == "other order"
    }
    read = [one for one in rows if "dense_order" in one.nodes]
    assert len(read) == 3 * 2 * 2 + 2 * 2
    for one in read:
        dense = str(one.labels["method"]).replace("iterative", "dense")
        assert one.nodes["dense_order"] == of_dense[one.labels["activation"], dense]


def in_two_orders(method: str, activation: str, seed: int, control: str, angle: float, rise: float) -> Result:
    return row(
        "shallow CNN",
        activation,
        method,
        seed,
        sparsity=stability.LOW,
        control=control,
        train={"test_accuracy": 0.5},
        order={"masked_angle": angle},
        dense_order={"masked_angle": 40.0 + seed},
        barrier={"instability": rise},
    )


def test_a_ticket_is_read_against_a_random_mask_and_its_angle_over_the_dense_network_s():
    rises = (0.010, 0.012, 0.020)
    results = Rows(
        one
        for seed, rise in enumerate(rises)
        for one in (
            in_two_orders("iterative", "relu", seed, "other order", 20.0, rise),
            in_two_orders("iterative", "relu", seed, "random mask, other order", 30.0, 0.03),
        )
    )
    found = {one.comparison.what: one for one in found_by(stability.COMPARISONS, results)}
    assert found["rise of the error"].values == pytest.approx([rise - 0.03 for rise in rises])
    shares = [20 / (40 + seed) - 30 / (40 + seed) for seed in range(3)]
    assert found["angle over the dense network's"].values == pytest.approx(shares)
    assert not any(one.planned for one in found.values())
    mean = sum(rises) / 3 - 0.03
    half = 4.302653 * (sum((rise - 0.014) ** 2 for rise in rises) / 2 / 3) ** 0.5  # t with 2 degrees of freedom, 97.5 %
    interval = f"\u2212{-mean:.4f} [\u2212{half - mean:.4f}, \u2212{-mean - half:.4f}]"
    said = stability.against_random(results, stability.LOW)
    assert said == (
        f"The rise of the error between two data orders, ticket minus random mask, is {interval} with relu (n = 3)."
    )
    assert stability.against_random(Rows(), stability.LOW) == ""


def test_the_claims_at_equal_rates_compare_networks_of_one_rate():
    angles = {("iterative", "relu"): 27.0, ("iterative", "tanh"): 10.0}
    angles |= {(stability.TICKET, "relu"): 14.0, (stability.TICKET, "tanh"): 22.0}
    results = Rows(
        in_two_orders(method, activation, seed, "other order", angle + 0.1 * seed * (angle > 13), 0.01)
        for (method, activation), angle in angles.items()
        for seed in range(5)
    )
    judged = {claim.key: claim.judge(results) for claim in stability.CLAIMS}
    means = {key: judgement.interval.mean for key, judgement in judged.items() if judgement.interval}
    assert means["4f"] == pytest.approx(14.2 - 10.0) and means["4h"] == pytest.approx((27.0 - 14.0) - (14.2 - 10.0))
    assert judged["4f"].word == "confirmed" == judged["4h"].word == judged["4i"].word
    assert judged["4j"].word == "not run"
