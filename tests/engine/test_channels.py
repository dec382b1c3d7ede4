"""Early-Bird tickets go on in a plan: with their weights, re-initialised, and with random channels as a control."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from lotterylab.engine.results import Result
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.interventions import EarlyBird
from lotterylab.models import Vgg
from lotterylab.network import network
from lotterylab.plan.nodes import Channels, Dense, Init, MaskOf, Shuffle, Train, model_of
from lotterylab.reading.costs import costs, trainings
from lotterylab.reading.rows import Rows
from lotterylab.structure import channels
from some_plans import DATA, RECIPE, compute

MODEL = Vgg(depth=11, width=0.05, shape=(1, 8, 8))
BIRD = EarlyBird(sparsity=0.5, masks=2, distance=1.0)
FINDING = replace(RECIPE, during=(BIRD,))
RUN = Train(start=Init(model=MODEL, seed=0), mask=Dense(model=MODEL), data=DATA, recipe=FINDING, order_seed=0)
FOUND, STATE = MaskOf(of=RUN, name=BIRD.name), RUN.at(BIRD.name)
TICKET = replace(RUN, start=STATE, mask=Channels(of=FOUND, state=STATE), recipe=RECIPE)
REINIT = replace(TICKET, start=Init(model=MODEL, seed=0, purpose="reinit"))
CONTROL = replace(TICKET, mask=Channels(of=Shuffle(mask=FOUND, seed=3)))


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    store = Store(tmp_path_factory.mktemp("channels"))
    compute([TICKET, REINIT, CONTROL], store)
    return store


def value(store: Store, node: Any, part: str) -> dict[str, torch.Tensor]:
    record = store.record(node.digest)
    assert record
    return store.get(record.blobs[part])


def metrics(store: Store, node: Any) -> Any:
    record = store.record(node.digest)
    assert record
    return record.metrics


def rows(store: Store, *runs: Train) -> Rows:
    records = [store.record(run.digest) for run in runs]
    pairs = zip(runs, records, strict=True)
    return Rows(Result(labels={}, records={"train": record}, nodes={"train": run}) for run, record in pairs if record)


def test_the_mask_is_that_of_its_channels_and_its_record_counts_them(store):
    found, mask, record = (
        value(store, RUN, f"mask:{BIRD.name}"),
        value(store, TICKET.mask, "mask"),
        metrics(store, TICKET.mask),
    )
    for name, entries in found.items():
        if name not in record["emptied"]:
            assert torch.equal(mask[name], entries) and record["channels"][name] == int(entries.sum())
    assert mask.keys() == dict(MODEL.build().named_parameters()).keys()
    assert record["removed"] == sum(int((~entries).sum()) for entries in mask.values())
    assert record["layers"]["fc.bias"] == 1.0
    assert min(record["channels"].values()) >= 1


def test_a_layer_that_would_be_emptied_keeps_its_best_channel_and_the_record_says_so(store):
    everything = replace(BIRD, sparsity=0.9)
    run = replace(RUN, recipe=replace(RECIPE, during=(everything,)))
    node = Channels(of=MaskOf(of=run, name=everything.name), state=run.at(everything.name))
    compute([node], store)
    emptied, mask = metrics(store, node)["emptied"], value(store, node, "mask")
    found, state = value(store, run, f"mask:{everything.name}"), value(store, run, everything.name)
    assert emptied == [name for name in found if not found[name].any()] != []
    for name in emptied:
        assert mask[name].nonzero().tolist() == [[int(state[name].abs().argmax())]]


def test_a_ticket_that_goes_on_has_the_remaining_epochs_and_costs_what_was_trained(store):
    """Early-Bird training draws the ticket, cuts the network, and trains it for the epochs that are left."""
    rest = replace(TICKET, from_step="kept")
    compute([rest], store)
    kept, found = metrics(store, RUN)["kept_at"][BIRD.name], metrics(store, rest)
    assert (found["from_step"], found["steps"]) == (kept, rest.total_steps - kept) and kept == 8
    assert len(found["curves"]["train_loss"]) == (rest.total_steps - kept) // rest.steps_per_epoch
    same = replace(TICKET, from_step=kept)
    compute([same], store)
    assert value(store, same, "final").keys() == value(store, rest, "final").keys()
    assert all(torch.equal(t, value(store, rest, "final")[name]) for name, t in value(store, same, "final").items())
    _, cost = costs(rows(store, RUN, rest))
    assert cost and (cost.epochs_to_find, cost.epochs) == (2.0, 4.0)


def test_in_a_training_that_went_on_a_ticket_costs_the_epochs_up_to_its_emergence(store):
    bird = replace(BIRD, stop=False)
    run = replace(RUN, recipe=replace(RECIPE, during=(bird,)))
    ticket = replace(
        run,
        start=run.at(bird.name),
        mask=Channels(of=MaskOf(of=run, name=bird.name)),
        recipe=RECIPE,
        from_step="kept",
    )
    late = replace(ticket, mask=Channels(of=MaskOf(of=run, name=bird.newest)), start=RUN.start, from_step=None)
    compute([ticket, late], store)
    _, of_ticket, of_late = costs(rows(store, run, ticket, late))
    assert of_ticket and (of_ticket.epochs_to_find, of_ticket.epochs) == (2.0, 4.0)
    assert of_late and (of_late.epochs_to_find, of_late.epochs) == (4.0, 8.0)
    assert metrics(store, run)["kept_at"] == {bird.name: 8, bird.newest: 16}


def test_a_ticket_that_never_emerged_is_cut_at_the_end_and_trained_no_more(store):
    never = replace(BIRD, masks=99)
    run = replace(RUN, recipe=replace(RECIPE, during=(never,)))
    mask = Channels(of=MaskOf(of=run, name=never.name), state=run.at(never.name))
    rest = replace(TICKET, start=run.at(never.name), mask=mask, from_step="kept", recipe=replace(RECIPE, pick=None))
    compute([rest], store)
    found, final = metrics(store, rest), value(store, rest, "final")
    assert (found["from_step"], found["steps"], found["train_accuracy"]) == (rest.total_steps, 0, None)
    kept = value(store, mask, "mask")
    expected = {name: t * kept[name] if name in kept else t for name, t in value(store, run, never.name).items()}
    assert all(torch.equal(final[name], tensor) for name, tensor in expected.items())
    _, cost = costs(rows(store, run, rest))
    assert cost and (cost.epochs_to_find, cost.epochs) == (4.0, 4.0)
    with pytest.raises(UsageError, match="no epoch is left to pick the best of"):
        compute([replace(rest, recipe=replace(RECIPE, pick="validation"))], store)


def test_a_start_that_nothing_kept_has_no_step():
    with pytest.raises(UsageError, match="no intervention kept"):
        replace(TICKET, start=RUN.final, from_step="kept")


def test_the_control_has_other_channels_in_the_same_numbers(store):
    ticket, control = metrics(store, TICKET.mask), metrics(store, CONTROL.mask)
    assert ticket["channels"] == control["channels"] and ticket["mask_digest"] != control["mask_digest"]
    assert ticket["removed"] == control["removed"]


def test_a_ticket_goes_on_from_its_own_weights(store):
    """The published code continues from weights that were never copied."""
    state, mask = value(store, RUN, BIRD.name), value(store, TICKET.mask, "mask")
    finals = [value(store, node, "final") for node in (TICKET, REINIT, CONTROL)]
    for final, node in zip(finals, (TICKET, REINIT, CONTROL), strict=True):
        held = value(store, node.mask, "mask")
        assert all(not final[name][~kept].any() for name, kept in held.items())
    one = replace(TICKET, recipe=replace(RECIPE, epochs=0, steps=1, optimizer=replace(RECIPE.optimizer, lr=1e-9)))
    compute([one], store)
    after = value(store, one, "final")
    assert all(torch.allclose(after[name], state[name] * kept, atol=1e-6) for name, kept in mask.items())


def test_the_cost_of_a_ticket_counts_the_run_that_found_it():
    for node in (TICKET, REINIT, CONTROL):
        assert trainings(node) == {RUN: RUN.total_steps, node: node.total_steps}


def test_the_mask_has_the_model_of_its_run_and_fits_its_network():
    assert model_of(TICKET.mask) == MODEL
    names = network(MODEL.build()).scales
    mask: Any = {name: torch.ones(MODEL.build().get_parameter(name).shape, dtype=torch.bool) for name in names}
    assert all(bool(entries.all()) for entries in channels(MODEL.build(), mask, shape=MODEL.shape).values())


def test_what_a_run_did_not_keep_is_refused_by_its_name(tmp_path):
    """A search that diverges has no ticket, and the mask of the whole network must not stand in for one."""
    store = Store(tmp_path)
    wild = replace(RUN, recipe=replace(FINDING, optimizer=replace(RECIPE.optimizer, lr=1e30)))
    lost = replace(TICKET, start=RUN.start, mask=Channels(of=MaskOf(of=wild, name=BIRD.name)))
    with pytest.raises(UsageError, match=f"'{BIRD.name}' was asked of the run .* it diverged in epoch 1"):
        compute([lost], store)
    with pytest.raises(UsageError, match="it diverged"):
        compute([replace(TICKET, start=wild.at(BIRD.name), mask=RUN.mask)], store)
    before = MaskOf(of=RUN.at(2), name=BIRD.name)  # no epoch has ended
    with pytest.raises(UsageError, match="kept nothing under that name"):
        compute([Channels(of=before)], store)
