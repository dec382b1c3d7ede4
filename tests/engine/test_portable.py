"""Without a compiler the engine trains chains by torch's products, and everything else as it did."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

import pytest
import torch

from lotterylab.criteria import Magnitude
from lotterylab.data.augment import Augment
from lotterylab.engine.store import Store
from lotterylab.interventions import Gradual
from lotterylab.kernels import build
from lotterylab.models import Mlp, ShallowCnn
from lotterylab.plan.nodes import Dense, Init, Prune, Train
from some_plans import DATA, RECIPE, compute

MODEL = Mlp(shape=(1, 8, 8), widths=(20, 12))
PATH = "chain of products 1"


@pytest.fixture(autouse=True)
def no_compiler(monkeypatch):
    monkeypatch.setenv(build.SWITCH, "portable")
    build.library.cache_clear()
    yield
    build.library.cache_clear()


def run(model: Any = MODEL, mask: Any = None, **recipe: Any) -> Train:
    start = Init(model=model, seed=0)
    how = replace(RECIPE, **{"augment": Augment(), **recipe})
    return Train(start=start, mask=mask or Dense(model=model), data=DATA, recipe=how, order_seed=0)


def ticket(dense: Train, sparsity: float) -> Train:
    return replace(dense, mask=Prune(of=dense.final, criterion=Magnitude(), sparsity=sparsity, seed=0))


@pytest.mark.parametrize("sparsity", [0.5, 0.95])
def test_a_chain_is_trained_stopped_and_continued_to_the_bit(sparsity, tmp_path):
    straight, parts, whole = (Store(tmp_path / name) for name in ("straight", "parts", "whole"))
    dense = run()
    node = ticket(dense, sparsity)
    compute([dense, node.mask], straight)
    for other in (parts, whole):
        shutil.copytree(straight.path, other.path)
    compute([node], straight)
    compute([node.at(3), node.at(7), node], parts)
    compute([node], whole, fast=False)
    ours, theirs, plain = (store.record(node.digest) for store in (straight, parts, whole))
    assert ours and theirs and plain and (ours.facts["path"], plain.facts["path"]) == (PATH, "plain")
    assert ours.blobs == theirs.blobs and ours.metrics == theirs.metrics
    one, other = (store.get(record.blobs["final"]) for store, record in ((straight, ours), (whole, plain)))
    for name in other:
        torch.testing.assert_close(one[name], other[name], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("node", "path"),
    [
        (run(), PATH),
        (run(during=(Gradual(sparsity=0.5, begin_step=0, end_step=10, every=2),)), "channels-last"),
        (run(model=ShallowCnn(shape=(1, 8, 8), widths=(2, 3, 4))), "channels-last, pool-first"),
    ],
    ids=["a chain", "an intervention", "convolutions"],
)
def test_what_trains_is_a_fact(node, path, tmp_path):
    store = Store(tmp_path / "store")
    compute([node], store)
    record = store.record(node.digest)
    assert record and record.facts["path"] == path


def test_all_kernels_can_be_switched_off(monkeypatch, tmp_path):
    monkeypatch.setenv(build.SWITCH, "off")
    store = Store(tmp_path / "store")
    compute([run()], store)
    record = store.record(run().digest)
    assert record and record.facts["path"] == "channels-last"
