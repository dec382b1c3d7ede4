"""Removed weights that are held at values other than 0: exactly, at every step, and across a stop."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from lotterylab.analysis import Macs
from lotterylab.combining import ZeroIfShrunk
from lotterylab.criteria import Magnitude
from lotterylab.engine.results import Result
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.interventions import Set
from lotterylab.models import ConvN
from lotterylab.network import network
from lotterylab.plan.nodes import Combine, Dense, Init, Measure, Prune, Train
from lotterylab.reading.costs import costs
from lotterylab.reading.rows import Rows
from lotterylab.training.optim import Adam, Sgd
from some_plans import DATA, INIT, RECIPE, RUN, compute

MASK = Prune(criterion=Magnitude(), of=RUN.final, sparsity=0.6, seed=0)
FROZEN = replace(RUN, mask=MASK, frozen=INIT)
OPTIMIZERS = {
    "sgd": Sgd(lr=0.1, momentum=0.9, weight_decay=1e-2, nesterov=True),
    "adam": Adam(lr=0.003, weight_decay=1e-2),
}


def value(store: Store, node: Any, part: str) -> dict[str, torch.Tensor]:
    record = store.record(node.digest)
    assert record
    return store.get(record.blobs[part])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_removed_weights_stay_at_their_values_to_the_bit_at_every_step(optimizer, tmp_path):
    """Weight decay and momentum would move them."""
    store, run = Store(tmp_path), replace(FROZEN, recipe=replace(RECIPE, optimizer=OPTIMIZERS[optimizer]))
    points = [run.at(step) for step in (1, 5, 16)]
    compute([run, *points], store)
    mask, initial = value(store, MASK, "mask"), value(store, INIT, "state")
    for state in (value(store, run, "final"), *(value(store, point, "state") for point in points)):
        for name, kept in mask.items():
            assert torch.equal(state[name][~kept], initial[name][~kept])
            assert not torch.equal(state[name][kept], initial[name][kept])


def test_a_run_that_stops_and_goes_on_gives_the_same_bits(tmp_path):
    straight, parts = Store(tmp_path / "straight"), Store(tmp_path / "parts")
    compute([FROZEN], straight)
    compute([FROZEN.at(3), FROZEN.at(9), FROZEN], parts)
    assert straight.record(FROZEN.digest).blobs == parts.record(FROZEN.digest).blobs  # type: ignore[union-attr]


def test_with_a_full_mask_it_is_the_dense_run(tmp_path, torch_steps):
    store = Store(tmp_path)
    whole = replace(RUN, frozen=INIT)
    compute([RUN, whole], store)
    record = store.record(whole.digest)
    assert record and record.same_as == RUN.digest


def test_values_may_be_made_by_a_rule_and_be_0_in_part(tmp_path):
    store = Store(tmp_path)
    zeros = Combine(of={"initial": INIT, "final": RUN.final}, rule=ZeroIfShrunk())
    made = replace(FROZEN, frozen=zeros)
    compute([made], store)
    state, mask = value(store, made, "final"), value(store, MASK, "mask")
    initial, final = value(store, INIT, "state"), value(store, RUN, "final")
    for name, kept in mask.items():
        expected = initial[name].masked_fill(final[name].abs() < initial[name].abs(), 0.0)
        assert torch.equal(state[name][~kept], expected[~kept])


def test_convolutions_in_another_layout_are_held_too(tmp_path):
    store, model = Store(tmp_path), ConvN(depth=2, width=0.1, shape=(1, 8, 8))
    start = Init(model=model, seed=0)
    dense = Train(start=start, mask=Dense(model=model), data=DATA, recipe=RECIPE, order_seed=0)
    mask = Prune(criterion=Magnitude(), of=start, sparsity=0.5, seed=0)
    compute([run := replace(dense, mask=mask, frozen=start)], store)
    state, kept, initial = value(store, run, "final"), value(store, mask, "mask"), value(store, start, "state")
    assert network(model.build()).channels_last
    assert all(torch.equal(state[name][~kept[name]], initial[name][~kept[name]]) for name in kept)


def test_its_weights_are_no_zeros_that_a_sparse_machine_could_leave_out(tmp_path):
    store = Store(tmp_path)
    counted = Measure(quantity=Macs(), of={"state": INIT}, data=DATA)
    compute([FROZEN, counted], store)
    nodes = {"train": FROZEN, "macs": counted, "prune": MASK}
    records = {part: store.record(node.digest) for part, node in nodes.items()}
    row = Result(labels={}, records={part: record for part, record in records.items() if record}, nodes=nodes)
    (cost,) = costs(Rows([row]))
    assert cost and cost.macs == cost.sparse_macs


def test_beside_interventions_it_is_refused():
    with pytest.raises(UsageError, match="frozen was given to a training with interventions"):
        replace(FROZEN, recipe=replace(RECIPE, during=(Set(every=3),)))
