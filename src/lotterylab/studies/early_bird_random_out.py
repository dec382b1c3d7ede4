"""Early-Bird tickets with RandomOut: question 7 of the activation study.

RandomOut draws filters anew while the search for an Early-Bird ticket goes on.  Does that delay the ticket, and does
the ticket gain?  Controls draw as many random filters at the same steps; a second protocol has no norms, so that
filters are ranked by their L1 norms, layer by layer.   [you2020drawing; cohen2016randomout]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from lotterylab.analysis import Macs
from lotterylab.asking.options import SizedOptions, number_of_seeds, option, sized
from lotterylab.asking.study import Study
from lotterylab.data import Cifar10
from lotterylab.interventions import EarlyBird, RandomOut, SameResets
from lotterylab.models import ShallowCnn
from lotterylab.plan.nodes import Channels, Data, Dense, Init, MaskOf, Measure, Node, ResetsOf, Train
from lotterylab.plan.plan import Label, Plan, Row
from lotterylab.procedures.choosing import TRIAL_SEED, best_rate
from lotterylab.studies.early_bird import going_on, with_random_channels
from lotterylab.studies.early_bird_random_out_reading import (
    ARMS,
    CUT,
    DEAD,
    NORMS,
    OUT,
    OUTLINE,
    PREDICTIONS,
    PROTOCOLS,
    QUESTION,
    RANDOM_FILTERS,
)
from lotterylab.studies.small_cnn import recipe_for
from lotterylab.training.losses import ScalesL1

THRESHOLD = 0.1  # of the median gradient norm of a layer's filters
DRAWS = 1 / 3  # of the epochs: no filter is drawn later


@dataclass(frozen=True, kw_only=True)
class Options(SizedOptions):
    """``Options`` holds the options of the study."""

    epochs: int = sized(
        quick=8, standard=30, paper=160, least=6, help="Epochs of the search; a ticket has those that are left"
    )
    seeds: int = number_of_seeds(quick=3, standard=8, paper=8)
    rates: tuple[float, ...] = option((0.03, 0.1, 0.3, 1.0), help="Learning rates to choose from")


def build(options: Options, data: Data) -> Plan:
    """Return the plan, seed by seed."""
    parts = [Part(options, data, protocol, seed) for seed in options.all_seeds for protocol in PROTOCOLS]
    return Plan(
        title=f"Early-Bird tickets with RandomOut, shallow CNN on {data.spec.title}, {options.epochs} epochs a search",
        rows=tuple(row for part in parts for row in part.rows()),
        predictions=PREDICTIONS,
    )


@dataclass(frozen=True)
class Part:
    """A ``Part`` is one protocol, with or without norms, with one seed."""

    options: Options
    data: Data
    protocol: str
    seed: int

    def rows(self) -> Iterator[Row]:
        """Yield the search of each arm, its ticket, random channels in its place, and the mask of its last epoch."""
        for arm in ARMS:
            search = self.search(arm)
            ticket = going_on(search, self.bird)
            yield self.row(arm, "search", search)
            yield self.row(arm, "", ticket)
            yield self.row(arm, "random channels", with_random_channels(ticket, self.seed))
            yield self.row(arm, "last mask", self.last(arm))

    @property
    def bird(self) -> EarlyBird:
        """The rule that finds the ticket: by the scales of norms, or by filters where there are none."""
        if self.protocol == NORMS:
            return EarlyBird(sparsity=CUT, stop=False)
        return EarlyBird(sparsity=CUT, stop=False, scores="filters", scope="layerwise")

    def search(self, arm: str) -> Train:
        """Return the search of an arm, at the rate that was best for it on validation, for a seed of its own."""
        trial = replace(self, seed=TRIAL_SEED)
        return self.training(arm, best_rate(self.options.rates, lambda rate: trial.training(arm, rate)))

    def training(self, arm: str, rate: Any) -> Train:
        """Return the search of an arm at a rate."""
        shape, classes, norms = self.data.spec.shape, self.data.spec.classes, self.protocol == NORMS
        model = ShallowCnn(init="glorot-normalized", batch_norm=norms, shape=shape, classes=classes)
        plain = recipe_for(self.options.epochs, rate)
        recipe = replace(plain, loss=ScalesL1() if norms else plain.loss, during=(self.bird,))
        start = Init(model=model, seed=self.seed)
        run = Train(start=start, mask=Dense(model=model), data=self.data, recipe=recipe, order_seed=self.seed)
        last = max(1, int(DRAWS * run.total_steps))
        draws: dict[str, Any] = {
            OUT: RandomOut(threshold=THRESHOLD, rule="median", end_step=last),
            DEAD: RandomOut(rule="dead", patience=run.steps_per_epoch, end_step=last),
        }
        if arm == RANDOM_FILTERS:
            draws[arm] = SameResets(log=ResetsOf(run=self.search(OUT)))
        return replace(run, recipe=replace(recipe, during=(draws[arm], self.bird))) if arm in draws else run

    def last(self, arm: str) -> Train:
        """Return the training from the initial weights of the channels that an arm found last, at a rate of its own."""
        trial = replace(self, seed=TRIAL_SEED)
        return self._last(arm, best_rate(self.options.rates, lambda rate: trial._last(arm, rate)))

    def _last(self, arm: str, rate: Any) -> Train:
        search, name = self.search(arm), self.bird.newest
        mask = Channels(of=MaskOf(of=search, name=name), state=search.at(name))
        return replace(search, mask=mask, recipe=recipe_for(self.options.epochs, rate))

    def row(self, arm: str, control: str, run: Train) -> Row:
        """Return a row with the arithmetic of the whole network."""
        labels: dict[str, Label] = {
            "protocol": self.protocol,
            "activation": "relu",
            "method": arm,
            "control": control,
            "sparsity": 0.0 if control == "search" else CUT,
            "seed": self.seed,
        }
        start = Init(model=run.model, seed=self.seed)
        nodes: dict[str, Node] = {"train": run, "macs": Measure(quantity=Macs(), of={"state": start}, data=self.data)}
        if isinstance(run.mask, Channels):
            nodes["channels"] = run.mask
        if run.from_step is None:
            nodes["rate"] = run.recipe.optimizer.lr
        return Row(labels=labels, nodes=nodes)


STUDY = Study(
    name="early-bird-random-out",
    question=QUESTION,
    options=Options,
    data=Cifar10(train=5_000, validation=1_000, test=10_000),
    build=build,
    outline=OUTLINE,
)
