"""Does LeNet-300-100 on MNIST hold winning tickets?  One-shot and iterative pruning against re-initialised and random.

The first experiment of [frankle2019lottery, section 2], with the stability of [frankle2019stabilizing, table 1].
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from lotterylab.criteria import Magnitude
from lotterylab.data import Augment, NamedStream
from lotterylab.models import LeNet300100
from lotterylab.plan.nodes import Data, Dense, Init, Train
from lotterylab.plan.study import Row, Study
from lotterylab.procedures import iterative, one_shot
from lotterylab.rates import Rate
from lotterylab.studies.levels import Ladder
from lotterylab.studies.lth_mnist_claims import PREDICTIONS, QUESTION
from lotterylab.training.optim import Adam
from lotterylab.training.recipe import Recipe
from lotterylab.training.schedules import Constant

RATE = Rate(share=0.2, output=0.1)
ORDER_ROUND = 10  # 10.9 % of the weights are left; the table has 10.7 %


@dataclass(frozen=True, kw_only=True)
class Options:
    """``steps``: optimizer steps of each run (the paper: 50,000).  ``rounds``: of pruning, 20 % each."""

    SIZES: ClassVar[dict[str, dict[str, int]]] = {
        "quick": {"steps": 1_000, "rounds": 10, "seeds": 2},
        "standard": {"steps": 10_000, "rounds": 16, "seeds": 5},
        "paper": {"steps": 50_000, "rounds": 20, "seeds": 5},
    }

    steps: int = 10_000
    rounds: int = 16
    seeds: int = 5
    first_seed: int = 0


def recipe(steps: int) -> Recipe:
    """Adam 1.2e-3, batches of 60, the validation loss every 100 steps.   [frankle2019lottery, figure 2]"""
    return Recipe(
        epochs=0,
        steps=steps,
        optimizer=Adam(lr=1.2e-3),
        schedule=Constant(),
        augment=Augment(),
        stream=NamedStream(),
        batch_size=60,
        watch=("validation",),
        watch_every=100,
        pick="validation-loss",
    )


def build(options: Options, data: Data, *, title: str, notes: tuple[str, ...] = ()) -> Study:
    """The plan; seed by seed."""
    rows: list[Row] = []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        rows += _seed(options, data, seed)
    return Study(
        name="lth-mnist",
        title=f"The lottery ticket hypothesis, LeNet-300-100 on {title}, {options.steps:,} steps a run",
        question=QUESTION,
        rows=tuple(rows),
        predictions=PREDICTIONS,
        notes=notes,
    )


def _seed(options: Options, data: Data, seed: int) -> Iterator[Row]:
    model = LeNet300100(shape=data.spec.shape, classes=data.spec.classes)
    dense = Train(
        start=Init(model=model, seed=seed),
        mask=Dense(model=model),
        data=data,
        recipe=recipe(options.steps),
        order_seed=seed,
    )
    ladder = Ladder(protocol="LeNet-300-100", activation=model.activation, dense=dense, rate=RATE, seed=seed)
    cut = {"criterion": Magnitude(), "scope": "layerwise", "seed": seed}
    levels = range(1, options.rounds + 1)
    found = iterative(dense, [RATE] * options.rounds, **cut)
    once = one_shot(dense, [Rate(share=RATE.share, output=RATE.output, rounds=round) for round in levels], **cut)
    yield ladder.dense_row()
    yield from ladder.rows("iterative", found, ("reinitialised", "random-mask"))
    yield from ladder.rows("one-shot", once)
    if options.rounds >= ORDER_ROUND:
        for word in ("", "random-mask"):
            yield ladder.other_order("iterative", found[ORDER_ROUND - 1], word)
