"""Steps of a run: checkpoints to go on from, to rewind to, and to rewind the learning rate to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lotterylab import masks
from lotterylab.engine.context import Context
from lotterylab.engine.rules import Stopped, execute
from lotterylab.engine.schedule import Schedule
from lotterylab.engine.store import Store
from lotterylab.engine.trainings import beginning
from lotterylab.errors import UsageError
from lotterylab.models import ConvN, ResNet
from lotterylab.plan.nodes import At, Dense, Init, Prune, Train
from lotterylab.training.optim import Adam, Sgd
from lotterylab.training.schedules import Constant
from some_plans import DENSE, INIT, MAGNITUDE, RECIPE, RUN, compute, train

T = 16  # 64 images in batches of 16, 4 epochs
K = 6  # in the middle of the second epoch
MODELS = {
    "plain": INIT.model,
    "dropout": ConvN(depth=2, activation="relu", shape=(1, 8, 8), width=0.05, dropout=0.3),
    "batch norm": ResNet(depth=8, activation="relu", shape=(1, 8, 8), width=0.2),
}
OPTIMIZERS = {
    "sgd": Sgd(lr=0.05),
    "momentum": Sgd(lr=0.05, momentum=0.9, weight_decay=5e-4),
    "nesterov": Sgd(lr=0.05, momentum=0.9, nesterov=True),
    "adam": Adam(lr=1e-3),
    "adamw": Adam(lr=1e-3, weight_decay=0.1),
    "adam, coupled decay": Adam(lr=1e-3, weight_decay=0.1, decoupled=False),
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store").create()


def run_of(model: Any, optimizer: Any, **changes: Any) -> Train:
    fields = {"start": Init(model=model, seed=0), "recipe": replace(RECIPE, optimizer=optimizer), **changes}
    return train(Dense(model=model), **fields)


def final(run: Train, store: Store) -> str:
    return store.record(run.digest).blobs["final"]  # type: ignore[union-attr]


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_stopping_at_a_step_and_going_on_equals_straight_through(model, optimizer, tmp_path):
    run = run_of(model, optimizer)
    through, stopped = Store(tmp_path / "a"), Store(tmp_path / "b")
    compute([run], through)
    order = compute([run, run.at(11), run.at(K)], stopped)
    steps = [node.point for node in order if isinstance(node, At)]
    assert steps == [K, 11] and order[-1] == run, "the steps come first, so that the run goes on from them"
    a, b = through.record(run.digest), stopped.record(run.digest)
    assert a and b and (a.blobs, a.metrics) == (b.blobs, b.metrics)
    # a training that begins at the checkpoint with nothing pruned is the same run
    again = run_of(model, optimizer, start=run.at(K))
    compute([again], stopped)
    assert final(again, stopped) == final(run, through)


def test_a_step_of_a_finished_run_is_the_same_step(store, tmp_path):
    compute([RUN], store)
    compute([RUN.at(K)], store)
    early = Store(tmp_path / "early")
    compute([RUN.at(K)], early)
    assert store.record(RUN.at(K).digest).blobs == early.record(RUN.at(K).digest).blobs  # type: ignore[union-attr]
    assert not (store.path / "partial" / RUN.digest).exists(), "a finished run keeps no checkpoint to go on from"


def test_a_run_goes_on_from_its_step_instead_of_beginning_again(store):
    compute([RUN.at(K)], store)
    seen: list[int] = []
    schedule = Schedule([RUN], store)
    assert schedule.next() == RUN
    execute(RUN, Context(store=store, progress=lambda node, epoch, of: seen.append(epoch)))
    assert seen == [2, 3, 4]


def test_rewinding_to_step_0_is_the_reset(store):
    reset, rewound = train(MAGNITUDE), train(MAGNITUDE, start=RUN.at(0))
    compute([reset, rewound], store)
    assert store.record(rewound.digest).same_as == reset.digest  # type: ignore[union-attr]
    assert final(reset, store) == final(rewound, store)


def test_a_rewound_ticket_begins_with_the_masked_checkpoint_and_trains_the_rest(store):
    ticket = train(MAGNITUDE, start=RUN.at(K))
    compute([ticket, ticket.at("start")], store)
    context = Context(store=store)
    mask, begin = context.mask(MAGNITUDE), beginning(ticket, context)
    assert begin.step == K
    at = store.record(RUN.at(K).digest)
    assert at is not None
    state, slots = store.get(at.blobs["state"]), store.get(at.blobs["optimizer"])
    for name, kept in mask.items():
        assert torch.equal(begin.state[name], state[name] * kept)
        slot = begin.optimizer[f"momentum/{name}"]
        assert torch.equal(slot, slots[f"momentum/{name}"] * kept) and bool((slot != 0).any())
        held = context.state(ticket.final)[name][~kept]
        assert bool((held == 0).all()) and not bool(torch.signbit(held).any())
    record = store.record(ticket.digest)
    assert record and record.metrics["steps"] == T - K and record.metrics["from_step"] == K
    assert masks.digest(context.state(ticket.at("start"))) == masks.digest(begin.state)


def test_a_rewound_ticket_stops_and_goes_on_too(store, tmp_path):
    ticket = train(MAGNITUDE, start=RUN.at(K))
    compute([ticket], store)
    other = Store(tmp_path / "other")
    compute([MAGNITUDE, RUN.at(K)], other)
    with pytest.raises(Stopped):
        execute(ticket, Context(store=other, stopping=lambda: True))
    compute([ticket, ticket.at(T - 1)], other)
    assert final(ticket, other) == final(ticket, store)


def test_points_of_a_rewound_run_count_from_the_recipe_s_beginning(store):
    ticket = train(MAGNITUDE, start=RUN.at(K))
    again = train(MAGNITUDE, start=ticket.at(T - 2))
    compute([ticket, again], store)
    assert final(again, store) == final(ticket, store)
    assert ticket.at(K).begins and ticket.first_step == K


def test_learning_rate_rewinding_keeps_the_weights_and_rewinds_the_schedule(store):
    last = RUN.at(T)
    rewound = train(MAGNITUDE, start=last, from_step=K)
    compute([rewound], store)
    context = Context(store=store)
    begin = beginning(rewound, context)
    assert begin.step == K
    mask, end = context.mask(MAGNITUDE), context.state(RUN.final)
    for name, tensor in begin.state.items():
        assert torch.equal(tensor, end[name] * mask[name] if name in mask else end[name])
    # what schedule.factor is asked for is the step of the checkpoint that was rewound to
    assert rewound.first_step == K and rewound.total_steps == T


@pytest.mark.parametrize(("start", "restored", "updates"), [(T, ("buffers", "optimizer"), T), (K, ("buffers",), 0)])
def test_adam_counts_the_updates_that_its_state_has_seen(store, start, restored, updates):
    """The next step is the one that torch.optim.Adam takes with the same state, whatever step of the recipe it is."""
    run = run_of(INIT.model, Adam(lr=1e-3, decoupled=False))
    ticket = replace(run, start=run.at(start), from_step=K, restored=restored)
    compute([ticket.at(K + 1)], store)
    context = Context(store=store)
    begin, after = beginning(ticket, context), context.state(ticket.at(K + 1))
    assert int(begin.optimizer["updates"]) == updates
    module = run.model.build()
    module.load_state_dict(begin.state)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    for name, parameter in module.named_parameters():
        if updates:
            slots = {slot: begin.optimizer[f"{slot}/{name}"].clone() for slot in ("exp_avg", "exp_avg_sq")}
            optimizer.state[parameter] = {"step": torch.tensor(float(updates)), **slots}
    loader = context.loader(run.data, run.recipe, run.order_seed)
    epoch, place = divmod(K, loader.steps_per_epoch)
    batch = next(loader.batches(epoch, start=place))
    torch.nn.functional.cross_entropy(module(batch.inputs), batch.targets).backward()
    optimizer.step()
    for name, parameter in module.named_parameters():
        torch.testing.assert_close(after[name], parameter.detach(), rtol=1e-5, atol=1e-7)


def test_what_is_not_restored_begins_afresh(store):
    model = MODELS["batch norm"]
    run = run_of(model, Sgd(lr=0.05, momentum=0.9))
    whole, bare = (
        run_of(model, Sgd(lr=0.05, momentum=0.9), start=run.at(K), restored=what)
        for what in (
            ("buffers", "optimizer"),
            (),
        )
    )
    compute([whole, bare], store)
    context = Context(store=store)
    begin, kept = beginning(bare, context), beginning(whole, context)
    assert begin and kept
    assert all(not bool(slot.any()) for slot in begin.optimizer.values())
    initial, checkpoint = context.state(run.start), context.state(run.at(K))
    buffers = [name for name in initial if "running" in name]
    assert buffers
    for name in initial:
        assert torch.equal(begin.state[name], (initial if "running" in name or "tracked" in name else checkpoint)[name])
        assert torch.equal(kept.state[name], checkpoint[name])
    assert final(whole, store) != final(bare, store)


def test_the_digest_of_a_rewound_run_says_where_it_begins():
    names = {
        train(MAGNITUDE, start=start, **more).digest
        for start, more in ((INIT, {}), (RUN.at(K), {}), (RUN.at(T), {"from_step": 0}), (RUN.at(T), {"from_step": K}))
    }
    assert len(names) == 4


@pytest.mark.parametrize("step", [-1, T + 1])
def test_a_step_outside_the_run_is_refused(step):
    with pytest.raises(UsageError, match=f"step {step} was asked of a run that goes from step 0 to {T}"):
        RUN.at(step)


def test_a_training_that_begins_at_its_end_is_refused():
    with pytest.raises(UsageError, match="from 0 to 15"):
        train(MAGNITUDE, start=RUN.at(T))
    with pytest.raises(UsageError, match="no point of a run is named 'finel'"):
        RUN.at("finel")  # type: ignore[arg-type]


# trainings that count steps


def test_a_training_of_steps_ends_there_and_equals_the_beginning_of_a_longer_one(store):
    short = train(DENSE, recipe=replace(RECIPE, epochs=0, steps=K, schedule=Constant(), pick=None, watch=()))
    long = train(DENSE, recipe=replace(RECIPE, schedule=Constant(), pick=None, watch=()))
    compute([short, long.at(K)], store)
    context = Context(store=store)
    assert masks.digest(context.state(short.final)) == masks.digest(context.state(long.at(K)))
    metrics = store.record(short.digest).metrics  # type: ignore[union-attr]
    assert metrics["steps"] == K and len(metrics["curves"]["train_loss"]) == 2


def test_the_early_stopping_iteration_is_that_of_the_lowest_validation_loss(store):
    recipe = replace(RECIPE, epochs=0, steps=14, watch_every=4, pick="validation-loss")
    run = train(DENSE, recipe=recipe)
    compute([run, run.at(K)], store)
    metrics = store.record(run.digest).metrics  # type: ignore[union-attr]
    curves = metrics["curves"]
    assert curves["watched_steps"] == [4, 8, 12, 14] and len(curves["validation_accuracy"]) == 4
    best = curves["validation_loss"].index(min(curves["validation_loss"]))
    assert metrics["best_step"] == curves["watched_steps"][best]
    context = Context(store=store)
    if metrics["best_step"] < 14:
        point = run.at(metrics["best_step"])
        compute([point], store)
        assert masks.digest(context.state(point)) == masks.digest(context.state(run.best))
    assert metrics["test_reads"] == 2 and 0 <= metrics["best_test_accuracy"] <= 1


def test_watching_changes_no_bit_of_the_training(store):
    plain, watched = (
        train(DENSE, recipe=replace(RECIPE, watch=watch, pick=None, watch_every=every))
        for watch, every in (((), None), (("validation", "test"), 3))
    )
    compute([plain, watched], store)
    assert final(plain, store) == final(watched, store)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 10}, "epochs=4 and steps=10"),
        ({"epochs": 0}, "epochs=0"),
        ({"epochs": 0, "steps": 0}, "steps=0"),
        ({"watch_every": 0}, "watch_every=0"),
        ({"watch": (), "pick": "validation-loss"}, r"needs watch=\('validation',\)"),
    ],
)
def test_recipes_that_mean_nothing_are_refused(changes, message):
    with pytest.raises(UsageError, match=message):
        replace(RECIPE, **changes)


def test_pruning_can_look_at_a_step(store):
    mask = Prune(criterion=MAGNITUDE.criterion, of=RUN.at(K), sparsity=0.5, seed=0)
    compute([mask], store)
    context = Context(store=store)
    assert RUN.digest not in store, "the step alone was trained"
    assert masks.sparsity(context.mask(mask)) == pytest.approx(0.5, abs=0.01)


def test_a_twin_begins_with_the_same_buffers_too(store):
    """What is restored is part of a run's content: one without the buffers is no twin of one with them."""
    model = MODELS["batch norm"]
    run = run_of(model, Sgd(lr=0.05, momentum=0.9))
    whole, bare = (
        run_of(model, Sgd(lr=0.05, momentum=0.9), start=run.at(K), restored=what)
        for what in (("buffers", "optimizer"), ("optimizer",))
    )
    compute([whole, bare], store)
    assert final(whole, store) != final(bare, store) and store.record(bare.digest).same_as == ""  # type: ignore[union-attr]


def test_a_checkpoint_that_is_further_on_is_not_written_over_by_an_earlier_step(store):
    compute([RUN.at(12)], store)
    compute([RUN.at(K)], store)
    notes = store.partial_notes(RUN.digest)
    assert notes and notes["step"] == 12
