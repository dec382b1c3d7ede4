"""Tickets on another network, other data and another optimizer: exact up to the order of units, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
import torch

from lotterylab.combining import Aligned, Average, Combining
from lotterylab.criteria import Magnitude
from lotterylab.data import Digits
from lotterylab.data.corrupted import Corrupted
from lotterylab.engine.context import Context
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.models import ShallowCnn
from lotterylab.plan.nodes import Combine, CombineMask, Dense, Init, Shuffle, model_of
from lotterylab.plan.plan import Row
from lotterylab.procedures import aligned, at_initialisation, control, iterative, transferred
from lotterylab.reading.costs import trainings
from lotterylab.structure import match
from lotterylab.studies.controls import CONTROLS
from lotterylab.training.optim import Adam, Sgd
from some_plans import DATA, INIT, MODEL, RECIPE, RUN, compute

RULE = Aligned(model=MODEL)
OTHER = replace(RUN, start=replace(INIT, seed=5), order_seed=5)
TICKETS = iterative(RUN, [0.5, 0.75], criterion=Magnitude(), seed=0)
TICKET = TICKETS[-1]
WIDER = ShallowCnn(activation="relu", shape=(1, 8, 8), widths=(2, 3, 5))


def equal(a, b) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def context(tmp_path_factory) -> Context:
    return Context(store=Store(tmp_path_factory.mktemp("transfers") / "store").create())


def test_a_ticket_on_its_own_network_permuted_trains_as_it_does_up_to_the_order_of_units(context):
    """B begins as A in another order of units; sums in another order are equal within rounding (1e-5 here)."""
    start = Combine(of={"moved": INIT, "a": RUN.final, "b": OTHER.final}, rule=RULE)
    permuted = replace(RUN, start=start)
    moved = aligned(TICKET, permuted, rule=RULE)
    compute([OTHER, moved.run, TICKET.run], context.store)
    order = match(MODEL.build(), context.state(RUN.final), context.state(OTHER.final), shape=MODEL.shape)
    own, mask = context.state(INIT), context.mask(TICKET.mask)
    assert equal(context.state(start), order(own)) and not equal(context.state(start), own)
    assert equal(context.mask(moved.mask), order(mask)) and not equal(order(mask), mask)
    expected, found = order(context.state(TICKET.run.final)), context.state(moved.run.final)
    assert max(float((found[name] - expected[name]).abs().max()) for name in expected) < 1e-5
    metrics = [context.record(run).metrics for run in (TICKET.run, moved.run)]
    assert metrics[0]["test_accuracy"] == metrics[1]["test_accuracy"]
    counts = context.record(moved.mask).metrics
    assert counts["layers"] == context.record(TICKET.mask).metrics["layers"] and counts["removed"] > 0


def test_an_aligned_ticket_costs_both_networks_and_its_controls_are_of_its_own():
    moved = aligned(TICKET, OTHER, rule=RULE)
    assert moved.run.start == OTHER.at(0) and moved.run.order_seed == 5 and model_of(moved.mask) == MODEL
    assert set(trainings(moved.run)) == {*moved.found_by, moved.run} == {RUN, TICKETS[0].run, OTHER, moved.run}
    longer = control("dense-same-cost", moved, 0)
    assert longer.start == OTHER.start and longer.total_steps == 4 * OTHER.total_steps
    assert control("random-mask", moved, 0).mask == Shuffle(mask=moved.mask, seed=0)
    late = iterative(RUN, [0.5], criterion=Magnitude(), seed=0, rewind_to=lambda round: 3)[0]
    assert aligned(late, OTHER, rule=RULE).run.start == OTHER.at(3)


def test_data_are_spoilt_behind_an_aligned_mask_too():
    moved = aligned(TICKET, OTHER, rule=RULE)
    mask = control("corrupted-labels", moved, 0, CONTROLS).mask
    assert isinstance(mask, CombineMask)
    spoilt = {node.data.spec for node in _trainings_behind(mask)}
    assert spoilt == {Corrupted(spec=DATA.spec, what="labels", seed=0)}


def _trainings_behind(node):
    runs = [node] if isinstance(node, type(RUN)) else []
    return runs + [run for earlier in node.inputs() for run in _trainings_behind(earlier)]


def test_networks_of_other_widths_and_tickets_without_a_trained_network_are_refused():
    start = Init(model=WIDER, seed=0)
    wider = replace(RUN, start=start, mask=Dense(model=WIDER))
    with pytest.raises(UsageError, match=r"given 'moved' of .*widths=\(2, 3, 4\).*'b' of .*\(2, 3, 5\).*one network"):
        aligned(TICKET, wider, rule=RULE)
    with pytest.raises(UsageError, match=r"its rule Aligned is about .*\(2, 3, 5\).*Give the rule the network"):
        aligned(TICKET, OTHER, rule=Aligned(model=WIDER))
    early = at_initialisation(RUN, [0.5], criterion=Magnitude(), seed=0)[0]
    with pytest.raises(UsageError, match="found before any training"):
        aligned(early, OTHER, rule=RULE)


@dataclass(frozen=True, kw_only=True)
class Halved(Combining):
    """A user's rule that makes numbers of a mask."""

    needs: ClassVar[tuple[str, ...]] = ("mask",)

    def weight(self, of: Any, name: str, seed: int) -> torch.Tensor:
        return of["mask"][name] / 2


def test_a_rule_that_makes_no_mask_of_a_mask_is_refused(context):
    with pytest.raises(UsageError, match=r"Halved: '\w+\.\w+' has the type torch.float32; .* torch.bool"):
        compute([CombineMask(of={"mask": TICKET.mask}, rule=Halved())], context.store)
    with pytest.raises(UsageError, match=r"CombineMask was given <Init .*> to change"):
        CombineMask(of={"a": INIT, "b": OTHER.start}, rule=Average())


def test_a_ticket_transferred_to_its_own_data_and_recipe_is_its_own_run():
    assert transferred(TICKET, RUN).run == TICKET.run


def test_a_ticket_by_one_optimizer_is_trained_by_another_with_its_own_mask_and_weights(context):
    by_adam = replace(RUN, recipe=replace(RECIPE, optimizer=Adam(lr=1e-3)))
    late = iterative(RUN, [0.5], criterion=Magnitude(), seed=0, rewind_to=lambda round: 3)[0]
    moved = [transferred(ticket, by_adam) for ticket in (TICKET, late)]
    compute([ticket.run for ticket in moved], context.store)
    for ticket, source in zip(moved, (TICKET, late), strict=True):
        assert ticket.mask == source.mask and ticket.run.total_steps - ticket.run.first_step == by_adam.total_steps
        assert ticket.found_by == source.found_by and control("dense-same-cost", ticket, 0).recipe.optimizer == Adam(
            lr=1e-3
        )
        start, mask = context.state(ticket.run.start), context.mask(ticket.mask)
        begun = context.state(ticket.run.at("start"))
        assert all(torch.equal(begun[name], start[name] * mask[name]) for name in mask)
    fresh = control("reinitialised", moved[1], 0)
    compute([fresh], context.store)
    assert fresh.mask == late.mask and fresh.start == replace(INIT, purpose="reinit")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (Digits(train=64, validation=20, test=20), None),
        ("shapes", r"shape \(1, 8, 8\) and 10 classes was to be trained on .*\(1, 32, 32\) and 9 classes"),
    ],
)
def test_data_of_another_shape_or_class_count_are_refused_when_the_plan_is_made(spec, words):
    from lotterylab.data import Shapeset

    spec = Shapeset(train=20, validation=5, test=5) if spec == "shapes" else spec
    target = replace(RUN, data=replace(DATA, spec=spec), recipe=replace(RECIPE, optimizer=Sgd(lr=0.2)))
    if words is None:
        assert Row(labels={}, nodes={"train": transferred(TICKET, target).run}).nodes["train"].data.spec == spec
        return
    with pytest.raises(UsageError, match=words):
        transferred(TICKET, target)


def test_another_network_is_refused():
    other = replace(RUN, start=Init(model=WIDER, seed=0), mask=Dense(model=WIDER))
    with pytest.raises(UsageError, match="Give the dense run of the same network"):
        transferred(TICKET, other)
