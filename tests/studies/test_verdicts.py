"""Each verdict from rows made by hand, in each of its outcomes; and from a whole study, full of holes."""

from __future__ import annotations

import dataclasses
import json
import random
import subprocess
import sys
from collections.abc import Iterable

import pytest

from lotterylab.data import Digits
from lotterylab.engine.results import Result
from lotterylab.plan.nodes import Data
from lotterylab.reading.claims import Judgement
from lotterylab.reading.differences import found_by
from lotterylab.reading.published import beside
from lotterylab.reading.rows import Rows
from lotterylab.studies.activations import Options, build
from lotterylab.studies.activations_claims import CLAIMS
from lotterylab.studies.activations_comparisons import AGAINST_CONTROLS
from lotterylab.studies.activations_predictions import PREDICTIONS
from lotterylab.studies.published import published_values
from lotterylab.studies.verdicts_corrected import at_chance
from some_results import record
from some_study_rows import (
    TWO,
    against_grasp,
    against_initial,
    at_chosen_rate,
    corrected,
    leads,
    norms,
    ratios,
    regrown,
    removals,
    selection,
    signs,
    spike,
    steps,
    streams,
    tanh_minus_relu,
    zeros,
)

KEYS = [claim.key for claim in CLAIMS]
CASES = [
    # key, rows, verdict, as predicted
    ("1", removals(lambda s: 1 - s), "confirmed", True),
    ("1", removals(lambda s: 1 - s, off=-20), "confirmed", True),  # ties at the threshold stay
    ("1", removals(lambda s: s), "refuted", False),
    ("1", removals(lambda s: 1 - s, off=1), "refuted", False),
    ("1", removals(lambda s: 1 - s, seeds=(42,)), "cannot be said", None),
    ("2", regrown(0.98), "confirmed", True),
    ("2", regrown(0.98, tanh=0.93), "confirmed", False),
    ("2", regrown(0.1), "refuted", False),
    ("2", regrown(0.948), "cannot be said", False),
    ("3", zeros(0.97), "confirmed", True),
    ("3", zeros(0.97, masks="different"), "confirmed", False),
    ("3", zeros(0.97, expected=0.97), "cannot be said", True),  # no more than of all weights
    ("3", zeros(0.4), "refuted", False),
    ("3", zeros(0.9, spread=0.05), "cannot be said", None),
    ("4", against_grasp(0.02), "confirmed", True),
    ("4", against_grasp(0.5), "refuted", False),
    ("4", against_grasp(-0.02, tanh=0.3), "refuted", False),
    ("4", against_grasp(0.02, negative=0.3), "refuted", False),
    ("4", against_grasp(0.02, negative=0.3, left=0), "cannot be said", None),
    ("4", against_grasp(0.1), "cannot be said", None),
    ("5", against_initial(0.1), "confirmed", True),
    ("5", against_initial(0.1, sigmoid=0.7), "refuted", False),
    ("5", against_initial(0.5), "cannot be said", None),
    ("6", selection(0.001), "confirmed", True),
    ("6", selection(0.001, above_last=0.1), "confirmed", False),
    ("6", selection(0.05), "refuted", False),
    ("6", selection(0.02), "cannot be said", None),
    ("6", selection(0.001, spread=0.02, seeds=TWO), "cannot be said", None),
    ("7A", ratios(2.0), "confirmed", True),
    ("7A", ratios(0.5), "refuted", False),
    ("7A", ratios(1.0), "cannot be said", None),
    ("7B", norms(4.0, 1.0, tanh_norm=5.0), "confirmed", True),
    ("7B", norms(4.0, 1.0, tanh_norm=1.0), "refuted", True),
    ("7B", norms(4.0, 2.0, tanh_norm=5.0), "refuted", False),
    ("7B", norms(2.0, 1.0, tanh_norm=5.0), "cannot be said", None),  # no large D to explain
    ("8A", streams(0.1, 0.4), "confirmed", False),
    ("8A", streams(0.1, 0.1), "refuted", True),
    ("8A", streams(0.3, 0.3), "cannot be said", None),  # nothing to explain
    ("8A", streams(0.1, 0.4, seeds=TWO) + streams(0.1, 0.1, seeds=(44, 45)), "cannot be said", None),
    ("8B", signs((0.4, 0.4), (0.1, 0.1)), "confirmed", True),
    ("8B", signs((0.4, 0.1), (0.1, 0.1)), "refuted", False),
    ("8B", signs((0.4, 0.4), (0.4, 0.4)), "refuted", True),
    ("8B", signs((0.4, 0.4), (0.1, 0.3)), "cannot be said", True),
    ("8C", at_chosen_rate(0.5), "confirmed", True),
    ("8C", at_chosen_rate(0.5, rung=None), "confirmed", True),
    ("8C", at_chosen_rate(0.5, grasp=0.1), "refuted", False),
    ("8C", at_chosen_rate(0.5, grasp=0.21, spread=0.05), "cannot be said", False),  # grasp leaves it in 3 of 5 seeds
    ("8C", at_chosen_rate(0.5, dense=0.4), "refuted", True),
    ("8C", at_chosen_rate(0.5, rung=0.4), "refuted", True),
    ("9", leads(0.05, 0.05), "refuted", False),
    ("9", leads(0.05, 0.05, sparsity=0.9), "refuted", False),  # the nearest target to 0.8
    ("9", leads(-0.01, 0.001), "confirmed", True),
    ("9", leads(0.05, 0.0, spread=0.02), "cannot be said", None),
    ("10", steps(0.1, 0.0, 0.1), "confirmed", True),
    ("10", steps(0.1, 0.1, 0.0), "refuted", False),
    ("10", steps(0.0, 0.0, 0.1), "refuted", False),
    ("10", steps(0.02, 0.0, 0.1), "cannot be said", None),
    ("10", steps(0.1, 0.0, 0.1, epochs=20), "cannot be said", None),  # half of the epochs is 10 again
    ("11", tanh_minus_relu(0.0, spread=0.03), "cannot be said", None),
    ("11", tanh_minus_relu(0.0, spread=0.03, dense=None), "cannot be said", None),
    ("11", tanh_minus_relu(0.0, spread=0.03, dense=0.02), "cannot be said", False),
    ("11", tanh_minus_relu(-0.03, spread=0.003), "refuted", False),
    ("11", tanh_minus_relu(-0.03, spread=0.003, at_09=0.06), "confirmed", False),
    ("12", spike(2.0), "refuted", False),
    ("12", spike(-2.0), "confirmed", False),
    ("12", spike(0.0), "cannot be said", None),
    ("12", spike(2.0, sparsities=(0.5, 0.9)), "cannot be said", None),
    ("corrected", corrected(), "confirmed", True),
    ("corrected", corrected(dense=-0.05), "refuted", False),
    ("corrected", corrected(magnitude=-0.05), "refuted", False),
    ("corrected", corrected(first_order=0.0), "refuted", False),
    ("corrected", corrected(grasp=(0.05, 0.05)), "confirmed", False),
    ("corrected", corrected(fresh=(0.05, 0.0)), "confirmed", False),
    ("corrected", corrected(spread=0.05), "cannot be said", None),
]


@pytest.mark.parametrize(
    ("key", "rows", "word", "predicted"), CASES, ids=[f"{key}-{word}" for key, _, word, _ in CASES]
)
def test_each_verdict_can_come_out_each_way(key: str, rows: list[Result], word: str, predicted: bool | None) -> None:
    found = verdict(key, rows)
    assert (found.word, found.came_true) == (word, predicted), found.measured


def verdict(key: str, rows: list[Result]) -> Judgement:
    return verdicts(rows)[key]


def verdicts(rows: Iterable[Result]) -> dict[str, Judgement]:
    return {claim.key: claim.judge(Rows(rows)) for claim in CLAIMS}


def test_the_cases_reach_three_outcomes_of_every_question() -> None:
    words = {key: {word for other, _, word, _ in CASES if other == key} for key in KEYS}
    assert words == {key: {"confirmed", "refuted", "cannot be said"} for key in KEYS}


def test_measured_sentences_hold_the_numbers() -> None:
    sentence = verdict("1", removals(lambda s: 1 - s)).measured
    assert "272,431 at 0.5; 108,971 at 0.8; 54,485 at 0.9 in 5 seeds" in sentence and "90 of 90" in sentence
    sentence = verdict("8A", streams(0.1, 0.4)).measured
    assert "magnitude, own stream 0 of 15 (mean 0.100)" in sentence and "by 0.300 [0.300, 0.300]" in sentence
    found = verdict("6", selection(0.02))
    assert "seeds would resolve a difference of 0.02" in found.measured
    assert found.interval is not None and found.interval.mean == pytest.approx(0.02) and found.n == 5


def test_the_seed_of_a_run_that_diverged_is_left_out_of_every_lead_and_that_is_said() -> None:
    rows = leads(0.05, 0.05)
    lost = next(one for one in rows if one.labels["seed"] == 44 and one.labels["method"] == "first-order")
    lost.records["train"].metrics["curves"]["train_accuracy"][4:] = []
    found = verdict("9", rows)
    assert found.n == 4 and "1 of 15 runs diverged before; that seed is left out of all." in found.measured


def test_a_lead_of_one_seed_is_not_said_to_be_anything() -> None:
    rows = [one for one in leads(0.05, 0.05) if one.labels["seed"] == 42]
    found = verdict("9", rows)
    assert (found.word, found.n, found.interval) == ("cannot be said", 1, None)
    assert found.measured == "Only one seed has as-published ReLU curves of 10 epochs: two are the least."


def test_nothing_run_is_not_run() -> None:
    for found in verdicts([]).values():
        assert (found.word, found.n, found.came_true) == ("not run", 0, None)
        assert found.measured.startswith("No seed has ")


def test_claims_quote_their_predictions_whole() -> None:
    for prediction in PREDICTIONS:
        quoted = [one for one in CLAIMS if one.key.rstrip("ABC") == prediction.key]
        assert " ".join(one.expected for one in quoted) == prediction.expected
        assert {one.text for one in quoted} == {prediction.claim}


@pytest.mark.parametrize(
    ("key", "rows", "text"),
    [
        ("4", against_grasp(0.02), "refuted"),
        ("4", against_grasp(0.9), "confirmed"),
        ("5", against_initial(0.3), "refuted"),
    ],
)
def test_the_text_has_a_verdict_of_its_own_beside_our_explanation(key: str, rows: list[Result], text: str) -> None:
    assert verdict(key, rows).on_text == text


# -- the plan's own rows, with numbers that look like a study's --------------------------------------------------------


def whole_study() -> list[Result]:
    """Every row of the plan with all three protocols, two seeds, all parts finished."""
    options = Options(protocols=("as-published", "corrected", "ladder"), seeds=2)
    study = build(options, Data(spec=Digits(), content="0" * 64))
    return [
        Result(
            labels=one.labels,
            records={
                part: dataclasses.replace(record(numbers(part, one.labels)), digest=node.digest)
                for part, node in one.nodes.items()
            },
        )
        for one in study.rows
    ]


def numbers(part: str, labels) -> dict:
    rng = random.Random(str((part, sorted(labels.items()))))
    curve = [rng.random() for _ in range(50)]
    tensors = [f"{layer}.{kind}" for layer in ("conv1", "conv2", "fc1", "fc2") for kind in ("weight", "bias")]
    return {
        "train": {
            "test_accuracy": rng.random(),
            "train_accuracy": rng.random(),
            "curves": {"train_accuracy": curve, "test_accuracy": curve},
        },
        "prune": {
            "removed": rng.randrange(1, 1000),
            "removed_negative": 1,
            "kept_positive": 1,
            "entries": 1000,
            "parameters": 1010,
            "requested": labels["sparsity"],
            "reached": rng.random(),
            "zero_gradients": rng.random(),
            "mask_digest": str(rng.random()),
        },
        "distances": {
            "mean_relative_distance": 5 * rng.random(),
            "relative_to_ticket": rng.random(),
            "regrown": rng.random(),
            "by_tensor": {name: rng.random() for name in tensors},
            "dense_norms": {name: 1 + rng.random() for name in tensors},
        },
        "matched": {"masked_l2": rng.random(), "masked_angle": 50.0},
        "dead_units": {"explained_share": rng.random(), "expected_share": rng.random()},
        "overlap_grasp": {"kappa": rng.random()},
        "overlap_initial": {"kappa": rng.random()},
        "rate": {"value": 0.03},
    }[part]


def test_the_plan_has_the_rows_of_every_verdict() -> None:
    found = verdicts(whole_study())
    assert [key for key, one in found.items() if one.n < 2] == []
    json.dumps([dataclasses.asdict(one) for one in found.values()], allow_nan=False)


@pytest.mark.parametrize("seed", range(4))
def test_a_study_full_of_holes_has_all_its_verdicts(seed: int) -> None:
    rng, holes = random.Random(seed), []
    for one in whole_study():
        kept = {part: known for part, known in one.records.items() if rng.random() < 0.999 - 0.1 * seed}
        for known in kept.values():
            gone = {name: None for name in known.metrics if rng.random() < 0.001}  # not finite
            known.metrics.update(gone)
        holes.append(Result(labels=one.labels, records=kept, missing=tuple(set(one.records) - set(kept))))
    assert list(verdicts(holes)) == KEYS
    assert len(beside(published_values(), Rows(holes))) == len(published_values())


def test_of_arms_that_have_not_left_chance_nothing_is_said_but_that() -> None:
    rows = corrected(dense=0.01, magnitude=0.05, spread=0.004)
    assert not any(map(at_chance, found_by(AGAINST_CONTROLS, Rows(rows))))
    for row in rows:
        if row.labels["activation"] == "sigmoid" and row.labels["method"] == "magnitude":
            row.records["train"].metrics["test_accuracy"] = 0.1
    assert {one.panel for one in found_by(AGAINST_CONTROLS, Rows(rows)) if at_chance(one)} == {"sigmoid"}
    said = verdict("corrected", rows)
    assert "sigmoid −0.390" in said.measured and " with a side at chance" in said.measured
    assert said.word == "cannot be said"


def test_verdicts_need_no_torch() -> None:
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from lotterylab.reading.rows import Rows\n"
        "from lotterylab.studies.activations_claims import CLAIMS\n"
        "print(len([claim.judge(Rows()) for claim in CLAIMS]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(CLAIMS))]
