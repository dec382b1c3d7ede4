"""The first sentence of each study's page answers its question in at most thirty words."""

from __future__ import annotations

import re
import zlib

import numpy as np
import pytest

from lotterylab.asking.catalogue import STUDIES, study_named
from lotterylab.data import Digits
from lotterylab.engine.records import Record
from lotterylab.engine.results import Result
from lotterylab.plan.nodes import Data
from lotterylab.plan.plan import Plan
from lotterylab.reading.answers import best_of, by_panel, conclusion, headline, in_words
from lotterylab.reading.claims import read
from lotterylab.reading.lines import Line
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows
from some_outline import DENSE, RANDOM, TICKET, differences_of, rows, versus

WHOLE = Data(spec=Digits(), content="0" * 64)
MOST_WORDS = 30
SPREADS = (0.0005, 0.01, 0.2)  # all comparisons decided, some, none
OTHERS = {"steps": 500, "best_step": 100, "average": 0.5, "masked_l2": 1.0, "masked_angle": 30.0, "kappa": 0.5}
PLANS = {name: study_named(name).plan(study_named(name).options(seeds=5), WHOLE) for name in STUDIES}


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.?!])\s+", text)


def made_up(plan: Plan, spread: float, draw: int) -> Rows:
    """Finished rows: each arm has a level, and each row a distance of about ``spread`` from it."""
    found = []
    for row in plan.rows:
        arm = " ".join(str(value) for name, value in row.labels.items() if name != "seed")
        level = np.random.default_rng(zlib.crc32(f"{arm} {draw}".encode())).uniform(0.3, 0.9)
        noise = np.random.default_rng(zlib.crc32(f"{arm} {row.labels['seed']} {draw}".encode())).standard_normal()
        accuracy = float(level + spread * noise)
        numbers = {"test_accuracy": accuracy, "best_test_accuracy": accuracy, "log10_ratio": accuracy, **OTHERS}
        numbers |= {"instability": 0.01 * accuracy, "reached": row.labels["sparsity"], "average": accuracy}
        records = {
            part: Record(digest=node.digest, kind=type(node).__name__, metrics=dict(numbers), facts={})
            for part, node in row.nodes.items()
        }
        found.append(Result(labels=row.labels, records=records, nodes=row.nodes))
    return Rows(found)


def texts(name: str, results: Rows) -> tuple[str, str]:
    outline = study_named(name).outline
    _, differences = read(outline.claims, outline.comparisons, results)
    return headline(outline, results, differences), conclusion(outline, results, differences)


def check(name: str, results: Rows) -> None:
    answer, paragraph = texts(name, results)
    for text in (answer, paragraph, PLANS[name].question):
        first, *rest = sentences(text)
        assert len(first.split()) <= MOST_WORDS, first
        assert all(sentence[0].isupper() or sentence[0].isdigit() for sentence in (first, *rest)), text
    assert not paragraph or sentences(answer)[0] not in paragraph or answer.startswith("Nothing can be said")


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("spread", SPREADS)
def test_the_first_sentence_has_at_most_thirty_words(name, spread):
    for draw in range(3):
        check(name, made_up(PLANS[name], spread, draw))


@pytest.mark.parametrize("name", STUDIES)
def test_it_does_so_before_the_end_of_the_study_too(name):
    finished = made_up(PLANS[name], 0.01, 0)
    check(name, Rows())
    for seeds in (1, 2):
        check(name, finished.where(seed=tuple(finished.seeds[:seeds])))
    answer, _ = texts(name, Rows())
    assert answer.startswith("Nothing can be said yet")


@pytest.mark.parametrize("name", STUDIES)
def test_the_answer_of_finished_runs_has_a_number_with_its_interval(name):
    answer, _ = texts(name, made_up(PLANS[name], 0.0005, 0))
    number = r"[+−]?\d\.\d+"  # a difference has its sign, a share of the seeds has none
    assert re.search(rf"{number} \[{number}, {number}\]", sentences(answer)[0]), answer


def test_a_study_without_an_outline_does_not_repeat_its_headline():
    results = rows()
    assert headline(Outline(), results, []).startswith("The study plans no comparison.")
    assert conclusion(Outline(), results, []) == ""


def test_the_default_conclusion_has_the_planned_comparisons_that_the_headline_lacks():
    outline = Outline(comparisons=(versus(DENSE, planned=(0.5,)), versus(RANDOM, planned=(0.5,))))
    differences = differences_of(outline.comparisons, rows())
    assert headline(outline, rows(), differences).startswith("Ticket is better than dense: +0.0103 [")
    assert conclusion(outline, rows(), differences).startswith("Ticket is better than random: +0.1008 [")


def test_a_sentence_names_the_side_that_is_better_or_that_nothing_is_decided():
    comparisons = (versus(RANDOM), versus(DENSE), versus(RANDOM, key="cost", more_is="worse"))
    by_key = {(one.comparison.key, one.sparsity): one for one in differences_of(comparisons, rows())}
    assert in_words(by_key["random", 0.5], "a ticket", "chance").startswith("A ticket is better than chance: +0.1008")
    assert in_words(by_key["cost", 0.5]).startswith("Ticket is worse than random: +0.1008")
    assert in_words(by_key["dense", 0.9]).startswith("Ticket and dense are equal within 0.005: +0.0000")
    assert in_words(by_key["random", 0.9]).startswith("It is undecided whether ticket and random differ: +0.0055")
    assert "(net, relu, 50 % of the weights, n = 4)" in in_words(by_key["random", 0.5])


def test_panels_are_grouped_by_their_outcome():
    both = [(row, name) for name in ("relu", "tanh") for row in rows()]
    results = Rows(Result(labels={**row.labels, "activation": name}, records=row.records) for row, name in both)
    won = [one for one in differences_of((versus(RANDOM, planned=(0.5,)),), results) if one.planned]
    assert by_panel(won, "tickets", "random masks", "At 0.5").startswith(
        "At 0.5, tickets beat random masks for relu and tanh (+0.101 ["
    )
    mixed = [won[0], *(one for one in differences_of((versus(RANDOM, planned=(0.9,)),), results) if one.planned)][:2]
    assert by_panel(mixed, "tickets", "random masks", "Here").endswith("n = 4) and are undecided for relu.")


def test_the_best_line_is_named_with_those_that_it_beats():
    sides = {"a": TICKET, "b": RANDOM, "c": DENSE}
    names = {line.name: name for name, line in sides.items()}
    pairs = [versus(RANDOM), versus(DENSE), versus(DENSE, key="third", a=Line(name="random", labels=RANDOM.labels))]
    at_half = [one for one in differences_of(tuple(pairs), rows()) if one.sparsity == 0.5]
    assert best_of(at_half, names, "line").startswith("A gives better tickets than b and c: +0.0103 [")
    at_ninety = [one for one in differences_of(tuple(pairs), rows()) if one.sparsity == 0.9]
    assert best_of(at_ninety, names, "line").startswith(
        "It is undecided which line gives the best tickets: a minus c is"
    )
