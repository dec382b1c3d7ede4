"""Does a ResNet that has no tickets at its initial weights have them a little later?

ResNet-20 on CIFAR-10 at a quarter of its width, as [frankle2019stabilizing, sections 3 and 4] and [renda2020comparing]
asked it of the whole one: rewind points from 0 to 7 % of the training, learning-rate rewinding, and the stability of
what they give.  The papers prune 20 % a round; here it is half, so that three rounds reach 12.5 %.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import tyro

from lotterylab.criteria import Magnitude
from lotterylab.data import Augment, Cifar10, NamedStream
from lotterylab.engine.results import Result
from lotterylab.models import ResNet
from lotterylab.plan.nodes import Data, Dense, Init, Train
from lotterylab.plan.study import Prediction, Row, Study
from lotterylab.procedures import iterative, learning_rate_rewinding
from lotterylab.rates import Rate
from lotterylab.studies.judging import apart_from, at, less, more
from lotterylab.studies.levels import Ladder
from lotterylab.studies.outline import Chart, Claim, Difference, Line, Outline, Versus
from lotterylab.studies.sized import Parts, SizedRequest
from lotterylab.studies.ticket_lines import ACCURACY, ANGLE, DENSE, L2, MARGIN
from lotterylab.training.optim import Sgd
from lotterylab.training.recipe import Recipe
from lotterylab.training.schedules import FractionDrops

QUESTION = (
    "Does a residual network that finds no better tickets at its initial weights than random masks are find them at "
    "the weights of a little later, and how stable are they?"
)
RATE = Rate(share=0.5)
LAST = 3  # rounds: 12.5 % of the weights are left
LOW = RATE.after(LAST)
POINTS = {"rewind to 0": 0.0, "rewind to 2 %": 0.02, "rewind to 7 %": 0.07}
LEARNING_RATE = "learning-rate rewinding"
_WHOLE = tyro.conf.arg(metavar="N", help_behavior_hint="")


@dataclass(frozen=True, kw_only=True)
class Options:
    """``width``: times the channels of ResNet-20.  ``epochs``: of every run."""

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {
        "quick": {"epochs": 2, "seeds": 2, "width": 0.25},
        "standard": {"epochs": 40, "seeds": 3, "width": 0.25},
        "paper": {"epochs": 160, "seeds": 5, "width": 1.0},
    }

    epochs: int = 40
    seeds: int = 3
    first_seed: int = 0
    width: float = 0.25
    rounds: int = LAST


@dataclass(frozen=True, kw_only=True)
class Request(SizedRequest):
    """Options that say what is studied; the same ones name the same results."""

    epochs: Annotated[int | None, _WHOLE] = None
    """Epochs of each run: 2, 40, 160 by size."""
    rounds: Annotated[int | None, _WHOLE] = None
    """Rounds of pruning, half of what is left each; default 3."""
    width: Annotated[float | None, tyro.conf.arg(metavar="X", help_behavior_hint="")] = None
    """Times the channels of ResNet-20: a quarter, and 1 at the paper's size."""

    def parts(self) -> Parts:
        """CIFAR-10@5000; the whole training set at the paper's size."""
        whole = self.size == "paper"
        spec = (
            Cifar10(train=45_000, validation=5_000, test=10_000)
            if whole
            else Cifar10(train=5_000, validation=1_000, test=5_000)
        )
        return Parts(name="rewinding", spec=spec, options=Options, sizes=Options.SIZES, build=build, outline=OUTLINE)


def recipe(epochs: int) -> Recipe:
    """SGD 0.1, momentum 0.9, decay 1e-4, batches of 128, drops at 2/3 and 5/6 as 20,000 and 25,000 of 30,000 steps.
    [frankle2019stabilizing, figure 2, the columns of the drops read as those of this network]"""
    return Recipe(
        epochs=epochs,
        optimizer=Sgd(lr=0.1, momentum=0.9, weight_decay=1e-4),
        schedule=FractionDrops(at=(0.6667, 0.8333)),
        augment=Augment(crop_padding=4, flip=True),
        stream=NamedStream(),
        batch_size=128,
        watch=("validation",),
    )


def build(options: Options, data: Data, *, title: str, notes: tuple[str, ...] = ()) -> Study:
    """The plan; seed by seed."""
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    return Study(
        name="rewinding",
        title=f"Rewinding, ResNet-20 at width {options.width:g} on {title}, {options.epochs} epochs a run",
        question=QUESTION,
        rows=tuple(row for seed in seeds for row in _rows(options, data, seed)),
        predictions=PREDICTIONS,
        notes=notes,
    )


def _rows(options: Options, data: Data, seed: int) -> Iterator[Row]:
    model = ResNet(depth=20, width=options.width, shape=data.spec.shape, classes=data.spec.classes)
    dense = Train(
        start=Init(model=model, seed=seed),
        mask=Dense(model=model),
        data=data,
        recipe=recipe(options.epochs),
        order_seed=seed,
    )
    ladder = Ladder(protocol="ResNet-20", activation=model.activation, dense=dense, rate=RATE, seed=seed)
    cut = {"criterion": Magnitude(), "scope": "global", "seed": seed}
    levels = [RATE] * options.rounds
    yield ladder.dense_row()
    for name, share in POINTS.items():
        step = int(share * dense.total_steps + 0.5)
        found = iterative(dense, levels, rewind_to=lambda round, step=step: step, **cut)
        yield from ladder.rows(name, found)
        yield from ladder.controls(name, found[-1:], ("random-mask",))
        for word in ("", "random-mask"):
            yield ladder.other_order(name, found[-1], word)
    again = int(0.07 * dense.total_steps + 0.5)
    yield from ladder.rows(LEARNING_RATE, learning_rate_rewinding(dense, levels, rewind_to=lambda round: again, **cut))


LINES = {name: Line(name=name, labels={"method": name, "control": ""}) for name in (*POINTS, LEARNING_RATE)}
RANDOM = {name: Line(name=f"random mask, {name}", labels={"method": name, "control": "random mask"}) for name in POINTS}
ORDERS = {name: Line(name=name, labels={"method": name, "control": "other order"}) for name in POINTS}
RANDOM_ORDERS = {
    name: Line(name=f"random mask, {name}", labels={"method": name, "control": "random mask, other order"})
    for name in POINTS
}
START, LATE = "rewind to 0", "rewind to 7 %"
STABILISING = "frankle2019stabilizing"
CLAIMS = (
    Claim(
        key="1",
        text="Rewound to iteration 500 of 30,000 a ticket of 16.7 % is more accurate than reset to 0 (ours: 2 % of the "
        "training, 12.5 % of the weights).",
        judge=more(LINES["rewind to 2 %"], LINES[START], ACCURACY, LOW),
        source=STABILISING,
    ),
    Claim(
        key="2",
        text="Reset to 0 a ticket is no more stable to the data order than a random mask (angles of 87.7 and 88.0 "
        "degrees at 16.7 %): judged as less by no more than 5 degrees.",
        judge=more(ORDERS[START], RANDOM_ORDERS[START], ANGLE, LOW, than=-5.0, digits=1),
        source=STABILISING,
    ),
    Claim(
        key="3",
        text="Learning-rate rewinding is at least as accurate as rewinding the weights (12.5 %; ours: 7 % of the "
        "training), within 0.01.",
        judge=more(LINES[LEARNING_RATE], LINES[LATE], ACCURACY, LOW, than=-MARGIN),
        source="renda2020comparing",
    ),
    Claim(
        key="a",
        text="Rewound to 7 % a ticket is more accurate than a random mask of the same start.",
        judge=more(LINES[LATE], RANDOM[LATE], ACCURACY, LOW),
    ),
    Claim(
        key="b",
        text="Rewound to 7 % a ticket is more stable to the data order (angle) than one that is reset.",
        judge=less(ORDERS[LATE], ORDERS[START], ANGLE, LOW, digits=1),
    ),
)
PREDICTIONS = tuple(
    Prediction(key=one.key, claim=one.text, expected="Confirmed by an interval over seeds.")
    for one in CLAIMS
    if not one.source
)


def _conclude(results: Sequence[Result], found: Sequence[Difference]) -> str:
    """Each way against the reset, at the sparsest level."""
    parts = apart_from(LINES[START], LINES.values(), results, ACCURACY, LOW)
    if not parts:
        return "Nothing can be said yet: no seed is finished."
    reached = at(LINES[START], results, ACCURACY, LOW)
    mean = sum(reached.values()) / len(reached)
    return f"With 12.5 % of the weights, a reset to 0 reaches {mean:.3f}; minus that: {'; '.join(parts)}."


OUTLINE = Outline(
    charts=(
        Chart(
            name="accuracy",
            title="Test accuracy by where the weights go back to",
            lines=(*LINES.values(), RANDOM[START], RANDOM[LATE]),
            y=ACCURACY,
            y_axis="test accuracy, fraction",
            level=DENSE,
        ),
        Chart(
            name="pruning-stability",
            title="Stability to pruning: distance from the dense network over the kept weights",
            lines=tuple(LINES.values()),
            y=L2,
            y_axis="L2 distance",
        ),
    ),
    versus=(
        *(
            Versus(key=f"accuracy, {a.name}", a=a, b=LINES[START], read=ACCURACY, what="accuracy", margin=MARGIN)
            for name, a in LINES.items()
            if name != START
        ),
        *(
            Versus(
                key=f"accuracy, {name} random",
                a=LINES[name],
                b=RANDOM[name],
                read=ACCURACY,
                what="accuracy",
                margin=MARGIN,
            )
            for name in POINTS
        ),
        *(
            Versus(
                key=f"order, {name}",
                a=ORDERS[name],
                b=RANDOM_ORDERS[name],
                read=ANGLE,
                what="angle between two data orders",
                margin=5.0,
                more_is="worse",
                digits=1,
            )
            for name in POINTS
        ),
    ),
    claims=CLAIMS,
    conclude=_conclude,
    would_change="The whole width, the whole training set and 30,000 steps (--size paper); 20 % a round; more seeds.",
    doubts=(
        "A quarter of the width and a tenth of the images: the papers' ResNet-20 reaches 90 %, this one cannot.",
        "The recipe is the papers' high learning rate; its low rate and warm-up are not run here.",
        "Rewinding trains T - k steps, learning-rate rewinding as many; the reset trains T.",
    ),
)
