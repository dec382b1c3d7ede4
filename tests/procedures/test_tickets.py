"""Procedures and controls build the right plans, tested on tiny networks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from lotterylab import masks
from lotterylab.criteria import Magnitude
from lotterylab.engine.context import Context
from lotterylab.engine.store import Store
from lotterylab.engine.trainings import beginning
from lotterylab.errors import UsageError
from lotterylab.masks.counts import Rate
from lotterylab.models import ConvN, LeNet300100
from lotterylab.procedures import (
    CONTROLS,
    control,
    fine_tuning,
    iterative,
    learning_rate_rewinding,
    one_shot,
)
from lotterylab.training.schedules import Constant
from some_plans import INIT, RECIPE, RUN, compute

LENET = {"fc.0.weight": 235_200, "fc.1.weight": 30_000, "fc.2.weight": 1_000}
LENET_RATE = Rate(share=0.2, output=0.1)
CONV_RATE = Rate(share=0.2, convolution=0.1, output=0.1)
CUT: dict[str, Any] = {"criterion": Magnitude(), "scope": "layerwise", "seed": 0}
RATE = Rate(share=0.3, output=0.1)


@pytest.fixture(scope="module")
def context(tmp_path_factory) -> Context:
    """A store with two rounds of each procedure and all controls."""
    store = Store(tmp_path_factory.mktemp("tickets") / "store").create()
    runs = [ticket.run for tickets in PROCEDURES.values() for ticket in tickets]
    runs += [control(word, TICKETS[-1], 0) for word in CONTROLS]
    runs += [control("random-mask", PROCEDURES[name][-1], 0) for name in FROM_THE_END]
    compute([RUN, *runs], store)
    return Context(store=store)


TICKETS = iterative(RUN, [RATE, RATE], **CUT)
REWOUND = iterative(RUN, [RATE, RATE], rewind_to=lambda round: 3 * round, **CUT)
PROCEDURES = {
    "one-shot": one_shot(RUN, [RATE, Rate(share=0.5)], **CUT),
    "iterative": TICKETS,
    "rewound": REWOUND,
    "learning rate": learning_rate_rewinding(RUN, [RATE, RATE], rewind_to=lambda round: 5, **CUT),
    "fine-tuned": fine_tuning(RUN, [RATE, RATE], replace(RECIPE, epochs=1, schedule=Constant()), **CUT),
}


FROM_THE_END = ("learning rate", "fine-tuned")


# the ladders of the papers, by counting alone


def kept_after(rounds: int, model: Any, rate: Rate) -> list[int]:
    """Return the number of weights left after each round of a rate; counts depend on no score."""
    from lotterylab.masks.select import select
    from lotterylab.network import network

    module = model.build()
    net, mask, counts = network(module), None, []
    state = dict(module.named_parameters())
    scores = {name: torch.rand(state[name].shape) for name in net.prunable}
    for _ in range(rounds):
        before = mask or masks.ones(scores)
        mask = select(scores, rate.target(before, "layerwise"), mask=mask)  # type: ignore[arg-type]
        counts.append(sum(int(kept.sum()) for kept in mask.values()))
        assert all(bool((before[name] >= kept).all()) for name, kept in mask.items()), "nothing comes back"
    return counts


def test_the_ladder_of_lenet_is_the_published_one():
    counts = kept_after(16, LeNet300100(), LENET_RATE)
    for round, left in ((3, 136_511), (7, 56_094), (9, 35_981), (12, 18_506), (15, 9_537), (16, 7_650)):
        assert counts[round - 1] == left
    percent = [100 * left / 266_200 for left in counts]
    published = {3: 51.3, 4: 41.1, 7: 21.1, 8: 16.9, 9: 13.5, 11: 8.7, 15: 3.6, 16: 2.9}
    assert {round: round_half(percent[round - 1]) for round in published} == published


def test_the_ladders_of_conv_2_and_conv_4_are_the_published_ones():
    two, four = (kept_after(14, ConvN(depth=depth), CONV_RATE) for depth in (2, 4))
    weights = [sum(p.numel() for n, p in ConvN(depth=d).build().named_parameters() if "weight" in n) for d in (2, 4)]
    assert {r: round_half(100 * two[r - 1] / weights[0]) for r in (11, 14)} == {11: 8.8, 14: 4.6}
    assert {r: round_half(100 * four[r - 1] / weights[1]) for r in (11, 12)} == {11: 11.1, 12: 9.2}


def round_half(value: float) -> float:
    return float(f"{value:.1f}")


def test_a_rate_of_kinds_of_layers_needs_a_count_for_each_layer():
    with pytest.raises(UsageError, match="scope='layerwise', not 'global'"):
        LENET_RATE.target(masks.ones({"a": torch.ones(4)}), "global")


# what equals what


def test_one_shot_is_the_first_round_of_iterative():
    first = one_shot(RUN, [RATE], **CUT)[0]
    assert (first.mask, first.run) == (TICKETS[0].mask, TICKETS[0].run)


def test_masks_only_shrink_and_a_reset_ticket_begins_with_the_initial_weights(context):
    initial, before = context.state(INIT), None
    for ticket in TICKETS:
        mask, start = context.mask(ticket.mask), context.state(ticket.run.at("start"))
        for name, kept in mask.items():
            assert torch.equal(start[name][kept], initial[name][kept])
            assert before is None or bool((before[name] >= kept).all())
        before = mask
    assert TICKETS[1].found_by == (RUN, TICKETS[0].run)


def test_each_round_rewinds_to_its_own_step(context):
    for round, ticket in enumerate(REWOUND, start=1):
        begin = beginning(ticket.run, context)
        assert begin.step == 3 * round
        checkpoint = context.state(RUN.at(3 * round))
        for name, kept in context.mask(ticket.mask).items():
            assert torch.equal(begin.state[name], checkpoint[name] * kept)


def test_learning_rate_rewinding_and_fine_tuning_keep_the_weights(context):
    for word in ("learning rate", "fine-tuned"):
        first, second = PROCEDURES[word]
        end, mask = context.state(first.run.final), context.mask(second.mask)
        start = context.state(second.run.at("start"))
        assert all(torch.equal(start[name], end[name] * kept) for name, kept in mask.items())
    tuned = PROCEDURES["fine-tuned"][0].run
    begin = beginning(tuned, context)
    assert tuned.total_steps == 4 and begin.step == 0
    assert begin.optimizer and not any(bool(slot.any()) for slot in begin.optimizer.values()), "a fresh optimizer"


# controls


def test_controls_keep_what_they_say(context):
    ticket = TICKETS[-1]
    mask, initial = context.mask(ticket.mask), context.state(INIT)
    runs = {word: control(word, ticket, 0) for word in CONTROLS}
    start = {word: context.state(run.at("start")) for word, run in runs.items()}
    for name, kept in mask.items():
        for word in ("reinitialised", "permuted", "reshuffled"):
            assert torch.equal(context.mask(runs[word].mask)[name], kept)
            assert not torch.equal(start[word][name], initial[name] * kept)
        assert torch.equal(start["reshuffled"][name][kept].sort().values, initial[name][kept].sort().values), (
            "the very same weights"
        )
        whole = context.state(runs["permuted"].start)[name]
        assert torch.equal(whole.flatten().sort().values, initial[name].flatten().sort().values)
        shuffled = context.mask(runs["random-mask"].mask)[name]
        assert int(shuffled.sum()) == int(kept.sum()) and not torch.equal(shuffled, kept)
        assert torch.equal(start["random-mask"][name], initial[name] * shuffled)
    biases = [name for name in initial if name not in mask]
    assert all(torch.equal(start["permuted"][name], initial[name]) for name in biases)


def test_the_inverted_cut_keeps_the_lowest(context):
    first, second = TICKETS
    weights = context.state(first.run.final)
    earlier, inverted = context.mask(first.mask), context.mask(control("inverted", second, 0).mask)
    for name, kept in inverted.items():
        gone = earlier[name] & ~kept
        assert weights[name][gone].abs().min() >= weights[name][kept].abs().max()
        assert int(kept.sum()) == int(context.mask(second.mask)[name].sum())


def test_other_seeds_give_other_controls_and_a_typo_the_nearest_word():
    for word in ("reinitialised", "permuted", "reshuffled", "random-mask"):
        assert len({control(word, TICKETS[-1], seed).digest for seed in range(3)}) == 3
    with pytest.raises(UsageError, match="Did you mean 'permuted'"):
        control("permutted", TICKETS[-1], 0)


@pytest.mark.parametrize("name", FROM_THE_END)
def test_a_random_mask_keeps_weights_that_the_start_has_where_that_is_the_end_of_a_pruned_run(name, context):
    ticket = PROCEDURES[name][-1]
    run = control("random-mask", ticket, 0)
    earlier, kept, own = (context.mask(node) for node in (PROCEDURES[name][0].mask, run.mask, ticket.mask))
    for layer in kept:
        assert not bool((kept[layer] & ~earlier[layer]).any()), "where the start is 0"
        assert int(kept[layer].sum()) == int(own[layer].sum())
    assert masks.digest(kept) != masks.digest(own)
