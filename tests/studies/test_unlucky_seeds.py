"""The study of seeds without tickets: its runs, its shares on rows by hand, and its page from a tiny ledger."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
import scipy.stats

from lotterylab.commands.main import main
from lotterylab.data import Digits
from lotterylab.data.subset import Subset
from lotterylab.plan.nodes import Choose, Data, Dense, Shuffle, Train, first_of
from lotterylab.reading.claims import read
from lotterylab.reading.costs import trainings
from lotterylab.reading.rows import Rows
from lotterylab.studies.unlucky_seeds import IMAGES, STUDY, Options
from lotterylab.studies.unlucky_seeds_claims import LOW, OUTLINE
from some_results import row

DIGITS: Any = Digits()
DATA = Data(spec=DIGITS, content="0" * 64)
TINY = """\
study = "unlucky-seeds"
size = "quick"
steps = 12
seeds = 3
rates = [0.0012]
"""


def runs_of(seed: int) -> dict[str, Train]:
    """The run of each control of a seed; the ticket's name is "", the dense network's "dense"."""
    plan = STUDY.plan(Options(), DATA)
    own = [line for line in plan.rows if line.labels["seed"] == seed]
    found = {str(line.labels["control"] or line.labels["method"]): line.nodes["train"] for line in own}
    return {name: run for name, run in found.items() if isinstance(run, Train)}


def test_thirty_seeds_have_images_weights_and_orders_of_their_own():
    plan = STUDY.plan(Options(), DATA)
    assert {line.labels["seed"] for line in plan.rows} == set(range(30)) and len(plan.rows) == 30 * 8
    runs = [runs_of(seed)["iterative"] for seed in (0, 29)]
    images = [run.data.spec for run in runs]
    assert images == [Subset(spec=DIGITS, train=IMAGES, seed=seed) for seed in (0, 29)]
    assert [(first_of(run.start).seed, run.order_seed) for run in runs] == [(0, 0), (29, 29)]


def test_the_arms_of_a_seed_differ_in_the_one_thing_that_their_names_say():
    runs = runs_of(3)
    ticket, first, second = (runs[name] for name in ("iterative", "random mask", "other random mask"))
    assert isinstance(first.mask, Shuffle) and isinstance(second.mask, Shuffle)
    assert first.mask.mask == second.mask.mask == ticket.mask and first.mask.seed != second.mask.seed
    assert first.recipe == second.recipe and first.start == second.start == ticket.start
    assert runs["reinitialised"].mask == ticket.mask and runs["reinitialised"].start != ticket.start
    for name, base in (("other order", ticket), ("random mask, other order", first)):
        again = runs[name]
        assert (again.mask, again.start, again.recipe) == (base.mask, base.start, base.recipe)
        assert again.order_seed != base.order_seed
    longer = runs["dense same cost"]
    assert isinstance(longer.mask, Dense) and longer.total_steps == sum(trainings(ticket).values()) == 6 * 2_000


def test_each_arm_has_a_rate_of_its_own_chosen_by_a_seed_that_is_not_among_the_thirty():
    for name in ("dense", "iterative", "random mask", "reinitialised"):
        choice = runs_of(3)[name].recipe.optimizer.lr
        assert isinstance(choice, Choose) and choice.by == "validation_accuracy"
        trials = [run for _, several in choice.candidates for run in several if isinstance(run, Train)]
        assert {run.order_seed for run in trials} == {1_000} and len(trials) == 3
        assert {type(run.mask) for run in trials} == {type(runs_of(3)[name].mask)}


NOISE = (0.0, 0.004, -0.004, 0.002, -0.002)


def by_hand(lucky: int, lucky_again: int, *, dense: float = 0.95, seeds: int = 30) -> Rows:
    """Rows in which so many seeds have a ticket, in the first order and in the second."""
    rows = []

    def add(control: str, seed: int, accuracy: float, method: str = "iterative") -> None:
        sparsity = LOW if method == "iterative" else 0.0
        train = {"test_accuracy": accuracy + NOISE[seed % 5]}
        rows.append(row("p", "relu", method, seed, sparsity=sparsity, control=control, train=train))

    for seed in range(seeds):
        add("", seed, dense, "dense")
        add("", seed, 0.94)
        add("random mask", seed, 0.90 if seed < lucky else 0.94)  # a tie is no ticket
        add("other random mask", seed, 0.91 if seed % 2 else 0.89)
        add("reinitialised", seed, 0.92)
        add("other order", seed, 0.94)
        add("random mask, other order", seed, 0.90 if seed >= seeds - lucky_again else 0.95)
        add("dense same cost", seed, 0.95 + NOISE[(seed + 1) % 5])
    return Rows(rows)


@pytest.mark.parametrize(
    ("lucky", "word"), [(30, "confirmed"), (29, "confirmed"), (26, "cannot be said"), (15, "refuted")]
)
def test_a_share_of_seeds_is_judged_by_the_exact_interval(lucky, word):
    judged = {claim.key: judgement for claim, judgement in read(OUTLINE.claims, (), by_hand(lucky, 30))[0]}
    found, oracle = judged["u1"], scipy.stats.binomtest(lucky, 30).proportion_ci(method="exact")
    assert found.word == word and found.n == 30 and found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((oracle.low, oracle.high))
    terms = [math.comb(30, k) * 0.75**k * 0.25 ** (30 - k) for k in range(31)]
    assert found.p == pytest.approx(min(1, 2 * min(sum(terms[: lucky + 1]), sum(terms[lucky:]))))


def test_a_seed_is_unlucky_only_if_both_orders_are_and_a_ticket_far_below_dense_is_not_as_good():
    judged = {claim.key: judged for claim, judged in read(OUTLINE.claims, OUTLINE.comparisons, by_hand(20, 10))[0]}
    both, either, as_dense = judged["u1"], judged["u3"], judged["u2"]
    assert both.measured.startswith("True for 20 of 30") and either.measured.startswith("True for 30 of 30")
    assert as_dense.measured.startswith("True for 20 of 30") and either.word == "confirmed"
    below = {claim.key: judged for claim, judged in read(OUTLINE.claims, (), by_hand(30, 30, dense=0.96))[0]}
    assert below["u2"].measured.startswith("True for 0 of 30") and below["u2"].word == "refuted"  # by just 0.02


def test_its_sentences_count_seeds_beside_what_chance_alone_gives():
    rows = by_hand(28, 30)
    assert OUTLINE.headline is not None and OUTLINE.conclude is not None
    assert OUTLINE.headline(rows, []) == (
        "With 3.12 % of the weights, 28 of 30 (0.93 [0.78, 0.99]) of the seeds' tickets are more accurate than a "
        "random mask."
    )
    said = OUTLINE.conclude(rows, [])
    assert "One random mask is more accurate than another one in " in said and "minus it: dense 0.0100" in said


def test_its_page_is_built_from_a_ledger_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results" / "unlucky-seeds"
    folder.mkdir(parents=True)
    (folder / "study.toml").write_text(TINY)
    words = ["--config", str(folder / "study.toml"), "--ledger", str(folder / "ledger.jsonl")]
    how = ["--store", str(tmp_path / "store"), "--workers", "1", "--progress", "none"]
    assert main(["run", "unlucky-seeds", *words, *how]) == 0
    monkeypatch.setenv("LOTTERYLAB_STORE", str(tmp_path / "empty"))
    assert main(["report", "--all"]) == 0
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert re.search(r"[0-3] of 3 \([01]\.\d\d \[0\.\d\d, [01]\.\d\d\]\) of the seeds' tickets", text)
    assert (folder / "numbers.csv").read_text().count(",train,test_accuracy,") == 3 * 8
    assert all(claim.text in text for claim in OUTLINE.claims)
