"""The study of RandomOut's own claims: its runs, and what it says of rows by hand."""

from __future__ import annotations

import random
from typing import Any

import pytest

from lotterylab.data import Cifar10, Digits
from lotterylab.data.subset import Subset
from lotterylab.engine.results import Result, results
from lotterylab.engine.store import Store
from lotterylab.plan.nodes import Choose, Data, Train, first_of
from lotterylab.reading.claims import read
from lotterylab.reading.rows import Rows
from lotterylab.studies.random_out import STUDY, WIDTHS, Options, build, trained
from lotterylab.studies.random_out_reading import (
    ARMS,
    CHOSEN,
    CROSSED,
    DEAD,
    FULL,
    HIGH,
    NARROW,
    NORM,
    NORM_DEAD,
    OTHER_IMAGES,
    OUT,
    OUTLINE,
    PLAIN,
    SAME,
    resets,
)
from some_plans import compute
from some_results import row

SPEC = Digits(train=128, validation=20, test=20)
DATA = Data(spec=SPEC, content=SPEC.fingerprint(None).content)
CIFAR = Data(spec=STUDY.data, content="ab" * 32)
IMAGES = Data(spec=Subset(spec=STUDY.data, train=5_000), content=CIFAR.content)  # what all arms train on


def runs(plan) -> dict[str, Train]:
    return {node.digest: node for row in plan.rows for node in row.nodes.values() if isinstance(node, Train)}


def test_the_standard_size_has_this_many_runs():
    plan = build(Options(), CIFAR)
    arms = 20 * sum(map(len, ARMS.values()))
    crossed, diagonal, other_images = 2 * 36, 2 * 6, 6
    assert len(plan.rows) == arms + crossed + other_images
    assert len(runs(plan)) == arms + crossed - diagonal + other_images == 486
    assert isinstance(STUDY.data, Cifar10) and STUDY.data.test == 10_000
    assert {run.data.spec.train for run in runs(plan).values()} == {5_000}


def test_every_run_of_an_arm_is_at_the_arms_own_rate_chosen_by_another_seed():
    of_dead = trained(Options(), IMAGES, NORM_DEAD, NARROW, HIGH, 3)
    of_norm = trained(Options(), IMAGES, NORM, NARROW, HIGH, 3)
    assert of_dead.recipe.optimizer.lr == of_norm.recipe.optimizer.lr
    for arm in (PLAIN, OUT, DEAD, NORM):
        chosen, high = (trained(Options(), IMAGES, arm, NARROW, rate, 3) for rate in (CHOSEN, HIGH))
        choice = high.recipe.optimizer.lr
        assert isinstance(choice, Choose) and choice.by == "validation_accuracy"
        trials = [run for _, several in choice.candidates for run in several]
        assert {(run.order_seed, first_of(run.start).seed) for run in trials} == {(1_000, 1_000)}
        rates = [value for value, _ in chosen.recipe.optimizer.lr.candidates]
        assert [value for value, _ in choice.candidates] == pytest.approx([3 * rate for rate in rates])
        assert all(run.recipe.during == high.recipe.during and run.model == high.model for run in trials)


def test_random_resets_repeat_the_steps_of_the_same_seeds_run():
    copied, run = (trained(Options(), IMAGES, arm, NARROW, HIGH, 3) for arm in (OUT, SAME))
    (control,) = run.recipe.during
    assert control.log.run == copied and run.recipe.optimizer.lr == copied.recipe.optimizer.lr
    assert run.start == copied.start and run.order_seed == copied.order_seed


def test_crossed_runs_differ_in_one_seed_alone_and_their_diagonal_is_the_plain_arm():
    plan = build(Options(seeds=3, crossed=3), CIFAR)
    table = {
        (row.labels["method"], row.labels["seed"]): row.nodes["train"]
        for row in plan.rows
        if row.labels["protocol"] == f"{CROSSED}, {CHOSEN}"
    }
    assert len(table) == 9
    for (name, order), run in table.items():
        assert isinstance(run, Train)
        assert (first_of(run.start).seed, run.order_seed) == (int(str(name).split()[-1]), order)
        if name == f"initialisation {order}":
            assert run == trained(Options(), IMAGES, PLAIN, FULL, CHOSEN, int(order))


def test_filters_are_compared_between_runs_that_differ_in_one_thing():
    plan = build(Options(seeds=3, crossed=3), CIFAR)
    for line in (line for line in plan.rows if line.labels["protocol"] == OTHER_IMAGES):
        for part, differs in (("other_images", "data"), ("other_order", "order_seed"), ("other_init", "start")):
            a, b = (line.nodes[part].of[side].run for side in "ab")  # type: ignore[attr-defined]
            assert [field for field in ("data", "order_seed", "start") if getattr(a, field) != getattr(b, field)] == [
                differs
            ]


def test_on_a_few_digits_it_runs_and_batch_norm_without_resets_is_the_same_run(tmp_path):
    options = Options(size="quick", epochs=2, rates=(0.03,), seeds=2)
    plan, store = STUDY.plan(options, DATA), Store(tmp_path / "store").create()
    compute(plan.targets(), store)
    found = Rows(results(plan, store))
    assert all(row.complete for row in found)
    high = found.where(protocol=f"{NARROW}, {HIGH}")
    for ours, theirs in zip(high.where(method=NORM_DEAD), high.where(method=NORM), strict=True):
        if resets(ours) == 0:
            assert ours.records["train"].blobs["final"] == theirs.records["train"].blobs["final"]
    for ours, theirs in zip(high.where(method=SAME), high.where(method=OUT), strict=True):
        assert resets(ours) == resets(theirs)
    other = found.where(protocol=OTHER_IMAGES)
    assert all(0 < row.metric("other_init.matched") <= 1 for row in other)


def by_hand(seeds: int = 20) -> Rows:
    """Rows as the paper's claims would have them."""
    rng, rows = random.Random(0), []

    def add(protocol: str, method: str, seed: int, accuracy: float, **parts: Any) -> None:
        train = {"test_accuracy": accuracy, "resets": {"conv1.weight": 0}}
        rows.append(row(protocol, "relu", method, seed, train=train, **parts))

    for seed in range(seeds):
        for (width, rate), arms in ARMS.items():
            for arm in arms:
                spread = 0.03 if arm == PLAIN else 0.004
                level = 0.1 if rate == HIGH and width == NARROW and arm == PLAIN and seed < 12 else 0.6
                add(f"{width}, {rate}", arm, seed, level + (rng.gauss(0, spread) if level > 0.1 else 0.0))
    for rate in (CHOSEN, HIGH):
        for init in range(6):
            for order in range(6):
                accuracy = 0.6 + 0.01 * init + rng.gauss(0, 0.001)
                add(f"{CROSSED}, {rate}", f"initialisation {init}", order, accuracy)
    for seed in range(6):
        alike = {f"other_{part}": {"matched": value + rng.gauss(0, 0.01), "cosine": value} for part, value in
                 (("images", 0.8), ("order", 0.85), ("init", 0.5))}  # fmt: skip
        add(OTHER_IMAGES, PLAIN, seed, 0.6, **alike)
    return Rows(rows)


def test_its_judges_confirm_the_papers_claims_on_rows_that_have_them_and_refute_the_opposite():
    judged, differences = read(OUTLINE.claims, OUTLINE.comparisons, by_hand())
    assert {claim.key: judgement.word for claim, judgement in judged} == {f"r{i}": "confirmed" for i in range(1, 9)}
    swapped = {OUT: PLAIN, PLAIN: OUT}
    turned = Rows(
        Result(labels={**one.labels, "method": swapped.get(one.labels["method"], method)}, records=one.records)  # type: ignore[arg-type]
        for one in by_hand()
        if (method := one.labels["method"])
    )
    words = {claim.key: judgement.word for claim, judgement in read(OUTLINE.claims, OUTLINE.comparisons, turned)[0]}
    assert words["r1"] == words["r4"] == "refuted" and words["r2"] == "cannot be said"
    assert OUTLINE.headline is not None and OUTLINE.conclude is not None
    said = OUTLINE.headline(by_hand(), differences)
    assert said == (
        "With RandomOut the share of seeds that fail changes by −0.60 [−0.60, −0.28] at x0.25 and +0.00 [+0.00, +0.00] "
        "at x1 (three times the rate, n = 20)."
    )
    assert len(said.split()) <= 30
    text = OUTLINE.conclude(by_hand(), differences)
    assert "initialisation 100 %" in text and "0.80 on other images, 0.50 from another initialisation" in text
    assert "At x0.25, three times the rate, the seeds that fail are 12 of 20 (plain), 0 of 20 (RandomOut)" in text
    assert len(text.split(". ")[0].split()) <= 30


def test_widths_are_fractions_of_the_activation_studys_network():
    whole = WIDTHS[FULL]
    assert all(WIDTHS[name] == tuple(int(n * float(name[1:])) for n in whole) for name in WIDTHS)
