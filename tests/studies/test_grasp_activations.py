"""The study of GraSP by activation: whose runs it looks at, and what it says of them."""

from __future__ import annotations

import random

from lotterylab.data import Digits
from lotterylab.engine.results import Result
from lotterylab.plan.nodes import Data, Train, model_of
from lotterylab.reading.differences import found_by
from lotterylab.reading.rows import Rows
from lotterylab.studies import activations, grasp_activations
from lotterylab.studies.grasp_activations import OUTLINE, PREDICTIONS, STUDY, Options
from some_results import SEEDS, row

SPEC = Digits()
DATA = Data(spec=SPEC, content=SPEC.fingerprint(None).content)


def runs(study) -> set[str]:
    return {node.digest for one in study.rows for node in one.nodes.values() if isinstance(node, Train)}


def test_its_runs_are_those_of_the_activation_study_under_the_same_names():
    ours = grasp_activations.build(Options(seeds=2), DATA)
    theirs = activations.build(activations.Options(seeds=2, crop_padding=4, flip=True), DATA)
    assert runs(ours) < runs(theirs)


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


def test_every_prediction_is_one_of_its_claims():
    assert [one.key for one in PREDICTIONS] == [one.key for one in OUTLINE.claims if not one.source]
