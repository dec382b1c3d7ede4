"""The studies ``deconstructing`` and ``signs``: their arms, their costs, and judges over several rows of a seed."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import scipy.stats
import torch

from lotterylab.criteria import Magnitude, Random
from lotterylab.data import Digits, Mnist
from lotterylab.engine.context import Context
from lotterylab.engine.store import Store
from lotterylab.masks.counts import removal_count
from lotterylab.plan.nodes import Choose, Data, Init, Node, Prune, Shuffle, Train, nodes_in
from lotterylab.procedures.choosing import TRIAL_SEED
from lotterylab.reading.costs import trainings
from lotterylab.reading.judging import above_at_best
from lotterylab.reading.lines import Line
from lotterylab.reading.rows import Rows
from lotterylab.studies import deconstructing, signs
from lotterylab.studies.lenet_arms import LOW_ROUND, MARGIN, MIDDLE_ROUND, RATE, SPEC, Lenet, Options
from some_plans import compute
from some_results import row

DIGITS = Digits(train=64, validation=20, test=20)
DATA = Data(spec=DIGITS, content=DIGITS.fingerprint(None).content)
MNIST = Data(spec=SPEC, content="ab" * 32)
STANDARD = Lenet(options=Options(), data=MNIST, seed=3)
WEIGHTS = {"fc.0.weight": 784 * 300, "fc.1.weight": 300 * 100, "fc.2.weight": 100 * 10}


def kept_after(rounds: int) -> dict[str, int]:
    """What rounds of 20 % (10 % in the output layer) leave, by whole numbers."""
    left = dict(WEIGHTS)
    for _ in range(rounds):
        for name, count in left.items():
            left[name] = count - math.floor(count * (10 if name == "fc.2.weight" else 20) / 100 + 0.5)
    return left


def test_both_studies_train_on_all_of_mnist_and_test_on_10_000_images():
    assert isinstance(SPEC, Mnist) and (SPEC.train, SPEC.validation, SPEC.test) == (55_000, 5_000, 10_000)
    assert Options().seeds == 8 and deconstructing.STUDY.data == signs.STUDY.data == SPEC
    error = math.sqrt(0.015 / SPEC.test)  # of a paired difference, where 1.5 % of the images are decided differently
    assert 1.5 * error < MARGIN <= 0.005 / 2


def test_the_masks_of_a_level_have_the_papers_counts_layer_by_layer_at_once_and_in_rounds(tmp_path):
    everything = {name: torch.ones(WEIGHTS[name], dtype=torch.bool) for name in WEIGHTS}
    for rounds, percent in ((MIDDLE_ROUND, 8.7), (LOW_ROUND, 3.6)):
        wanted = kept_after(rounds)
        assert round(100 * sum(wanted.values()) / sum(WEIGHTS.values()), 1) == percent
        shares = replace(RATE, rounds=rounds).target(everything, "layerwise")
        assert {name: WEIGHTS[name] - removal_count(share, WEIGHTS[name]) for name, share in shares.items()} == wanted
    cuts = [ticket.mask.sparsity.rounds for ticket in deconstructing.in_rounds(STANDARD, "movement")]
    assert [sum(cuts[: number + 1]) for number in range(len(cuts))] == [4, 8, MIDDLE_ROUND, LOW_ROUND]
    start = Lenet(options=Options(), data=DATA, seed=0).start
    cut = {"of": start, "sparsity": replace(RATE, rounds=LOW_ROUND), "scope": "layerwise", "ties": "random", "seed": 1}
    masks = [Prune(criterion=criterion, **cut) for criterion in (Magnitude(), Random())]
    store = Store(tmp_path / "store").create()
    compute(masks, store)
    of_size, random = (Context(store=store).mask(mask) for mask in masks)
    assert {name: int(kept.sum()) for name, kept in of_size.items()} == {
        name: int(kept.sum()) for name, kept in random.items()
    }


def test_every_arm_has_a_rate_of_its_own_chosen_for_the_sparsest_level_by_another_seed():
    small, random = (deconstructing.cut(name) for name in ("small final", "random"))
    first, other = (STANDARD.chosen(small, round) for round in (MIDDLE_ROUND, LOW_ROUND))
    rate = first.recipe.optimizer.lr
    assert isinstance(rate, Choose) and rate == other.recipe.optimizer.lr
    assert rate != STANDARD.chosen(random, LOW_ROUND).recipe.optimizer.lr
    values, trials = zip(*rate.candidates, strict=True)
    assert values == (0.0006, 0.0012, 0.0024)
    assert {run.order_seed for runs in trials for run in runs} == {TRIAL_SEED}
    assert {run.mask.sparsity.rounds for runs in trials for run in runs} == {LOW_ROUND}
    assert {node.seed for runs in trials for run in runs for node in history(run) if isinstance(node, Init)} == {
        TRIAL_SEED
    }


def history(node: Node) -> list[Node]:
    found, todo = [], [node]
    while todo:
        node = todo.pop()
        found.append(node)
        todo += nodes_in([getattr(node, name, None) for name in ("start", "mask", "of", "run")])
    return found


@pytest.mark.parametrize(("study", "trained"), [(deconstructing, 47), (signs, 22)])
def test_a_seed_has_this_many_runs_and_dense_ones_of_the_cost_of_each_procedure(study, trained):
    plan = study.build(Options(seeds=1), MNIST)
    runs = {node.digest: node for row in plan.rows for node in row.nodes.values() if isinstance(node, Train)}
    assert len(runs) == trained
    longer = [row.nodes["train"] for row in plan.rows if row.labels["control"] == "dense same cost"]
    assert [run.total_steps for run in longer] == ([20_000, 50_000] if study is deconstructing else [20_000])
    iterative = [row.nodes["train"] for row in plan.rows if row.labels["protocol"] == "iterative"]
    behind = [sum(steps for steps in trainings(run).values()) for run in iterative if run.recipe.steps == 10_000]
    assert behind == ([10_000, *([40_000, 50_000] * 3)] if study is deconstructing else [])


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    """The starts of all arms, with a mask cut from the initial weights, on a network of 8 x 8 pixels."""
    network = Lenet(options=Options(), data=DATA, seed=0)
    mask = Prune(criterion=Magnitude(), of=network.start, sparsity=0.9, seed=0)
    starts = {name: make(network, mask) for name, make in deconstructing.STARTS.items()}
    store = Store(tmp_path_factory.mktemp("starts") / "store").create()
    compute([*starts.values(), network.fresh, mask], store)
    context = Context(store=store)
    found = {name: context.state(node)["fc.0.weight"] for name, node in starts.items()}
    return found, context.mask(mask)["fc.0.weight"], context.state(network.fresh)["fc.0.weight"]


def test_the_starts_keep_or_change_signs_magnitudes_and_places_as_their_names_say(states):
    found, mask, fresh = states
    initial = found["rewind"]
    for name, weight in found.items():
        keeps = name == "rewind" or name.endswith("signs kept")
        assert bool((weight.sign() == initial.sign()).all()) == keeps, name
    assert torch.equal(found["fresh"], fresh) and torch.equal(found["fresh, signs kept"].abs(), fresh.abs())
    for name in ("permuted", "permuted, signs kept"):
        assert torch.equal(found[name].abs().flatten().sort().values, initial.abs().flatten().sort().values)
    for name in ("reshuffled", "reshuffled, signs kept"):
        weight = found[name]
        assert torch.equal(weight[~mask], initial[~mask]) and not torch.equal(weight[mask], initial[mask])
        assert torch.equal(weight[mask].abs().sort().values, initial[mask].abs().sort().values)
    std = initial.double().pow(2).mean().sub(initial.double().mean() ** 2).sqrt().item()
    for name in ("constant, random signs", "constant, signs kept"):
        assert found[name].abs().unique().tolist() == pytest.approx([std])
    positive = (found["constant, random signs"] > 0).double().mean().item()
    assert abs(positive - 0.5) < 4 * math.sqrt(0.25 / initial.numel())


def test_the_factorial_crosses_masks_signs_and_magnitudes_and_its_first_cell_is_the_ticket(tmp_path):
    network = Lenet(options=Options(steps=4, rates=(0.0012,)), data=DATA, seed=0)
    arms = {arm: signs.crossed(*arm)(network, LOW_ROUND) for arm in signs.ARMS}
    assert len({(parts["mask"].digest, parts["start"].digest) for parts in arms.values()}) == 20
    masks = {type(parts["mask"]) for (mask, *_), parts in arms.items() if mask == "random mask"}
    assert masks == {Shuffle}
    store = Store(tmp_path / "store").create()
    early = network.dense.at(1)
    compute([network.dense, early, network.fresh, *(parts["start"] for parts in arms.values())], store)
    context = Context(store=store)
    of = {"initial": network.start, "rewound": early, "final": network.dense.final, "fresh": network.fresh}
    states = {name: context.state(node) for name, node in of.items()}
    for (_, sign, size), parts in arms.items():
        start = context.state(parts["start"])
        for name in ("fc.0.weight", "fc.1.weight", "fc.2.weight"):
            assert torch.equal(start[name].sign(), states[sign][name].sign())
            if size == "constant":
                assert len(start[name].abs().unique()) == 1
            else:
                assert torch.equal(start[name].abs(), states[size][name].abs())
        assert not any(start[name].any() for name in start if name.endswith("bias"))
    first = context.state(arms["ticket", "initial", "initial"]["start"])
    assert all(torch.equal(first[name], states["initial"][name]) for name in first)


LINES = {name: Line(name=name, labels={"method": name}) for name in "abcd"}
READ, BY = "untrained.test_accuracy", "untrained.validation_accuracy"


def test_the_best_level_of_each_seed_is_chosen_by_one_number_and_judged_by_another():
    levels = {0.5: (0.80, 0.70, 0.60, 0.90), 0.8: (0.75, 0.76, 0.77, 0.74)}  # on validation
    tested = {0.5: (0.81, 0.99, 0.99, 0.83), 0.8: (0.99, 0.80, 0.82, 0.99)}
    rows = Rows(
        row("p", "relu", "a", seed, sparsity=level, untrained={"validation_accuracy": value, "test_accuracy": test})
        for level, values in levels.items()
        for seed, (value, test) in enumerate(zip(values, tested[level], strict=True))
    )
    judged = above_at_best(LINES["a"], READ, by=BY, than=0.7)(rows)
    best = (0.81, 0.80, 0.82, 0.83)
    mean, low, high = sum(best) / 4, *scipy.stats.t.interval(0.95, 3, sum(best) / 4, scipy.stats.sem(best))
    assert judged.interval is not None and judged.word == "confirmed" and judged.n == 4
    assert (judged.interval.mean, judged.interval.low, judged.interval.high) == pytest.approx((mean, low, high))
    assert [one.labels["sparsity"] for one in judged.rows[0][1]] == [0.5, 0.8, 0.8, 0.5]
    assert above_at_best(LINES["a"], READ, by=BY, than=0.9)(rows).word == "refuted"
    assert above_at_best(LINES["b"], READ, by=BY, than=0.7)(rows).word == "not run"


def test_small_final_is_least_accurate_only_if_its_error_is_above_that_of_each_other_criterion():
    (claim,) = [claim for claim in deconstructing.OUTLINE.claims if claim.key == "c4"]
    noise = (0.001, -0.002, 0.0, 0.003)

    def judged(of_random: float):
        accuracies = {**dict.fromkeys(deconstructing.CRITERIA, 0.97), "small final": 0.90, "random": of_random}
        return claim.judge(
            Rows(
                row("one-shot", "relu", name, seed, sparsity=RATE.after(LOW_ROUND), train={"test_accuracy": value + e})
                for name, value in accuracies.items()
                for seed, e in enumerate(noise if name == "small final" else noise[::-1])
            )
        )

    assert [judged(of_random).word for of_random in (0.95, 0.85, 0.901)] == ["confirmed", "refuted", "cannot be said"]
    assert claim.judge(Rows()).word == "not run"
