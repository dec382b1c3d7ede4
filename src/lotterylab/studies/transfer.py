"""Does a ticket serve another task, or another optimizer, as well as a ticket that was found there?

Tickets of five classes of CIFAR-10 are trained on the other five, and tickets that Adam found by SGD.
[morcos2019one]  Weights begin as they were before the source's training, so that the tickets of
one seed differ in their masks alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lotterylab.analysis import Overlap
from lotterylab.asking.options import SizedOptions, number_of_seeds, option, sized
from lotterylab.asking.study import Study
from lotterylab.criteria import Magnitude
from lotterylab.data import Cifar10
from lotterylab.data.classes import Classes
from lotterylab.models import ShallowCnn
from lotterylab.plan.nodes import Data, Measure, Node, Train
from lotterylab.plan.plan import Plan, Row
from lotterylab.procedures import Ticket, control, dense_run, iterative, transferred
from lotterylab.procedures.choosing import TRIAL_SEED, best_rate
from lotterylab.studies.levels import Ladder
from lotterylab.studies.small_cnn import RATE, own_images, recipe_for
from lotterylab.studies.transfer_reading import METHODS, OUTLINE, PREDICTIONS, QUESTION, ROUNDS
from lotterylab.training.optim import Adam

POOL = 47_500  # training images, of which each seed draws its own; the last 2,500 are for validation
CONTROLS = ("random-mask", "reinitialised")  # of the tickets from elsewhere
# shares of the whole data: images of five of ten classes, fewer than half so that there are always enough
TARGET, SOURCE = (0.4, 0.4, 0.45), (0.4, 0.4, 0.3)


@dataclass(frozen=True, kw_only=True)
class Options(SizedOptions):
    """``Options`` holds the options of the study."""

    images: int = sized(
        quick=12_500,
        standard=12_500,
        paper=POOL,
        most=POOL,
        help="Training images of all classes, at the most; each seed draws its own, and a task has two fifths of them",
    )
    epochs: int = sized(quick=4, standard=12, paper=120, help="Epochs of each run, on the source and on the target")
    rounds: int = sized(quick=2, standard=ROUNDS, paper=5, help="Rounds of pruning, each of half the remaining weights")
    seeds: int = number_of_seeds(quick=3, standard=8, paper=8)
    rates: tuple[float, ...] = option((0.03, 0.1, 0.3), help="Learning rates of SGD to choose from, for each arm")
    adam_rates: tuple[float, ...] = option((3e-4, 1e-3, 3e-3), help="Learning rates of Adam to choose from")


def build(options: Options, data: Data) -> Plan:
    """Return the plan, seed by seed."""
    images = min(options.images, data.spec.train)
    return Plan(
        title=f"Tickets of other classes and of Adam, shallow CNN on {data.spec.title}, {options.epochs} epochs a run",
        rows=tuple(row for seed in options.all_seeds for row in Arms(options, data, seed).rows()),
        predictions=PREDICTIONS,
        notes=(f"Each seed draws its own {images:,} training images of all classes from {data.spec.train:,}.",),
    )


def halves(data: Data, images: int, seed: int) -> dict[str, Data]:
    """Return the task of the first half of the classes, on which all arms are compared, and that of the others.

    ``images``: of all classes, drawn by the ``seed``.
    """
    spec = own_images(data, images, seed).spec
    half = spec.classes // 2
    tasks = {"target": (range(half), TARGET), "source": (range(half, 2 * half), SOURCE)}
    return {
        name: replace(data, spec=Classes(spec=spec, kept=tuple(kept), sizes=_sizes(spec, shares)))
        for name, (kept, shares) in tasks.items()
    }


def _sizes(spec: Any, shares: tuple[float, float, float]) -> tuple[int, int, int]:
    train, validation, test = (
        int(share * size) for share, size in zip(shares, (spec.train, spec.validation, spec.test), strict=True)
    )
    return train, validation, test


@dataclass(frozen=True)
class Arms:
    """The ``Arms`` of one seed: where a ticket comes from, and its controls on the target."""

    options: Options
    data: Data
    seed: int

    def rows(self) -> Iterator[Row]:
        """Yield the dense network of the target, its own ticket, those of the sources, and their controls."""
        dense = self.dense("sgd", "target")
        ladder = Ladder(protocol="shallow CNN", activation="relu", dense=dense, rate=RATE, seed=self.seed)
        labels = {"sparsity": RATE.after(self.options.rounds), "round": self.options.rounds}
        own = self.ticket("own")
        yield ladder.dense_row(rate=dense.recipe.optimizer.lr)
        for method in METHODS:
            found = self.ticket(method)
            for word in ("",) if method == "own" else ("", *CONTROLS):
                run = self.chosen(method, word)
                nodes: dict[str, Node] = {**ladder.parts(found, run), "rate": run.recipe.optimizer.lr}
                if method != "own" and not word:
                    nodes["overlap"] = Measure(quantity=Overlap(), of={"a": found.mask, "b": own.mask})
                yield ladder.row(method, nodes, control=word.replace("-", " "), **labels)
            longer = control("dense-same-cost", found, self.seed)  # one run for all: each ticket took as many steps
            yield ladder.row(method, {"train": longer}, control="dense same cost", **labels)

    def dense(self, optimizer: str, task: str) -> Train:
        """Return the dense run on a task, at the rate that was best for it."""

        def run(arms: Arms, rate: Any) -> Train:
            return arms.dense_at(optimizer, task, rate)

        return self.at_best(run, self.options.adam_rates if optimizer == "adam" else self.options.rates)

    def dense_at(self, optimizer: str, task: str, rate: Any) -> Train:
        """Return the dense run on a task at a rate."""
        data, recipe = halves(self.data, self.options.images, self.seed)[task], recipe_for(self.options.epochs, rate)
        model = ShallowCnn(init="he-normal", shape=data.spec.shape, classes=data.spec.classes)
        if optimizer == "adam":
            recipe = replace(recipe, optimizer=Adam(lr=rate))
        return dense_run(model, data, recipe, seed=self.seed)

    def ticket(self, method: str) -> Ticket:
        """Return a method's last ticket on the target, at the rate of the target's dense network."""
        optimizer, task = METHODS[method]
        dense = self.dense(optimizer, task)
        cut = {"criterion": Magnitude(), "scope": "global", "seed": self.seed}
        found = iterative(dense, [RATE] * self.options.rounds, **cut)[-1]
        return transferred(found, self.dense("sgd", "target"))

    def chosen(self, method: str, word: str) -> Train:
        """Return a method's run on the target, or that of a control of it, at the rate that was best for it."""

        def run(arms: Arms, rate: Any) -> Train:
            ticket = arms.ticket(method)
            found = control(word, ticket, arms.seed) if word else ticket.run
            return replace(found, recipe=recipe_for(arms.options.epochs, rate))

        return self.at_best(run, self.options.rates)

    def at_best(self, run: Callable[[Arms, Any], Train], rates: Sequence[float]) -> Train:
        """Return a run at the rate that was best on validation, by trials with a seed of their own."""
        trial = replace(self, seed=TRIAL_SEED)
        return run(self, best_rate(rates, lambda rate: run(trial, rate)))


STUDY = Study(
    name="transfer",
    question=QUESTION,
    options=Options,
    data=Cifar10(train=POOL, validation=2_500, test=10_000),
    build=build,
    outline=OUTLINE,
)
