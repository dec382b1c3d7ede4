"""Tiny plans on digits, and ways to compute them: in this process, or as a script that can be killed.

python some_plans.py STORE WORKERS [PLAN]      prints one line for each event
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from lotterylab.analysis import Distances
from lotterylab.criteria import Grasp, Magnitude, RandomOfSign
from lotterylab.data import Augment, Digits, NamedStream
from lotterylab.data.scoring import PerClass
from lotterylab.engine.local import Event, run
from lotterylab.engine.schedule import Schedule
from lotterylab.engine.store import Store
from lotterylab.models import ShallowCnn
from lotterylab.plan.nodes import Choose, Data, Dense, Init, Measure, Node, Prune, Shuffle, Train
from lotterylab.training.optim import Sgd
from lotterylab.training.recipe import Recipe
from lotterylab.training.schedules import FractionDrops

SPEC = Digits(train=64, validation=20, test=20)
DATA = Data(spec=SPEC, content=SPEC.fingerprint(None).content)
MODEL = ShallowCnn(activation="relu", shape=(1, 8, 8), widths=(2, 3, 4))
RECIPE = Recipe(
    epochs=4,
    optimizer=Sgd(lr=0.1, momentum=0.9),
    schedule=FractionDrops(at=(0.5,)),
    augment=Augment(crop_padding=1),
    stream=NamedStream(),
    batch_size=16,
    watch=("validation",),
    pick="validation",
)
INIT, DENSE = Init(model=MODEL, seed=0), Dense(model=MODEL)


def train(mask: Node = DENSE, **changes: Any) -> Train:
    fields: dict[str, Any] = {"start": INIT, "data": DATA, "recipe": RECIPE, "order_seed": 0}
    return Train(mask=mask, **{**fields, **changes})


RUN = train()
MAGNITUDE = Prune(criterion=Magnitude(), of=RUN.final, sparsity=0.5, seed=0)
AGAIN = replace(MAGNITUDE, ties="random")  # no two weights tie, so that this is the same mask
GRASP = Prune(criterion=Grasp(), of=INIT, sparsity=0.5, seed=0, data=DATA, batch=PerClass(count=1))
TICKET, TWIN = train(MAGNITUDE), train(AGAIN)
FAR = Measure(quantity=Distances(tensors="all"), of={"dense": RUN.final, "ticket": TICKET.final, "mask": MAGNITUDE})
RATES = (0.01, 0.1)
TRIALS = tuple(train(recipe=replace(RECIPE, optimizer=Sgd(lr=rate)), order_seed=7) for rate in RATES)
RATE = Choose(candidates=tuple((rate, (one,)) for rate, one in zip(RATES, TRIALS, strict=True)), by="test_accuracy")
CHOSEN = train(GRASP, recipe=replace(RECIPE, optimizer=Sgd(lr=RATE)))
# fails when it is computed: no class of 64 digits has 99 images
FAILS = replace(GRASP, batch=PerClass(count=99))
FINE = replace(GRASP, criterion=RandomOfSign())

PLANS: dict[str, tuple[Node, ...]] = {
    "whole": (FAR, train(Shuffle(mask=MAGNITUDE, seed=0)), TWIN, CHOSEN),
    "long": (train(recipe=replace(RECIPE, epochs=100_000)),),
    "fails": (train(FAILS), train(Shuffle(mask=FAILS, seed=0)), FINE),
}


def compute(targets: Iterable[Node], store: Store, **options: Any) -> list[Node]:
    """Compute in this process, one task after another; the tasks, in the order they were done."""
    from lotterylab.engine.context import Context
    from lotterylab.engine.rules import execute

    schedule, context, done = Schedule(targets, store.create()), Context(store=store, **options), []
    while (task := schedule.next()) is not None:
        execute(task, context)
        schedule.done(task.digest)
        done.append(task)
    return done


def hashes(store: Store) -> dict[str, Any]:
    """What must not depend on how a store came about."""
    return {record.digest: (record.kind, record.blobs, record.metrics) for record in store.records()}


def main(path: str, workers: str, plan: str = "whole") -> None:
    def listen(event: Event) -> None:
        detail = event.detail[0] if event.word == "failed" else event.detail
        print(event.word, type(event.node).__name__, event.node.digest, detail, flush=True)

    summary = run(PLANS[plan], Store(path), workers=int(workers), save_every_seconds=0.0, listen=listen)
    print("summary", asdict(summary), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
