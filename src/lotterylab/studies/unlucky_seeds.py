"""Is there a seed without a winning ticket?  LeNet-300-100 on the digits, thirty seeds.

A seed draws the initial weights, the training images and their order.  Its iterative ticket, two random masks and the
re-initialised ticket are trained at learning rates of their own, and the ticket and its random mask a second time in
another order, so that an unlucky seed can be told from an unlucky run.   [frankle2019lottery]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from lotterylab.asking.options import SizedOptions, number_of_seeds, option, sized
from lotterylab.asking.study import Study
from lotterylab.criteria import Magnitude
from lotterylab.data import Digits
from lotterylab.models import LeNet300100
from lotterylab.plan.nodes import Data, Node, Train
from lotterylab.plan.plan import Plan, Row
from lotterylab.procedures import Ticket, control, dense_run, iterative
from lotterylab.procedures.choosing import TRIAL_SEED, best_rate
from lotterylab.studies.levels import Ladder
from lotterylab.studies.lth import recipe
from lotterylab.studies.small_cnn import own_images
from lotterylab.studies.unlucky_seeds_claims import OUTLINE, PREDICTIONS, QUESTION, RATE, ROUNDS

IMAGES = 1_000  # of the 1,197 training images, drawn by the seed
ANOTHER = 1_000_000  # added to a seed: of the second random mask, and of the second order as in ``Ladder``
CONTROLS = {"": "", "random mask": "random-mask", "other random mask": "random-mask", "reinitialised": "reinitialised"}


@dataclass(frozen=True, kw_only=True)
class Options(SizedOptions):
    """``Options`` holds the options of the study."""

    steps: int = sized(quick=400, standard=2_000, paper=5_000, help="Optimizer steps of each run")
    seeds: int = number_of_seeds(quick=5, standard=30, paper=100)
    rates: tuple[float, ...] = option((6e-4, 1.2e-3, 2.4e-3), help="Learning rates to choose from, for each arm")


def build(options: Options, data: Data) -> Plan:
    """Return the plan, seed by seed."""
    return Plan(
        title=f"Seeds and their tickets, LeNet-300-100 on {data.spec.title}, {options.steps:,} steps a run",
        rows=tuple(row for seed in options.all_seeds for row in _Seed(options, data, seed).rows()),
        predictions=PREDICTIONS,
    )


@dataclass(frozen=True)
class _Seed:
    """The runs of one seed; ``whole``: the data from which it draws its training images."""

    options: Options
    whole: Data
    seed: int

    def rows(self) -> Iterator[Row]:
        dense, ticket = self.dense(), self.ticket()
        ladder = Ladder(protocol="LeNet-300-100", activation="relu", dense=dense, rate=RATE, seed=self.seed)
        level = {"sparsity": RATE.after(ROUNDS), "round": ROUNDS}
        yield ladder.dense_row(rate=dense.recipe.optimizer.lr)
        for name in CONTROLS:
            run = self.chosen(name)
            rate: dict[str, Node] = {"rate": run.recipe.optimizer.lr}
            yield ladder.row("iterative", {**ladder.parts(ticket, run), **rate}, control=name, **level)
        for name in ("", "random mask"):
            again: dict[str, Node] = {"train": ladder.in_other_order(self.chosen(name))}
            yield ladder.row("iterative", again, control=f"{name}, other order".removeprefix(", "), **level)
        longer: dict[str, Node] = {"train": control("dense-same-cost", ticket, self.seed)}
        yield ladder.row("iterative", longer, control="dense same cost", **level)

    def dense(self) -> Train:
        """Return the dense run, at the rate that was best for it."""
        model = LeNet300100(shape=self.whole.spec.shape, classes=self.whole.spec.classes)
        return self.at_best(lambda of, rate: dense_run(model, of.data, of.training(rate), seed=of.seed))

    def ticket(self) -> Ticket:
        """Return the last ticket, at the rate of the dense network."""
        cut = {"criterion": Magnitude(), "scope": "global", "seed": self.seed}
        return iterative(self.dense(), [RATE] * ROUNDS, **cut)[-1]

    def chosen(self, name: str) -> Train:
        """Return the ticket's run or that of a control, at its own rate; both random masks have the first one's."""

        def run(of: _Seed, rate: Any) -> Train:
            ticket, word = of.ticket(), CONTROLS[name]
            return replace(control(word, ticket, of.seed) if word else ticket.run, recipe=of.training(rate))

        if name == "other random mask":
            first = self.chosen("random mask")
            return replace(first, mask=control("random-mask", self.ticket(), self.seed + ANOTHER).mask)
        return self.at_best(run)

    @property
    def data(self) -> Data:
        """Return the seed's own training images, with the validation and test images of all seeds."""
        return own_images(self.whole, IMAGES, self.seed)

    def training(self, rate: Any) -> Any:
        """Return how each network is trained at a rate: to its last step."""
        every = max(1, self.options.steps // 10)
        return replace(recipe(self.options.steps, rate), pick=None, watch_every=every)

    def at_best(self, run: Callable[[_Seed, Any], Train]) -> Train:
        """Return a run at the rate that was best on validation, by trials with a seed of their own."""
        trial = replace(self, seed=TRIAL_SEED)
        return run(self, best_rate(self.options.rates, lambda rate: run(trial, rate)))


STUDY = Study(name="unlucky-seeds", question=QUESTION, options=Options, data=Digits(), build=build, outline=OUTLINE)
