"""LeNet-300-100 on MNIST as studies of masks, signs and values train it, with a learning rate for each arm.

A ticket is cut once, layer by layer, from one dense run.  The dense run, and runs in which a mask is found, are at the
rate of the dense network.  An arm's rate is chosen on validation at its sparsest level, by one run for each rate with a
seed that no study uses.  All arms choose among the same rates: the one of [zhou2019deconstructing], half and twice it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

from lotterylab.asking.options import SizedOptions, number_of_seeds, option, sized
from lotterylab.data import Mnist
from lotterylab.masks.counts import Rate
from lotterylab.models import LeNet300100
from lotterylab.plan.nodes import Data, Dense, Init, Node, Prune, Shuffle, Train
from lotterylab.plan.plan import Label, Row
from lotterylab.procedures.choosing import TRIAL_SEED, best_rate
from lotterylab.protocols import Recipe
from lotterylab.reading.doubts import if_below
from lotterylab.studies.levels import Ladder
from lotterylab.studies.lth import recipe
from lotterylab.views import Criterion

RATE = Rate(share=0.2, output=0.1)
MIDDLE_ROUND, LOW_ROUND = 11, 15  # 8.7 and 3.6 % of the weights
MIDDLE, LOW = RATE.after(MIDDLE_ROUND), RATE.after(LOW_ROUND)
MARGIN = 0.002  # of accuracies
APART = 0.005  # the smallest difference of interest
SPEC = Mnist(train=55_000, validation=5_000, test=10_000, pixels="unit")
FEWER_STEPS = if_below(
    "steps", 50_000, "Runs have {value} steps; the paper's have 50,000, so late effects are missing."
)
WHY = (
    "Two networks of 98 % decide about 1.5 % of the 10,000 test images differently, so the sampling error of a "
    "difference is 0.0012. The margin of 0.002 is 1.6 of these errors, and less than half of the smallest difference "
    "of interest, 0.005."
)


@dataclass(frozen=True, kw_only=True)
class Options(SizedOptions):
    """``Options`` holds the options that the studies share."""

    steps: int = sized(quick=1_000, standard=10_000, paper=50_000, help="Optimizer steps of each run")
    seeds: int = number_of_seeds(quick=3, standard=8, paper=8)
    rates: tuple[float, ...] = option((0.0006, 0.0012, 0.0024), help="Learning rates to choose from, for each arm")


@dataclass(frozen=True, kw_only=True)
class Lenet:
    """A ``Lenet`` is the network of one seed: its initial state, its dense run, its tickets and its arms."""

    options: Options
    data: Data
    seed: int

    @cached_property
    def trial(self) -> Lenet:
        """Return the network with the seed of the trials."""
        return self if self.seed == TRIAL_SEED else replace(self, seed=TRIAL_SEED)

    @cached_property
    def start(self) -> Init:
        """Return the initial state."""
        model = LeNet300100(shape=self.data.spec.shape, classes=self.data.spec.classes)
        return Init(model=model, seed=self.seed)

    @cached_property
    def fresh(self) -> Init:
        """Return another draw of the initial state."""
        return replace(self.start, purpose="reinit")

    @cached_property
    def dense(self) -> Train:
        """Return the dense run."""
        return self.chosen(lambda network, round: {"mask": Dense(model=network.start.model)}, 0)

    def ticket(self, criterion: Criterion, round: int) -> Prune:
        """Return the mask that a criterion cuts from the dense run, with the counts of ``round`` rounds."""
        return Prune(criterion=criterion, of=self.dense.final, sparsity=replace(RATE, rounds=round), **self.cut)

    @property
    def cut(self) -> dict[str, Any]:
        """Return how masks are cut: layer by layer, ties at random.   [zhou2019deconstructing]"""
        return {"scope": "layerwise", "ties": "random", "seed": self.seed}

    def chosen(self, arm: Arm, round: int) -> Train:
        """Return the run of an arm after a number of rounds, at the arm's rate."""
        rate = best_rate(self.options.rates, lambda rate: self.trial.run(rate, arm(self.trial, LOW_ROUND)))
        return self.run(rate, arm(self, round))

    def run(self, rate: Any, parts: Mapping[str, Node]) -> Train:
        """Return a training at a rate; ``parts``: its mask, its start if not the initial state, its frozen state."""
        every = max(1, self.options.steps // 10)
        plain: Recipe = replace(recipe(self.options.steps, rate), pick=None, watch_every=every)
        return Train(**{"start": self.start, **parts}, data=self.data, recipe=plain, order_seed=self.seed)

    def row(self, protocol: str, method: str, run: Train, **labels: Label) -> Row:
        """Return the row of a run, with its rate and its mask."""
        nodes: dict[str, Node] = {"train": run, "rate": run.recipe.optimizer.lr}
        mask = run.mask.mask if isinstance(run.mask, Shuffle) else run.mask  # a random mask has the counts of a cut
        if isinstance(mask, Prune):
            nodes["prune"] = mask
        return self.ladder.row(method, nodes, protocol=protocol, **labels)

    def dense_row(self, protocol: str) -> Row:
        """Return the row of the dense run."""
        row = self.ladder.dense_row(rate=self.dense.recipe.optimizer.lr)
        return replace(row, labels={**row.labels, "protocol": protocol})

    @property
    def ladder(self) -> Ladder:
        """Return what labels the rows."""
        activation = self.start.model.activation
        return Ladder(protocol="", activation=activation, dense=self.dense, rate=RATE, seed=self.seed)


Arm: TypeAlias = Callable[[Lenet, int], Mapping[str, Node]]  # the parts of its training after a number of rounds
