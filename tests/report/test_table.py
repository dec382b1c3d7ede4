"""The terminal's table: every number there once, and nothing wider than the terminal."""

import re

import pytest

from lotterylab.auditing.alarms import Alarm
from lotterylab.reading.rows import Rows
from lotterylab.reading.table import arms, render, spell
from some_results import SEEDS, row

MANY = [
    row(
        "as-published",
        activation,
        "first-order",
        seed,
        sparsity=0.9,
        control="reinitialised",
        train={"test_accuracy": 0.4 + seed / 1000, "test_accuracy_exact": 0.3},
        prune={"reached": 0.1},
        distances={"mean_relative_distance": 12.5 + seed, "floor": 0.5, "masked_angle": 61.3},
    )
    for activation in ("relu", "sigmoid")
    for seed in SEEDS
]

ALARMS = [
    Alarm(
        code="moved",
        message="told in full elsewhere",
        where="as-published relu magnitude 0.9 seed 42",
        severity="fault",
    ),
    Alarm(
        code="moved",
        message="told in full elsewhere",
        where="as-published tanh magnitude 0.9 seed 42",
        severity="fault",
    ),
    Alarm(code="ties-at-cut", message="told in full elsewhere", where="as-published relu", severity="caution"),
]


@pytest.mark.parametrize(
    ("values", "spelled"),
    [((), ""), ((0.25,), "0.250"), ((0.5, 0.5, 0.5), "0.500"), ((0.40, 0.44), "0.420 ± 0.254")],
)
def test_a_mean_is_spelled_with_its_interval_where_there_is_a_spread(values, spelled):
    assert spell(values) == spelled


def test_an_arm_has_the_seeds_whose_training_is_finished():
    started = row(
        "as-published", "relu", "first-order", 99, sparsity=0.9, control="reinitialised", prune={"reached": 0.1}
    )
    (first, second) = arms(Rows([*MANY, started]))
    assert first.seeds == SEEDS and second.labels[1] == "sigmoid"


@pytest.mark.parametrize("width", [50, 60, 80, 100, 140])
def test_no_line_is_wider_than_the_terminal_and_what_does_not_fit_is_named(width):
    text = render("Title", MANY, ALARMS, width=width)
    note = " ".join(text.split())
    body = text.partition("Title:")[0]
    assert max(map(len, body.splitlines())) <= width
    shown = re.findall(r"test acc\.|removed|D\b|exact only|floor|angle", body.splitlines()[1])
    missing = note.partition("Too narrow here for: ")[2]
    assert ("Too narrow" in note) == (len(shown) < 6)
    for heading in ("removed", "exact only", "floor", "angle"):
        assert (heading in shown) != (heading in missing)
    assert "10 of 10 rows finished." in text and "Alarms: 3" in text
    told = [line for line in text.splitlines() if " x " in line]
    assert ["    2 x moved" in told[0], "    1 x ties-at-cut" in told[1]] == [True, True]
    assert max(map(len, told)) <= width


def test_exact_images_are_left_out_where_all_are_exact():
    same = [row("corrected", "tanh", "dense", 1, train={"test_accuracy": 0.5, "test_accuracy_exact": 0.5})]
    assert "exact only" not in render("Title", same, (), width=100)


# a run that diverged


def with_diverged(seed_lost: int) -> list:
    return [
        row(
            "corrected",
            "relu",
            method,
            seed,
            sparsity=0.5,
            train={
                "test_accuracy": 0.4 + seed / 1000,
                **({"diverged_epoch": 3} if method == "grasp" and seed == seed_lost else {}),
            },
        )
        for method in ("magnitude", "grasp")
        for seed in SEEDS
    ]


def test_an_arm_of_which_a_run_diverged_is_marked_and_the_mark_explained():
    text = render("t", with_diverged(43), [], width=100)
    lines = {line.split()[0]: line for line in text.splitlines() if line.startswith(("magnitude", "grasp"))}
    assert "5 *" in lines["grasp"] and "*" not in lines["magnitude"]
    assert lines["grasp"].index("5 *") == lines["magnitude"].index("5   ")
    assert "*: a run diverged." in text


def test_a_table_without_a_diverged_run_has_no_mark():
    assert "*" not in render("t", with_diverged(0), [], width=100)
