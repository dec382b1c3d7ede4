"""Does a ticket's mask serve another network once its units are in that network's order?  LeNet-300-100 on MNIST.

Two dense networks A and B of two seeds, a ticket of each.  A's mask is trained from B's weights as it is, and with its
units in the order in which A's weights match B's.   [adnan2025sparse]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from lotterylab.analysis import Barrier, Overlap
from lotterylab.asking.options import SizedOptions, number_of_seeds, option, sized
from lotterylab.asking.study import Study
from lotterylab.combining import Aligned
from lotterylab.criteria import Magnitude
from lotterylab.data import Mnist
from lotterylab.masks.counts import Rate
from lotterylab.models import LeNet300100
from lotterylab.plan.nodes import Combine, Data, Measure, Node, Train
from lotterylab.plan.plan import Plan, Row
from lotterylab.procedures import Ticket, aligned, control, dense_run, iterative
from lotterylab.procedures.choosing import TRIAL_SEED, best_rate
from lotterylab.protocols import Model, Recipe
from lotterylab.reading.claims import OR_THE_OTHER_SIDE, predictions
from lotterylab.studies.alignment_reading import QUESTION, outline
from lotterylab.studies.levels import Ladder
from lotterylab.studies.lth import recipe

RATE, ROUNDS = Rate(share=0.5, output=0.25), 5
# accuracies of 97 % on 10,000 images have an error of 0.0017; half of the 0.01 that would matter is 0.005
MARGIN = 0.003
OTHER = 500  # the seed of a pair's first network, A, is that of its second, B, plus this


@dataclass(frozen=True, kw_only=True)
class Options(SizedOptions):
    """``Options`` holds the options of the study."""

    steps: int = sized(quick=1_000, standard=5_000, paper=50_000, help="Optimizer steps of each run")
    rounds: int = sized(quick=2, standard=ROUNDS, paper=6, help="Rounds of pruning, each of half the remaining weights")
    seeds: int = number_of_seeds(quick=3, standard=8, paper=8)
    rewind: float = option(
        0.05, least=0.0, most=0.9, help="Share of the training after which all tickets of a network begin"
    )
    rates: tuple[float, ...] = option((6e-4, 1.2e-3, 2.4e-3), help="Learning rates to choose from, for each arm")


def build(options: Options, data: Data) -> Plan:
    """Return the plan, pair by pair."""
    model = LeNet300100(shape=data.spec.shape, classes=data.spec.classes)
    kind = Pairs(
        name="LeNet-300-100",
        model=model,
        data=lambda seed: data,
        recipe=partial(recipe, options.steps),
        rates=options.rates,
        rate=RATE,
        scope="layerwise",
        rounds=options.rounds,
        rewind=options.rewind,
    )
    return Plan(
        title=f"Masks of another network, LeNet-300-100 on {data.spec.title}, {options.steps:,} steps a run",
        rows=tuple(row for seed in options.all_seeds for row in kind.rows(seed)),
        predictions=predictions(OUTLINE.claims, OR_THE_OTHER_SIDE),
    )


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """``Pairs`` makes the rows of pairs of networks: B's own ticket, and A's mask on B in the order of B's units.

    ``data``: from the seed of a pair to its images.  ``recipe``: from a learning rate to a recipe.  ``rewind``: the
    share of the training at which tickets begin.
    """

    name: str
    model: Model
    data: Callable[[int], Data]
    recipe: Callable[[Any], Recipe]
    rates: tuple[float, ...]
    rate: Rate
    scope: str
    rounds: int
    rewind: float

    def rows(self, seed: int) -> Iterator[Row]:
        """Yield the rows of one pair."""
        dense, found, own = self.dense(seed), self.tickets(seed, other=True)[-1], self.tickets(seed)[-1]
        ladder = Ladder(protocol=self.name, activation=self.model.activation, dense=dense, rate=self.rate, seed=seed)
        labels = {"sparsity": self.rate.after(self.rounds), "round": self.rounds}
        yield ladder.dense_row(rate=dense.recipe.optimizer.lr)
        run = self.chosen("own", seed)
        yield ladder.row("iterative", {**ladder.parts(own, run), "rate": run.recipe.optimizer.lr}, **labels)
        for arm in ("", "not aligned", "random mask"):
            run = self.chosen(arm, seed)
            nodes = {**ladder.parts(found, run), "rate": run.recipe.optimizer.lr, **self.measures(arm, seed)}
            yield ladder.row("aligned", nodes, control=arm, **labels)
        longer = control("dense-same-cost", self.ticket("", seed), seed)
        yield ladder.row("aligned", {"train": longer}, control="dense same cost", **labels)

    def measures(self, arm: str, seed: int) -> dict[str, Node]:
        """Return how much of B's own mask an arm has, and the barrier between A and B; nothing for a random mask."""
        if arm == "random mask":
            return {}
        other, dense = self.dense(seed, other=True).final, self.dense(seed).final
        moved = Combine(of={"moved": other, "a": other, "b": dense}, rule=self.rule)
        own = self.tickets(seed)[-1].mask
        return {
            "overlap": Measure(quantity=Overlap(), of={"a": self.ticket(arm, seed).mask, "b": own}),
            "barrier": Measure(
                quantity=Barrier(points=11, split="validation", at="everywhere"),
                of={"a": other if arm else moved, "b": dense},
                data=self.data(seed),
            ),
        }

    @property
    def rule(self) -> Aligned:
        """The rule that puts A's units into B's order."""
        return Aligned(model=self.model)

    def dense(self, seed: int, *, other: bool = False) -> Train:
        """Return the dense run of a pair's network B, or of the ``other``, A, at the rate that was best for it."""

        def run(pair: int, rate: Any) -> Train:
            return dense_run(self.model, self.data(pair), self.recipe(rate), seed=pair)

        found = self.at_best(run, seed)
        return dense_run(self.model, found.data, found.recipe, seed=seed + OTHER) if other else found

    def tickets(self, seed: int, *, other: bool = False) -> list[Ticket]:
        """Return the tickets of a network, rewound to a step shortly after its initial weights."""
        dense = self.dense(seed, other=other)
        step = int(self.rewind * dense.total_steps)
        cut = {"criterion": Magnitude(), "scope": self.scope, "seed": dense.order_seed, "rewind_to": lambda round: step}
        return iterative(dense, [self.rate] * self.rounds, **cut)

    def ticket(self, arm: str, seed: int) -> Ticket:
        """Return an arm's ticket, at the rate of the dense network."""
        if arm == "own":
            return self.tickets(seed)[-1]
        found = self.tickets(seed, other=True)[-1]
        moved = aligned(found, self.dense(seed), rule=self.rule)
        if arm == "random mask":
            return replace(moved, run=control("random-mask", moved, seed))
        return replace(moved, run=replace(moved.run, mask=found.mask)) if arm else moved

    def chosen(self, arm: str, seed: int) -> Train:
        """Return an arm's run, at the rate that was best for it."""

        def run(seed: int, rate: Any) -> Train:
            return replace(self.ticket(arm, seed).run, recipe=self.recipe(rate))

        return self.at_best(run, seed)

    def at_best(self, run: Callable[[int, Any], Train], seed: int) -> Train:
        """Return a run at the rate that was best on validation, by trials with a pair of its own."""
        return run(seed, best_rate(self.rates, lambda rate: run(TRIAL_SEED, rate)))


OUTLINE = outline(
    RATE.after(ROUNDS),
    MARGIN,
    doubts=(
        "MNIST's border pixels are always black, so every ticket removes the same inputs, whatever its units are.",
        "LeNet-300-100 is not among the paper's networks, which are deep and convolutional.",
    ),
    would_change="Wider layers, in which units of two networks match better, or activations to match them by.",
)
STUDY = Study(
    name="alignment",
    question=QUESTION,
    options=Options,
    data=Mnist(train=55_000, validation=5_000, test=10_000, pixels="unit"),
    build=build,
    outline=OUTLINE,
)
