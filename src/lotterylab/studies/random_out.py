"""RandomOut's own claims: fewer failures, less spread over seeds, and a lottery of filters.

RandomOut draws a filter anew if it hardly learns, so that a network depends less on its initialisation.  The paper has
no control for that.  The study adds three: as many resets of random filters at the same steps, batch norm as the rival,
and initialisations crossed with data orders, which tell whose lottery it is.   [cohen2016randomout]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from lotterylab.analysis import FilterLikeness
from lotterylab.asking.options import SizedOptions, number_of_seeds, option, sized
from lotterylab.asking.study import Study
from lotterylab.data import Cifar10
from lotterylab.data.subset import Subset
from lotterylab.interventions import RandomOut, SameResets
from lotterylab.models import ShallowCnn
from lotterylab.plan.nodes import Data, Dense, Init, Measure, Node, ResetsOf, Train
from lotterylab.plan.plan import Plan, Row
from lotterylab.procedures.choosing import TRIAL_SEED, best_rate
from lotterylab.studies.random_out_reading import (
    ARMS,
    BOTH,
    CHOSEN,
    CROSSED,
    DEAD,
    FULL,
    HALF,
    HIGH,
    NARROW,
    NORM,
    NORM_DEAD,
    OTHER_IMAGES,
    OUT,
    OUTLINE,
    PLAIN,
    PREDICTIONS,
    QUESTION,
    SAME,
    place,
)
from lotterylab.studies.small_cnn import recipe_for

WIDTHS = {NARROW: (8, 16, 32), HALF: (16, 32, 64), FULL: (32, 64, 128)}  # channels, channels, hidden units
FACTORS = {CHOSEN: 1, HIGH: 3}
OF_NORM = (NORM, BOTH, NORM_DEAD)
THRESHOLD = 0.1  # of the median gradient norm of a layer's filters


@dataclass(frozen=True, kw_only=True)
class Options(SizedOptions):
    """``Options`` holds the options of the study."""

    epochs: int = sized(quick=4, standard=20, paper=20, help="Epochs of each run")
    seeds: int = number_of_seeds(quick=3, standard=20, paper=50)
    crossed: int = sized(
        quick=3, standard=6, paper=12, least=1, help="Initialisations, each trained in as many data orders"
    )
    rates: tuple[float, ...] = option((0.01, 0.03, 0.1, 0.3), help="Learning rates to choose from, for each arm")


def build(options: Options, data: Data) -> Plan:
    """Return the plan: the arms seed by seed, then the crossed runs, then the runs on other images."""
    some, other = (_images(data, first) for first in (0, data.spec.train // 2))
    rows = [row for seed in options.all_seeds for row in _arms(options, some, seed)]
    rows += [row for rate in FACTORS for row in _crossed(options, some, rate)]
    rows += _other_images(options, some, other)
    images = f"{some.spec.train:,} training images of {data.spec.title}"
    return Plan(
        title=f"RandomOut, shallow CNNs on {images}, {options.epochs} epochs a run",
        rows=tuple(rows),
        predictions=PREDICTIONS,
    )


def _images(data: Data, first: int) -> Data:
    """Return the data with half of the training images, from the ``first`` on."""
    return replace(data, spec=Subset(spec=data.spec, train=data.spec.train // 2, first=first))


def _arms(options: Options, data: Data, seed: int) -> Iterator[Row]:
    for (width, rate), arms in ARMS.items():
        for arm in arms:
            run = trained(options, data, arm, width, rate, seed)
            chosen = {"rate": run.recipe.optimizer.lr} if arm not in (SAME, NORM_DEAD) else {}
            yield _row({"train": run, **chosen}, place(width, rate), arm, seed)


def trained(
    options: Options, data: Data, arm: str, width: str, rate: str, seed: int, order: int | None = None
) -> Train:
    """Return the run of an arm, at the rate that was best on validation for a seed of its own, or at three times.

    Random resets have the rate of the run whose resets they repeat.  RandomOut of dead filters has the rate of batch
    norm beside batch norm, from whose runs it must then not differ unless it draws a filter.

    Args:
        seed: of the initialisation.
        order: of the data order and the augmentation; the seed by default.
    """
    if arm == SAME:
        copied = trained(options, data, OUT, width, rate, seed, order)
        resets = SameResets(log=ResetsOf(run=copied))
        return replace(copied, recipe=replace(copied.recipe, during=(resets,)))
    judged = NORM if arm == NORM_DEAD else arm

    def trial(value: float) -> Train:
        return _run(options, data, judged, width, value, TRIAL_SEED, TRIAL_SEED)

    choice = best_rate(options.rates, trial, times=FACTORS[rate])
    return _run(options, data, arm, width, choice, seed, seed if order is None else order)


def _run(options: Options, data: Data, arm: str, width: str, rate: Any, seed: int, order: int) -> Train:
    model = ShallowCnn(
        activation="relu",
        init="glorot-normalized",
        shape=data.spec.shape,
        classes=data.spec.classes,
        widths=WIDTHS[width],
        batch_norm=arm in OF_NORM,
    )
    start, recipe = Init(model=model, seed=seed), recipe_for(options.epochs, rate)
    run = Train(start=start, mask=Dense(model=model), data=data, recipe=recipe, order_seed=order)
    last = options.epochs // 2 * run.steps_per_epoch  # no filter is drawn after half the run
    weak = RandomOut(threshold=THRESHOLD, rule="median", end_step=last)
    dead = RandomOut(rule="dead", patience=run.steps_per_epoch, end_step=last)
    during = {OUT: (weak,), BOTH: (weak,), DEAD: (dead,), NORM_DEAD: (dead,)}.get(arm, ())
    return replace(run, recipe=replace(recipe, during=during))


def _crossed(options: Options, data: Data, rate: str) -> Iterator[Row]:
    """Yield each initialisation in each data order: the table whose variance is divided."""
    seeds = options.all_seeds[: options.crossed]
    for seed in seeds:
        for order in seeds:
            run = trained(options, data, PLAIN, FULL, rate, seed, order)
            yield _row({"train": run}, f"{CROSSED}, {rate}", f"initialisation {seed}", order)


def _other_images(options: Options, some: Data, other: Data) -> Iterator[Row]:
    """Yield runs on other images, with the likeness of first-layer filters between runs that differ in one thing."""
    seeds = options.all_seeds[: options.crossed]
    for number, seed in enumerate(seeds):
        another = seeds[0] + (number + 1) % max(2, len(seeds))
        base = trained(options, some, PLAIN, FULL, CHOSEN, seed)
        elsewhere = replace(base, data=other)
        pairs = {
            "other_images": elsewhere,
            "other_order": replace(base, order_seed=another),
            "other_init": trained(options, some, PLAIN, FULL, CHOSEN, another, seed),
        }
        nodes: dict[str, Node] = {
            part: Measure(quantity=FilterLikeness(), of={"a": base.final, "b": run.final})
            for part, run in pairs.items()
        }
        yield _row({"train": elsewhere, **nodes}, OTHER_IMAGES, PLAIN, seed)


def _row(nodes: dict[str, Node], protocol: str, method: str, seed: int) -> Row:
    labels = {"protocol": protocol, "activation": "relu", "method": method, "control": "", "sparsity": 0.0}
    return Row(labels={**labels, "seed": seed}, nodes=nodes)


STUDY = Study(
    name="random-out",
    question=QUESTION,
    options=Options,
    data=Cifar10(train=10_000, validation=1_000, test=10_000),
    build=build,
    outline=OUTLINE,
)
