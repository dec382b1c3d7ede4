"""The study of GraSP and then tickets: nested masks, exact levels, own rates, own images, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from lotterylab.commands.main import main
from lotterylab.criteria import Grasp, Magnitude, Random
from lotterylab.data import Digits
from lotterylab.engine.context import Context
from lotterylab.engine.results import results
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.plan.nodes import Choose, Data, Prune, Shuffle, Train
from lotterylab.plan.plan import Plan
from lotterylab.reading.costs import priced
from lotterylab.reading.rows import Rows, read_from
from lotterylab.studies.grasp_tickets import (
    GRASP,
    GRASP_10,
    GRASP_50,
    LTH,
    MIRROR,
    RANDOM,
    RANDOM_10,
    RANDOM_50,
    STUDY,
    Options,
)
from lotterylab.studies.grasp_tickets_claims import loss_to_parent
from some_plans import compute

SPEC = Digits(train=100, validation=20, test=20)
DATA = Data(spec=SPEC, content=SPEC.fingerprint(None).content)
SMALL: dict[str, Any] = {"epochs": 1, "rates": (0.03,), "scoring_images": 2, "images": 80, "seeds": 1, "rounds": 4}
PARENTS = {GRASP_50: (GRASP, 0.5), GRASP_10: (GRASP, 0.9), RANDOM_50: (RANDOM, 0.5), RANDOM_10: (RANDOM, 0.9)}


def planned(**changes: Any) -> Plan:
    return STUDY.plan(Options(**{**SMALL, **changes}), DATA)


@pytest.fixture(scope="module")
def computed(tmp_path_factory) -> tuple[Rows, Context]:
    plan, store = planned(), Store(tmp_path_factory.mktemp("grasp-tickets") / "store").create()
    compute(plan.targets(), store)
    return Rows(priced(Rows(results(plan, store)))), Context(store=store)


def mask(computed: tuple[Rows, Context], method: str, sparsity: float, control: str = "") -> dict[str, torch.Tensor]:
    rows, context = computed
    (row,) = rows.where(method=method, sparsity=sparsity, control=control)
    run = row.nodes["train"]
    assert isinstance(run, Train)
    return context.mask(run.mask)


def kept(mask: Any) -> list[int]:
    return [int(entries.sum()) for entries in mask.values()]


def inside(inner: Any, outer: Any) -> bool:
    return not any(bool((inner[name] & ~outer[name]).any()) for name in outer)


@pytest.mark.parametrize("name", PARENTS)
def test_every_ticket_lies_inside_its_parent_with_half_the_weights_of_the_round_before(name, computed):
    outer = mask(computed, *PARENTS[name])
    left = sum(kept(outer))
    entries = sum(entries.numel() for entries in outer.values())
    assert left == entries - int(PARENTS[name][1] * entries + 0.5)
    for sparsity in (0.75, 0.875, 0.9375) if name.startswith(("GraSP 50", "random 50")) else (0.95, 0.975):
        inner = mask(computed, name, sparsity)
        left -= int(left / 2 + 0.5)
        assert sum(kept(inner)) == left and inside(inner, outer)
        outer = inner


def test_random_parents_keep_as_many_weights_in_each_layer_as_grasp(computed):
    for sparsity in (0.5, 0.9):
        grasp, random = mask(computed, GRASP, sparsity), mask(computed, RANDOM, sparsity)
        assert kept(grasp) == kept(random) and not inside(random, grasp)


def test_the_controls_and_the_mirror(computed):
    rows, _ = computed
    ticket, parent = mask(computed, GRASP_50, 0.9375), mask(computed, GRASP, 0.5)
    sub, again = (mask(computed, GRASP_50, 0.9375, word) for word in ("random sub-mask", "reinitialised"))
    assert kept(sub) == kept(ticket) and inside(sub, parent) and not inside(sub, ticket)
    assert kept(again) == kept(ticket) and inside(again, ticket)
    assert inside(mask(computed, MIRROR, 0.9375), mask(computed, LTH, 0.5))
    costs = {str(row.labels["control"]): row.metric("cost.epochs") for row in rows.where(method=GRASP_50)}
    assert costs["dense same cost"] == 4.0, "GraSP's mask of 50 % and three rounds, one epoch each"
    (mirror,), (last,) = rows.where(method=MIRROR), rows.where(method=LTH, sparsity=0.9375)
    assert (mirror.metric("cost.epochs"), last.metric("cost.epochs")) == (2.0, 5.0)


def test_the_loss_to_the_parent_is_a_difference_of_two_rows(computed):
    rows, _ = computed
    (parent,), (ticket,) = rows.where(method=GRASP, sparsity=0.9), rows.where(method=GRASP_10, sparsity=0.975)
    accuracies = [row.metric("train.test_accuracy") for row in (parent, ticket)]
    assert read_from(ticket, loss_to_parent) == accuracies[0] - accuracies[1]
    assert loss_to_parent(parent) is None


def test_each_parent_has_a_rate_of_its_own_and_its_tickets_keep_it():
    plan = planned(rates=(0.01, 0.03))
    chosen: dict[str, set[Any]] = {}
    for row in plan.rows:
        run = row.nodes["train"]
        assert isinstance(run, Train) and row.nodes.get("rate", run.recipe.optimizer.lr) == run.recipe.optimizer.lr
        if row.labels["control"] != "dense same cost":
            chosen.setdefault(str(row.labels["method"]), set()).add(run.recipe.optimizer.lr)
    assert len(set().union(*chosen.values())) == 8, "5 parents, 2 masks of GraSP alone, the mirror"
    assert all(len(chosen[name]) == 1 for name in (LTH, *PARENTS, MIRROR))
    assert {row.labels["method"] for row in plan.rows if "rate" in row.nodes} == {"dense", GRASP, RANDOM, MIRROR}
    assert chosen[GRASP_50] < chosen[GRASP] and chosen[RANDOM_50] < chosen[RANDOM]
    for rate in set().union(*chosen.values()):
        assert isinstance(rate, Choose) and [value for value, _ in rate.candidates] == [0.01, 0.03]
        assert {run.order_seed for _, (run,) in rate.candidates if isinstance(run, Train)} == {1_000}


def test_each_seed_draws_its_own_training_images():
    data = {row.nodes["train"].data.spec for row in planned(seeds=3).rows}  # type: ignore[attr-defined]
    images = [spec.load(None).train.images for spec in sorted(data, key=lambda spec: spec.seed)]
    assert [len(part) for part in images] == [80] * 3
    assert not torch.equal(images[0], images[1]) and not torch.equal(images[1], images[2])


@pytest.mark.parametrize("scope", ["layerwise", "uniform", "erk", "balanced"])
def test_random_parents_may_share_their_weights_by_a_scope(scope):
    found = [row.nodes["train"].mask for row in planned(random=scope).rows if row.labels["method"] == RANDOM]  # type: ignore[attr-defined]
    assert [(type(cut.criterion), cut.scope, cut.sparsity) for cut in found] == [(Random, scope, s) for s in (0.5, 0.9)]
    assert Options(random=scope).label == f"standard-{scope}"


def test_the_criteria_are_grasp_and_magnitude_alone():
    cuts = [row.nodes["prune"] for row in planned().rows if "prune" in row.nodes]
    assert {type(cut.criterion) for cut in cuts if isinstance(cut, Prune)} == {Grasp, Magnitude}
    assert not any(isinstance(cut, Shuffle) for cut in cuts), "a shuffled mask has the numbers of the cut behind it"


def test_tanh_is_an_option_that_changes_every_run():
    relu, tanh = ({row.nodes["train"] for row in planned(**of).rows} for of in ({}, {"activation": "tanh"}))
    assert not relu & tanh and Options(activation="tanh").label == "standard-tanh"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (("--activation", "rellu"), "Did you mean 'relu'"),
        (("--random", "ballanced"), "Did you mean 'balanced'"),
        (("--rounds", "1"), "rounds"),
        (("--images", "50000"), "images"),
        (("--scoring-images", "0"), "scoring"),
    ],
)
def test_wrong_options_are_one_error_with_exit_code_2(line, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOTTERYLAB_DATA", str(tmp_path))
    assert main(["plan", "grasp-tickets", *line, "--store", "store"]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1 and not (tmp_path / "store").exists()


def test_fewer_images_than_the_criterion_scores_are_refused_before_anything_runs():
    with pytest.raises(UsageError, match="scoring_images is 10, but the rarest class has at most 5 of 50"):
        planned(images=50, scoring_images=10)
