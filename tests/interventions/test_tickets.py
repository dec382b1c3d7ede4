"""``tickets(during=...)``: the bits of the same interventions attached by hand, and of the engine's loop."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from lotterylab import attach, masks, rng, select
from lotterylab.engine.here import run_here
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.interventions import EarlyBird, Gradual, RandomOut, ReDo, RigL, TopK
from lotterylab.interventions.base import Intervening
from lotterylab.plan.nodes import At, MaskOf, Train
from lotterylab.procedures import iterative
from lotterylab.views import Change
from some_loop import ENGINE, K, T, ends, find, init_fn, loader, train_fn
from test_tickets import by_engine

LEVELS = [0.5, 0.75]
CASES: dict[str, Any] = {
    "random-out": RandomOut(threshold=0.9, rule="median", reset_optimizer=True),
    "gradual": Gradual(sparsity=0.6, begin_step=2, end_step=12, every=5, scope="global"),
    "top-k": TopK(sparsity=0.8, begin_step=2, end_step=9, per_unit=2),
    "early-bird": EarlyBird(sparsity=0.5, masks=2, distance=0.7, scores="filters"),
}


def train_fn_that_stops(module, run):
    """``train_fn`` of some_loop, which leaves the loop when an intervention ends the training."""
    batches = loader(run.seed)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9, fused=True)
    module.train()
    with run.hold(optimizer) as held:
        for step in run.steps:
            if held.stopped:
                break
            one_step(module, optimizer, batches, step)


def one_step(module, optimizer, batches, step):
    for group in optimizer.param_groups:
        group["lr"] = 0.1 if step < 8 else 0.1 * 0.1
    epoch, place = divmod(step, batches.steps_per_epoch)
    batch = next(batches.batches(epoch, start=place))
    optimizer.zero_grad()
    cross_entropy(module(batch.inputs), batch.targets).backward()
    optimizer.step()


# by hand


@dataclass
class Saved:
    """What a user saves of a training."""

    module: dict[str, Any]
    optimizer: dict[str, Any]
    held: dict[str, Any]


def by_hand(mask, during, *, begin: Saved | None = None, first: int = 0, save: int = T) -> tuple[Saved, Saved, Any]:
    """The state at step ``save`` and at the end of a loop around ``attach``, and what it holds."""
    module = init_fn(0)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9, fused=True)
    if begin:
        module.load_state_dict(begin.module)
        optimizer.load_state_dict(copy.deepcopy(begin.optimizer))
    held = attach(
        module,
        optimizer,
        mask,
        during=during,
        total_steps=T,
        steps_per_epoch=4,
        fresh=lambda *names: init_fn(rng.key(0, " ".join(map(str, names))) % 2**31).state_dict(),
    )
    if begin:
        held.load_state_dict({**begin.held, **mask})

    def saved() -> Saved:
        return Saved(*copy.deepcopy((module.state_dict(), optimizer.state_dict(), held.state_dict())))

    module.train()
    there = saved()
    for step in range(first, T):
        if held.stopped:
            break
        one_step(module, optimizer, loader(0), step)
        if step + 1 == save:
            there = saved()
    return there, saved(), held


def tickets_by_hand(during, rewind_to: int) -> list[tuple[Saved, Any]]:
    mask = {name: torch.ones_like(w, dtype=torch.bool) for name, w in init_fn(0).state_dict().items() if w.dim() > 1}
    point, end, held = by_hand(mask, during, save=rewind_to)
    ends_of, earlier = [(end, held)], None
    for sparsity in LEVELS:
        scores = {name: end.module[name].abs() for name in mask}
        earlier = select(scores, sparsity, mask=earlier)
        _, end, held = by_hand(earlier, during, begin=point if rewind_to else None, first=rewind_to)
        ends_of.append((end, held))
    return ends_of


@pytest.mark.parametrize("rewind_to", [0, K])
@pytest.mark.parametrize("name", CASES)
def test_the_bits_are_those_of_attach_by_hand(name, rewind_to, tmp_path):
    during = [CASES[name]]
    found = find(
        tmp_path, train_fn=train_fn_that_stops, during=during, steps_per_epoch=4, sparsities=LEVELS, rewind_to=rewind_to
    )
    assert not found.failed and [alarm for alarm in found.alarms if alarm.severity == "fault"] == []
    runs = [row.nodes["train"] for row in found.rows]
    for run, (end, held) in zip(runs, tickets_by_hand(during, rewind_to), strict=True):
        assert isinstance(run, Train)
        record = found.store.record(run.digest)
        assert record
        final = found.store.get(record.blobs["final"])
        assert all(torch.equal(final[key], tensor) for key, tensor in end.module.items()), run
        carry = {key.removeprefix("during/carry/"): tensor for key, tensor in end.held.items() if "/carry/" in key}
        ours = found.store.get(record.blobs["carry"])
        begins = found.store.get(found.store.record(run.mask.digest).blobs["mask"])
        for key, tensor in ours.items():  # ``attach`` never saw the initial weights outside its mask
            kept = begins[key.partition("/initial/")[2]] if "/initial/" in key else torch.tensor(True)
            assert torch.equal(tensor * kept, carry[key] * kept), key
        assert ours.keys() == carry.keys()
        if "mask" in record.blobs:
            assert masks.digest(found.store.get(record.blobs["mask"])) == masks.digest(held.mask)
        for point, mask in held.found.items():
            assert masks.digest(found.store.get(record.blobs[f"mask:{point}"])) == masks.digest(mask)
    plain = find(tmp_path / "plain", sparsities=LEVELS, rewind_to=rewind_to)
    assert ends(runs[0], found.store) != ends(plain.rows[0].nodes["train"], plain.store), "it acts"


@pytest.mark.parametrize("rewind_to", [0, K])
@pytest.mark.parametrize("name", ["gradual", "top-k"])
def test_the_bits_are_those_of_the_engine(name, rewind_to, tmp_path):
    recipe = replace(ENGINE, during=(CASES[name],))
    wanted = by_engine(tmp_path / "engine", iterative, rewind_to, (), recipe)
    found = find(tmp_path / "user", during=[CASES[name]], rewind_to=rewind_to)
    kinds = ["dense" if row.labels["method"] == "dense" else "ticket" for row in found.rows]
    sparsities = [row.labels["sparsity"] for row in found.rows]
    ours = {
        (kind, "", sparsity): ends(row.nodes["train"], found.store)
        for kind, sparsity, row in zip(kinds, sparsities, found.rows, strict=True)
    }
    assert ours == wanted


def test_a_step_goes_on_from_the_step_before_it(tmp_path):
    during = [CASES["random-out"], CASES["gradual"]]
    run = find(tmp_path / "whole", during=during, sparsities=[]).rows[0].nodes["train"]
    assert isinstance(run, Train)
    straight, parts = Store(tmp_path / "straight"), Store(tmp_path / "parts")
    run_here([run.at(11)], straight)
    for step in (3, 7, 11):
        run_here([run.at(step)], parts)
    one, other = (store.record(run.at(11).digest) for store in (straight, parts))
    assert one and other and one.blobs == other.blobs and {"carry", "mask"} <= one.blobs.keys()


# what the record says


def test_the_record_holds_what_they_said_found_and_kept(tmp_path):
    during = [CASES["random-out"], replace(CASES["early-bird"], stop=False), CASES["gradual"]]
    found = find(tmp_path, during=during, steps_per_epoch=4, sparsities=[0.5])
    row = found.rows[0]
    run, record = row.nodes["train"], row.records["train"]
    assert isinstance(run, Train)
    assert sum(record.metrics["resets"].values()) and record.metrics["early-bird-0.5"]["step"]
    assert record.metrics["events"][0][1] == "EarlyBird"
    assert all(0.1 < kept < 1 for kept in record.metrics["mean_kept"].values())
    assert {"amended", "early-bird-0.5", "mask", "mask:early-bird-0.5"} <= record.blobs.keys()
    mask = found.store.get(record.blobs["mask"])
    assert masks.sparsity(mask) == pytest.approx(0.6, abs=0.01)
    assert At(run=run, point="amended") and MaskOf(of=run, name="early-bird-0.5")


def test_a_training_that_was_ended_says_where(tmp_path):
    during = [CASES["early-bird"]]
    given = {"during": during, "steps_per_epoch": 4, "sparsities": [0.5]}
    found = find(tmp_path / "stops", train_fn=train_fn_that_stops, **given)
    steps = [row.metric("train.steps") for row in found.rows]
    assert steps == [row.metric("train.stopped_step") for row in found.rows] and max(steps) < T
    assert [alarm for alarm in found.alarms if alarm.severity == "fault"] == []
    went_on = find(tmp_path / "goes on", train_fn=train_fn, **given)
    assert {alarm.code for alarm in went_on.alarms if alarm.severity == "fault"} == {"went-on-after-stop"}
    assert went_on.rows[0].metric("train.steps") == T


def accumulates(module, run):
    batches = loader(run.seed)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with run.hold(optimizer):
        for step in run.steps:
            batch = next(batches.batches(0, start=step % batches.steps_per_epoch))
            cross_entropy(module(batch.inputs), batch.targets).backward()
            if step % 2:
                optimizer.step()
                optimizer.zero_grad()


def test_other_steps_than_were_asked_for_are_named(tmp_path):
    found = find(tmp_path, train_fn=accumulates, during=[CASES["top-k"]], sparsities=[])
    assert "steps-differ" in {alarm.code for alarm in found.alarms if alarm.severity == "fault"}
    assert "took 8 optimizer steps inside run.hold where 16 were asked for" in " ".join(str(found).split())


def draws(module, run):
    """A loop that draws from torch's generator, seeded by its step, before and after the interventions."""
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    torch.manual_seed(run.seed)
    torch.randn(run.steps.start)
    with run.hold(optimizer):
        for _ in run.steps:
            optimizer.zero_grad()
            (module(torch.ones(4, 1, 8, 8)).square().mean() + torch.randn(()) * module.fc1.weight.sum()).backward()
            optimizer.step()


@dataclass(frozen=True, kw_only=True)
class Draws(Intervening):
    """Draws initial weights anew at each step, and uses them if asked."""

    every: int = 1

    def __call__(self, view, carry):
        if view.step % self.every == 0:
            view.fresh("mine")
        return Change()


def test_drawing_anew_leaves_the_generators_of_the_loop_alone(tmp_path):
    often, never = (
        find(tmp_path / str(every), train_fn=draws, during=[Draws(every=every)], sparsities=[]).rows[0]
        for every in (1, 99)
    )
    assert often.records["train"].blobs["final"] == never.records["train"].blobs["final"]


# names and refusals


def test_interventions_are_part_of_the_name(tmp_path):
    given = {"sparsities": [], "steps": 2}
    names = [
        find(tmp_path, **given, **changes).rows[0].nodes["train"].digest
        for changes in (
            {},
            {"during": []},
            {"during": [RandomOut()]},
            {"during": [RandomOut(patience=2)]},
            {"during": [RandomOut()], "steps_per_epoch": 2},
        )
    ]
    assert names[0] == names[1] and len(set(names)) == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"during": "random-out"}, r"during has 'random-out'; .* lotterylab.interventions.RandomOut\(...\)"),
        ({"during": ["random-out"]}, r"during has 'random-out'; .* lotterylab.interventions.RandomOut\(...\)"),
        ({"during": ["random-ot"]}, "Did you mean 'random-out'"),
        ({"during": [RandomOut]}, "must be an object"),
        ({"during": [print]}, "must be an object"),
        ({"during": [RigL()]}, "RigL: the training begins with .* so none can take another's place"),
        ({"during": [ReDo()]}, "ReDo: it needs the batch"),
        ({"during": [Gradual(sparsity=0.5, begin_step=0, end_step=100)]}, "Gradual: end_step=100, but .* 16 steps"),
        ({"during": [EarlyBird(sparsity=0.5)], "steps_per_epoch": 4}, "EarlyBird: the network has no batch norm"),
        ({"during": [EarlyBird(sparsity=0.5, scores="filters")]}, "EarlyBird: .* Give steps_per_epoch"),
        ({"during": [RandomOut()], "steps_per_epoch": 0}, "steps_per_epoch=0: at least 1"),
        ({"steps_per_epoch": 4}, "steps_per_epoch=4: it is for interventions"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_runs(changes, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        find(tmp_path / "store", **changes)
    assert not Path(tmp_path / "store").exists()
