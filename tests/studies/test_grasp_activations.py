"""The study of GraSP by activation: whose runs it looks at, and what it says of them."""

from __future__ import annotations

import random

from lotterylab.data import Digits
from lotterylab.engine.results import Result
from lotterylab.plan.nodes import Choose, Data, Train, first_of, model_of
from lotterylab.plan.plan import Row
from lotterylab.reading.differences import found_by
from lotterylab.reading.rows import Rows
from lotterylab.studies import activations, grasp_activations
from lotterylab.studies.grasp_activations import OUTLINE, PREDICTIONS, STUDY, Options
from lotterylab.studies.grasp_rates import METHOD
from some_results import SEEDS, row

SPEC = Digits()
DATA = Data(spec=SPEC, content=SPEC.fingerprint(None).content)


def runs(rows) -> set[str]:
    return {node.digest for one in rows for node in one.nodes.values() if isinstance(node, Train)}


def own_rate(study) -> list[Row]:
    return [one for one in study.rows if one.labels["method"] == METHOD]


def masks(rows) -> set[str]:
    return {one.nodes["train"].mask.digest for one in rows}


def test_its_runs_at_the_dense_network_s_rate_are_those_of_the_activation_study_under_the_same_names():
    ours = grasp_activations.build(Options(seeds=2), DATA)
    theirs = activations.build(activations.Options(seeds=2, crop_padding=4, flip=True), DATA)
    assert runs(one for one in ours.rows if one.labels["method"] != METHOD) < runs(theirs.rows)


def test_each_kind_of_mask_has_a_rate_chosen_by_networks_with_such_a_mask_and_other_seeds():
    study = grasp_activations.build(Options(seeds=2, rates=(0.01, 0.1)), DATA)
    rows = own_rate(study)
    assert len(rows) == 2 * 3 * 3 and len(runs(rows)) == len(rows)
    for own in rows:
        run, choice = own.nodes["train"], own.nodes["rate"]
        assert isinstance(run, Train) and isinstance(choice, Choose) and run.recipe.optimizer.lr is choice
        assert [rate for rate, _ in choice.candidates] == [0.01, 0.1]
        for rate, trials in choice.candidates:
            assert [first_of(trial.start).seed for trial in trials] == [1001, 1002]
            for trial in trials:
                assert type(trial.mask) is type(run.mask) and trial.recipe.optimizer.lr == rate
                assert first_of(trial.start).purpose == first_of(run.start).purpose
                assert (trial.model, trial.total_steps) == (run.model, run.total_steps)
    labels = {"method": "grasp", "sparsity": 0.9}
    at_dense_rate = [one for one in study.rows if labels.items() <= one.labels.items()]
    assert masks(rows) == masks(at_dense_rate)


def test_with_one_rate_they_are_the_runs_at_the_dense_network_s_rate():
    study = grasp_activations.build(Options(seeds=1, rates=(0.1,)), DATA)
    assert runs(own_rate(study)) < runs(one for one in study.rows if one.labels["method"] == "grasp")


def test_masks_are_compared_with_relu_s_whatever_the_order_of_the_activations():
    def compared(*activations: str) -> dict[str, tuple[str, str]]:
        study = grasp_activations.build(Options(seeds=1, activations=activations), DATA)
        nodes = {str(row.labels["activation"]): row.nodes["alike"] for row in study.rows if "alike" in row.nodes}
        return {
            name: tuple(model_of(node.of[side]).activation for side in ("a", "b"))  # type: ignore[attr-defined, misc]
            for name, node in nodes.items()
        }

    assert compared("tanh", "relu", "sigmoid") == {"tanh": ("tanh", "relu"), "sigmoid": ("sigmoid", "relu")}
    assert compared("softsign", "tanh") == {}


def test_on_cifar_10_its_data_are_those_of_the_activation_study():
    spec = STUDY.data(Options())
    assert (spec.train, spec.validation, spec.test) == (5_000, 1_000, 5_000)


def ladder(activation: str, seed: int, gain: float, flow: float) -> list[Result]:
    draw = random.Random(f"{activation} {seed}")  # a difference without spread would say nothing
    noise = [0.001 * (seed % 3) + draw.uniform(0, 1e-5) for _ in range(4)]
    return [
        row(
            "corrected",
            activation,
            method,
            seed,
            sparsity=0.9,
            control=control,
            train={"test_accuracy": accuracy + noise[number]},
            flow={"log10_ratio": ratio + noise[number]},
        )
        for number, (method, control, accuracy, ratio) in enumerate(
            (
                ("grasp", "", 0.4 + gain, flow),
                ("grasp", "random mask", 0.4, -1.0),
                ("grasp", "reinitialised", 0.4 + gain, 0.1),
                ("magnitude", "", 0.5, 0.2),
            )
        )
    ]


def test_its_sentence_has_gain_and_flow_of_each_activation_and_its_judges_read_them():
    results = [one for seed in SEEDS for one in (*ladder("relu", seed, 0.0, -2.0), *ladder("sigmoid", seed, 0.2, 3.0))]
    said = OUTLINE.conclude(Rows(results), found_by(OUTLINE.comparisons, Rows(results)))
    assert "Relu reaches 0.401, which is +0.000" in said and "Sigmoid reaches 0.601, which is +0.200" in said
    assert "It keeps 1,002 times the dense network's gradient flow, the random mask 0.1 times." in said
    words = {claim.key: claim.judge(Rows(results)).word for claim in OUTLINE.claims}
    assert words["P1"] == "refuted"
    assert words["P3"] == "confirmed" and words["8b"] == "confirmed" and words["8c"] == "confirmed"
    assert words["8e"] == "confirmed" and words["P2"] == "not run" == words["8d"]
    assert OUTLINE.conclude(Rows(), []).startswith("Nothing can be said yet")


def test_with_a_rate_for_each_mask_the_answer_is_about_those():
    def own(seed: int, control: str, accuracy: float) -> Result:
        made = {"test_accuracy": accuracy + 0.001 * (seed % 3) + random.Random(f"{control}{seed}").uniform(0, 1e-5)}
        return row("corrected", "relu", METHOD, seed, sparsity=0.9, control=control, train=made)

    known = [one for seed in SEEDS for one in ladder("relu", seed, -0.1, 3.0)]
    arms = {"": 0.56, "random mask": 0.55, "reinitialised": 0.555}
    results = Rows([*known, *(own(seed, control, mean) for seed in SEEDS for control, mean in arms.items())])
    differences = found_by(OUTLINE.comparisons, results)
    assert "With a rate for each mask it reaches 0.561, which is +0.010" in OUTLINE.conclude(results, differences)
    assert OUTLINE.headline(results, differences).startswith("At 10 % and own rates, GraSP's tickets")
    words = {claim.key: claim.judge(results).word for claim in OUTLINE.claims}
    assert words["8f"] == "confirmed" == words["8i"] == words["8j"] and words["8g"] == "not run" == words["8h"]
    assert words["8a"] == "refuted", "the claims at the dense network's rate read its runs only"


def test_every_prediction_is_one_of_its_claims():
    assert [one.key for one in PREDICTIONS] == [one.key for one in OUTLINE.claims if not one.source]
