"""What each kind of node does, computed in this process."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from lotterylab import masks
from lotterylab.engine import trainings
from lotterylab.engine.context import Context
from lotterylab.engine.rules import Stopped, execute
from lotterylab.engine.store import Store
from lotterylab.errors import DamageError, UsageError
from lotterylab.models import ShallowCnn
from lotterylab.plan.nodes import At, Init, Shuffle
from lotterylab.training.optim import Sgd
from some_plans import (
    AGAIN,
    CHOSEN,
    DATA,
    DENSE,
    FAR,
    GRASP,
    INIT,
    MAGNITUDE,
    MODEL,
    RATE,
    RATES,
    RECIPE,
    RUN,
    TICKET,
    TRIALS,
    TWIN,
    compute,
    hashes,
    train,
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store").create()


def record(store: Store, node: Any) -> Any:
    found = store.record(node.digest)
    assert found is not None
    return found


# states and masks


def test_values_of_states_and_masks(store):
    shuffled = Shuffle(mask=MAGNITUDE, seed=1)
    compute([TICKET, shuffled], store)
    context = Context(store=store)
    initial, mask = context.state(INIT), context.mask(MAGNITUDE)
    assert masks.digest(initial) == masks.digest(MODEL.initial(0, "init", "named"))
    assert masks.sparsity(context.mask(DENSE)) == 0 and masks.sparsity(mask) == pytest.approx(0.5, abs=0.01)
    assert masks.digest(context.state(At(run=TICKET, point="start"))) == masks.digest(masks.masked(initial, mask))
    assert masks.digest(context.value(shuffled)) == masks.digest(masks.shuffle(mask, 1)) != masks.digest(mask)
    lowest = numpy.sort(torch.cat([context.state(RUN.final)[n].flatten() for n in mask]).abs().numpy())
    kept = torch.cat([context.state(RUN.final)[n][mask[n]] for n in mask]).abs().min()
    assert float(kept) == lowest[record(store, MAGNITUDE).metrics["removed"]]


def test_what_is_not_computed_or_no_state_is_said(store):
    context = Context(store=store)
    with pytest.raises(LookupError, match=f"Init {INIT.digest[:12]} is not computed yet"):
        context.state(INIT)
    with pytest.raises(TypeError, match="a Dense is not a state"):
        context.state(DENSE)


def test_tensors_come_in_the_order_of_their_names_so_that_sums_over_them_have_one_rounding(store):
    compute([FAR], store)
    for node in (INIT, RUN.final, TICKET.best, MAGNITUDE):
        assert list(Context(store=store).value(node)) == sorted(Context(store=store).value(node))
    first = record(store, FAR)
    for _ in range(5):
        assert execute(FAR, Context(store=store)).metrics == first.metrics


# equal content


def test_identical_masks_of_different_prunings_are_trained_once(store):
    compute([TICKET, TWIN], store)
    one, other = record(store, TICKET), record(store, TWIN)
    assert one.digest != other.digest and (one.same_as, other.same_as) == ("", TICKET.digest)
    assert (one.blobs, one.metrics, one.facts) == (other.blobs, other.metrics, other.facts) and other.seconds == 0


@pytest.mark.parametrize(
    "other", [train(AGAIN, order_seed=1), train(AGAIN, start=replace(INIT, seed=1)), train(GRASP)], ids=repr
)
def test_another_order_start_or_mask_is_trained_for_itself(store, other):
    compute([TICKET, other], store)
    assert record(store, other).same_as == ""


def test_an_untrained_difference_in_the_spec_alone_is_no_twin(store):
    slower = train(AGAIN, recipe=replace(RECIPE, optimizer=Sgd(lr=0.05, momentum=0.9)))
    compute([TICKET, slower], store)
    assert record(store, slower).same_as == ""


def test_a_lost_blob_is_computed_again_when_it_is_needed(store):
    compute([RUN], store)
    before, blob = hashes(store), record(store, RUN).blobs["final"]
    store.blob_path(blob).unlink()
    with pytest.raises(DamageError, match=blob):
        Context(store=store).state(RUN.final)
    assert compute([RUN], store) == [] and compute([MAGNITUDE], store) == [RUN, MAGNITUDE]
    assert record(store, RUN).same_as == "" and store.has_blob(blob)
    assert {digest: hashes(store)[digest] for digest in before} == before


# stopping and going on


def stopped_after(epochs: int) -> Any:
    seen: list[int] = []

    def progress(node: Any, epoch: int, of: int) -> None:
        seen.append(epoch)

    return {"progress": progress, "stopping": lambda: len(seen) == epochs}


@pytest.mark.parametrize("epochs", range(1, RECIPE.epochs))
def test_stopped_after_any_epoch_it_goes_on_to_the_bits_of_one_that_never_stopped(store, tmp_path, epochs):
    whole = Store(tmp_path / "whole")
    compute([TICKET], whole)
    compute([MAGNITUDE], store)
    with pytest.raises(Stopped):
        execute(TICKET, Context(store=store, **stopped_after(epochs)))
    assert TICKET.digest not in store and store.load_partial(TICKET.digest)
    seen: list[int] = []
    execute(TICKET, Context(store=store, progress=lambda node, epoch, of: seen.append(epoch)))
    assert seen == list(range(epochs + 1, RECIPE.epochs + 1))
    assert hashes(store) == hashes(whole) and store.load_partial(TICKET.digest) is None


def test_an_unfinished_run_under_other_facts_starts_again(store, monkeypatch):
    compute([INIT, DENSE], store)
    with pytest.raises(Stopped):
        execute(RUN, Context(store=store, **stopped_after(2)))
    seen: list[int] = []
    execute(RUN, Context(store=store, fast=False, progress=lambda node, epoch, of: seen.append(epoch)))
    assert seen == [1, 2, 3, 4] and record(store, RUN).facts["path"] == "plain"
    compute([INIT, DENSE], store)
    other = train(order_seed=3)
    with pytest.raises(Stopped):
        execute(other, Context(store=store, **stopped_after(2)))
    monkeypatch.setattr(trainings, "facts", lambda device="cpu": {**record(store, RUN).facts, "threads": 64})
    seen.clear()
    execute(other, Context(store=store, progress=lambda node, epoch, of: seen.append(epoch)))
    assert seen == [1, 2, 3, 4]


# choices, measures, numbers


def test_a_choice_takes_the_highest_mean_the_first_of_equals_and_says_what_the_others_had(store):
    compute([CHOSEN], store)
    found = record(store, RATE).metrics
    accuracies = [record(store, trial).metrics["test_accuracy"] for trial in TRIALS]
    assert found["means"] == accuracies and found["values"] == list(RATES)
    assert found["value"] == RATES[accuracies.index(max(accuracies))]
    plain = replace(CHOSEN, recipe=replace(RECIPE, optimizer=Sgd(lr=found["value"])))
    compute([plain], store)
    assert record(store, plain).same_as == CHOSEN.digest  # what was chosen is what was trained
    lowest, equals = replace(RATE, goal="lowest", by="train_loss"), replace(RATE, by="epochs")
    compute([lowest, equals], store)
    losses = [record(store, trial).metrics["train_loss"] for trial in TRIALS]
    assert record(store, lowest).metrics["value"] == RATES[losses.index(min(losses))]
    assert record(store, equals).metrics["value"] == RATES[0]


def test_the_numbers_of_a_run_say_how_often_the_test_set_was_read(store):
    watching = train(recipe=replace(RECIPE, watch=("test",), pick="test"))
    compute([RUN, watching], store)
    assert record(store, RUN).metrics["test_reads"] == 1
    assert record(store, watching).metrics["test_reads"] == 1 + RECIPE.epochs
    found = record(store, RUN)
    assert found.metrics["validation_accuracy"] == found.metrics["curves"]["validation_accuracy"][-1]
    assert found.metrics["epochs"] == 4 and found.metrics["picked"] == "validation" and found.seconds > 0
    assert set(found.blobs) == {"final", "best"} and found.facts["device"] == "cpu"
    json.dumps(found.metrics, allow_nan=False)


def test_a_run_that_diverges_is_a_result(store):
    wild = train(recipe=replace(RECIPE, optimizer=Sgd(lr=1e30, momentum=0.9)))
    compute([wild], store)
    found = record(store, wild).metrics
    assert found["diverged_epoch"] == found["epochs"] == 1 and found["train_loss"] is None
    json.dumps(found, allow_nan=False)


def test_data_other_than_those_the_plan_was_made_for_are_refused(store):
    other = replace(GRASP, data=replace(DATA, content="0" * 64))
    compute([INIT], store)
    with pytest.raises(UsageError, match="was made for digits@64/20 with the content 000000000000"):
        execute(other, Context(store=store))


def test_each_state_of_a_measure_is_seen_with_its_own_model(store):
    wider = ShallowCnn(activation="tanh", shape=(1, 8, 8), widths=(3, 3, 3))
    of = {"a": Init(model=wider, seed=0), "b": RUN.final, "c": Shuffle(mask=TICKET.mask, seed=0)}
    assert Context(store=store).models(of) == {"a": wider, "b": MODEL, "c": MODEL}
