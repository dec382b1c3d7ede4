"""Rewinding of ResNet-20 on CIFAR-10: tickets shortly after initialisation, and their stability.

The study repeats [frankle2019stabilizing, sections 3 and 4] and [renda2020comparing] at a quarter of the width: rewind
points from 0 to 7 % of the training, learning-rate rewinding, and the stability of the tickets.  The papers prune 20 %
a round; here a round prunes half, so that three rounds reach 12.5 %.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lotterylab.analysis import Barrier
from lotterylab.asking.choices import cifar10
from lotterylab.asking.options import SizedOptions, number_of_seeds, option, sized
from lotterylab.asking.study import Study
from lotterylab.criteria import Magnitude
from lotterylab.data import Augment, NamedStream
from lotterylab.models import ResNet
from lotterylab.plan.nodes import Data, Dense, Init, Train
from lotterylab.plan.plan import Plan, Row
from lotterylab.procedures import fine_tuning, iterative, learning_rate_rewinding
from lotterylab.studies.levels import Ladder
from lotterylab.studies.rewinding_reading import (
    FINE_TUNING,
    HIGH,
    LAST,
    LEARNING_RATE,
    LOW_RATE,
    OUTLINE,
    POINTS,
    PREDICTIONS,
    QUESTION,
    RATE,
    START,
    WARM_UP,
)
from lotterylab.training.optim import Sgd
from lotterylab.training.recipe import Recipe
from lotterylab.training.schedules import Constant, FractionDrops, Warmup

# statistics are estimated at the ends too, as in the committed results
APART = Barrier(points=11, statistics="estimated", at="everywhere")


@dataclass(frozen=True, kw_only=True)
class Options(SizedOptions):
    """``Options`` holds the options of the study; the paper's 85 epochs are 29,920 steps."""

    epochs: int = sized(quick=2, standard=40, paper=85, help="Epochs of each run")
    seeds: int = number_of_seeds(quick=3, standard=3, paper=5)
    width: float = sized(quick=0.25, standard=0.25, paper=1.0, help="Factor of the channels of ResNet-20")
    rounds: int = option(LAST, help="Rounds of pruning, each of half the remaining weights")


def recipe(epochs: int, *, rate: float = 0.1, warm_up: bool = False) -> Recipe:
    """Return SGD 0.1, momentum 0.9, decay 1e-4, batches of 128, drops at 2/3 and 5/6 of the training.

    The paper drops at 20,000 and 25,000 of 30,000 steps.  [frankle2019stabilizing, figure 2, the columns of the drops
    read as those of this network]

    ``warm_up``: the rate rises over the first 2/3 of the training, as over 20,000 of 30,000 steps.
    [frankle2019lottery, figure 8: rates 0.1, 0.01, and 0.03 with warm-up]
    """
    drops = FractionDrops(at=(0.6667, 0.8333))
    return Recipe(
        epochs=epochs,
        optimizer=Sgd(lr=rate, momentum=0.9, weight_decay=1e-4),
        schedule=Warmup(share=0.6667, then=drops) if warm_up else drops,
        augment=Augment(crop_padding=4, flip=True),
        stream=NamedStream(),
        batch_size=128,
        watch=("validation",),
    )


def build(options: Options, data: Data) -> Plan:
    """Return the plan, seed by seed."""
    return Plan(
        title=f"Rewinding, ResNet-20 at width {options.width:g} on {data.spec.title}, {options.epochs} epochs a run",
        rows=tuple(row for seed in options.all_seeds for row in _rows(options, data, seed)),
        predictions=PREDICTIONS,
    )


def _rows(options: Options, data: Data, seed: int) -> Iterator[Row]:
    cut = {"criterion": Magnitude(), "scope": "global", "seed": seed}
    levels = [RATE] * options.rounds
    ladder = _ladder(HIGH, recipe(options.epochs), options, data, seed)
    dense = ladder.dense
    yield ladder.dense_row()
    yield ladder.dense_in_other_order(APART)
    for name, share in POINTS.items():
        step = int(share * dense.total_steps + 0.5)
        tickets = iterative(dense, levels, rewind_to=lambda round, step=step: step, **cut)
        yield from ladder.rows(name, tickets)
        yield from ladder.controls(name, tickets[-1:], ("random-mask", *(["reinitialised"] if name == START else [])))
        for word in ("", "random-mask"):
            yield ladder.other_order(name, tickets[-1], word, barrier=APART)
    again = int(0.07 * dense.total_steps + 0.5)
    yield from ladder.rows(LEARNING_RATE, learning_rate_rewinding(dense, levels, rewind_to=lambda round: again, **cut))
    yield from ladder.rows(FINE_TUNING, fine_tuning(dense, levels, _tuning(dense.total_steps - again), **cut))
    for name, variant in (
        (LOW_RATE, recipe(options.epochs, rate=0.01)),
        (WARM_UP, recipe(options.epochs, rate=0.03, warm_up=True)),
    ):
        ladder = _ladder(name, variant, options, data, seed)
        tickets = iterative(ladder.dense, levels, **cut)
        yield ladder.dense_row()
        yield from ladder.rows(START, tickets)
        yield from ladder.controls(START, tickets[-1:], ("random-mask",))
        for word in ("", "random-mask"):
            yield ladder.other_order(START, tickets[-1], word, barrier=APART)


def _ladder(name: str, variant: Recipe, options: Options, data: Data, seed: int) -> Ladder:
    model = ResNet(depth=20, width=options.width, shape=data.spec.shape, classes=data.spec.classes)
    dense = Train(
        start=Init(model=model, seed=seed), mask=Dense(model=model), data=data, recipe=variant, order_seed=seed
    )
    return Ladder(protocol=name, activation=model.activation, dense=dense, rate=RATE, seed=seed)


def _tuning(steps: int) -> Recipe:
    """Return ``steps`` steps at the last rate of the dense run, as in rewinding.   [renda2020comparing, section 2]"""
    return replace(recipe(1, rate=0.001), epochs=0, steps=steps, schedule=Constant())


STUDY = Study(name="rewinding", question=QUESTION, options=Options, data=cifar10, build=build, outline=OUTLINE)
