"""Do the kept first-layer weights of a fully connected ticket form local receptive fields?  LeNet-300-100 on MNIST.

Each hidden unit of the first layer keeps some pixels.  Do they lie nearer to each other than in a random mask that
keeps as many pixels for each unit, and each pixel for as many units?   [pellegrini2022neural]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from lotterylab.analysis import LocalFields
from lotterylab.asking.options import SizedOptions, number_of_seeds, option, sized
from lotterylab.asking.study import Study
from lotterylab.criteria import Magnitude
from lotterylab.data import Mnist
from lotterylab.models import LeNet300100
from lotterylab.plan.nodes import Data, Measure, Node, Train
from lotterylab.plan.plan import Plan, Row
from lotterylab.procedures import Ticket, control, dense_run, iterative
from lotterylab.procedures.choosing import TRIAL_SEED, best_rate
from lotterylab.studies.controls import CONTROLS
from lotterylab.studies.levels import Ladder
from lotterylab.studies.local_receptive_fields_reading import OUTLINE, PREDICTIONS, QUESTION, RATE, ROUNDS
from lotterylab.studies.lth import recipe

MASKS = ("random-mask", "corrupted-labels")  # controls with masks of their own


@dataclass(frozen=True, kw_only=True)
class Options(SizedOptions):
    """``Options`` holds the options of the study."""

    steps: int = sized(quick=1_000, standard=5_000, paper=50_000, help="Optimizer steps of each run")
    rounds: int = sized(quick=2, standard=ROUNDS, paper=7, help="Rounds of pruning, each of half the remaining weights")
    seeds: int = number_of_seeds(quick=3, standard=8, paper=8)
    rates: tuple[float, ...] = option((6e-4, 1.2e-3, 2.4e-3), help="Learning rates to choose from, for each arm")


def build(options: Options, data: Data) -> Plan:
    """Return the plan, seed by seed."""
    return Plan(
        title=f"Receptive fields of tickets, LeNet-300-100 on {data.spec.title}, {options.steps:,} steps a run",
        rows=tuple(row for seed in options.all_seeds for row in _Arms(options, data, seed).rows()),
        predictions=PREDICTIONS,
    )


@dataclass(frozen=True)
class _Arms:
    """The tickets of one seed and their controls."""

    options: Options
    data: Data
    seed: int

    def rows(self) -> Iterator[Row]:
        dense, tickets = self.dense(), self.tickets()
        ladder = Ladder(protocol="LeNet-300-100", activation="relu", dense=dense, rate=RATE, seed=self.seed)
        yield ladder.dense_row(rate=dense.recipe.optimizer.lr)
        for ticket in tickets:
            last = ticket is tickets[-1]
            for word in ("", *MASKS) if last else ("",):
                run = self.chosen(word) if last else ticket.run
                nodes: dict[str, Node] = {**ladder.parts(ticket, run), "fields": self.fields(run)}
                if last:
                    nodes["rate"] = run.recipe.optimizer.lr
                labels = {"sparsity": RATE.after(ticket.round), "round": ticket.round}
                yield ladder.row("iterative", nodes, control=word.replace("-", " "), **labels)
        longer = control("dense-same-cost", tickets[-1], self.seed)
        labels = {"sparsity": RATE.after(tickets[-1].round), "round": tickets[-1].round}
        yield ladder.row("iterative", {"train": longer}, control="dense same cost", **labels)

    def fields(self, run: Train) -> Measure:
        """Return how local the fields of a run's mask are."""
        return Measure(quantity=LocalFields(shape=self.data.spec.shape), of={"mask": run.mask})

    def dense(self) -> Train:
        """Return the dense run, at the rate that was best for it."""

        def run(arms: _Arms, rate: Any) -> Train:
            data, training = arms.data, recipe(arms.options.steps, rate)
            return dense_run(
                LeNet300100(shape=data.spec.shape, classes=data.spec.classes), data, training, seed=arms.seed
            )

        return self.at_best(run)

    def tickets(self) -> list[Ticket]:
        """Return the tickets of all rounds, at the rate of the dense network."""
        cut = {"criterion": Magnitude(), "scope": "layerwise", "seed": self.seed}
        return iterative(self.dense(), [RATE] * self.options.rounds, **cut)

    def chosen(self, word: str) -> Train:
        """Return the last ticket's run or that of a control, at the rate that was best for it."""

        def run(arms: _Arms, rate: Any) -> Train:
            ticket = arms.tickets()[-1]
            found = control(word, ticket, arms.seed, CONTROLS) if word else ticket.run
            return replace(found, recipe=recipe(arms.options.steps, rate))

        return self.at_best(run)

    def at_best(self, run: Callable[[_Arms, Any], Train]) -> Train:
        """Return a run at the rate that was best on validation, by trials with a seed of their own."""
        trial = replace(self, seed=TRIAL_SEED)
        return run(self, best_rate(self.options.rates, lambda rate: run(trial, rate)))


STUDY = Study(
    name="local-receptive-fields",
    question=QUESTION,
    options=Options,
    data=Mnist(train=55_000, validation=5_000, test=10_000, pixels="unit"),
    build=build,
    outline=OUTLINE,
)
