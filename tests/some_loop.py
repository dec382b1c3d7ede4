"""A user's own training loop, which does what the engine does: the same data order, loss and optimizer."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from lotterylab import tickets
from lotterylab.data import NamedStream
from lotterylab.data.loader import Loader
from lotterylab.engine.store import Store
from lotterylab.plan.nodes import Node, Train
from lotterylab.training.optim import Adam
from some_plans import INIT, RECIPE, SPEC

DIGITS = SPEC.load(None)


def loader(seed: int) -> Loader:
    return Loader(DIGITS, augment=RECIPE.augment, stream=NamedStream(), seed=seed, batch_size=16)


def init_fn(seed):
    module = INIT.model.build()
    module.load_state_dict(INIT.model.initial(seed, "init", "named"))
    return module


def train_fn(module, run):
    train_by(torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9, fused=True), module, run)


def train_fn_adam(module, run):
    train_by(torch.optim.Adam(module.parameters(), lr=0.003, fused=True), module, run)


def train_by(optimizer, module, run):
    batches, rate = loader(run.seed), optimizer.defaults["lr"]
    module.train()
    with run.hold(optimizer):
        for step in run.steps:
            for group in optimizer.param_groups:
                group["lr"] = rate if step < 8 else rate * 0.1
            epoch, place = divmod(step, batches.steps_per_epoch)
            batch = next(batches.batches(epoch, start=place))
            optimizer.zero_grad()
            cross_entropy(module(batch.inputs), batch.targets).backward()
            optimizer.step()


def eval_fn(module):
    module.eval()
    batch = next(loader(0).evaluation_batches("test"))
    return float((module(batch.inputs).argmax(1) == batch.targets).double().mean())


T, K, SPARSITIES = 16, 6, [0.5, 0.75]
ENGINE = replace(RECIPE, watch=(), pick=None)
ENGINE_ADAM = replace(ENGINE, optimizer=Adam(lr=0.003, decoupled=False))


def find(store: Path, **changes: Any):
    options = {"steps": T, "sparsities": SPARSITIES, "seeds": 1, "store": store}
    functions = {"init_fn": init_fn, "train_fn": train_fn, "eval_fn": eval_fn}
    given = {**functions, **options, **changes}
    return tickets(**given)


def ends(run: Node, store: Store) -> str:
    """Hashes of where a run ended and of its mask."""
    assert isinstance(run, Train)
    mask = store.record(run.mask.digest)
    final = store.record(run.digest)
    assert mask and final
    return f"{final.blobs['final']} {mask.blobs['mask']}"


if __name__ == "__main__":  # a process that can be killed: python some_loop.py STORE
    print(tickets(init_fn, train_fn, eval_fn, steps=16, sparsities=[0.5, 0.75], store=sys.argv[1], seeds=2))
