"""Does the activation change when Early-Bird tickets emerge, and how good they are?  Question 6 of the study.

A dense network with norms and penalised scales gives, after each epoch, a mask of channels.  When the masks settle, the
ticket is cut out and trained for the epochs that are left.   [you2020drawing]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from lotterylab.analysis import Macs
from lotterylab.asking.options import SizedOptions, number_of_seeds, option, sized
from lotterylab.asking.study import Study
from lotterylab.data import Cifar10
from lotterylab.interventions import EarlyBird
from lotterylab.models import ShallowCnn
from lotterylab.plan.nodes import Channels, Data, Dense, Init, MaskOf, Measure, Node, Shuffle, Train
from lotterylab.plan.plan import Label, Plan, Row
from lotterylab.procedures.choosing import TRIAL_SEED, best_rate
from lotterylab.studies.early_bird_claims import CUTS, LOW, OUTLINE, PREDICTIONS
from lotterylab.studies.small_cnn import recipe_for
from lotterylab.training.losses import CrossEntropy, ScalesL1

QUESTION = "Does the activation change when Early-Bird tickets emerge, and how good they are?"
BUDGET = 0.6  # of the dense network's epochs: a shorter dense training, as cheap as the ticket should be


@dataclass(frozen=True, kw_only=True)
class Options(SizedOptions):
    """``Options`` holds the options of the study."""

    activations: tuple[str, ...] = option(("relu", "tanh", "sigmoid"), help="Activations to compare")
    epochs: int = sized(
        quick=8, standard=30, paper=160, least=6, help="Epochs of the search; a ticket has those that are left"
    )
    seeds: int = number_of_seeds(quick=3, standard=8, paper=8)
    rates: tuple[float, ...] = option((0.03, 0.1, 0.3, 1.0), help="Learning rates to choose from")


def build(options: Options, data: Data) -> Plan:
    """Return the plan, seed by seed."""
    arms = [Arm(options, data, name, seed) for seed in options.all_seeds for name in options.activations]
    return Plan(
        title=f"Early-Bird tickets, shallow CNN with norms on {data.spec.title}, {options.epochs} epochs a search",
        rows=tuple(row for arm in arms for row in arm.rows()),
        predictions=PREDICTIONS,
    )


@dataclass(frozen=True)
class Arm:
    """An ``Arm`` is one activation with one seed."""

    options: Options
    data: Data
    activation: str
    seed: int

    def rows(self) -> Iterator[Row]:
        """Yield the dense networks, the tickets at each share of channels, and their controls."""
        search, best = self.search(), self.chosen("best")
        yield self.row("dense", best)
        yield self.row("dense", self.chosen("shorter"), control="fewer epochs")
        yield self.row("search", search)
        for cut in CUTS:
            ticket = going_on(search, bird(cut))
            yield self.row("early-bird", ticket, sparsity=cut)
            random = with_random_channels(ticket, self.seed)
            yield self.row("early-bird", random, control="random channels", sparsity=cut)
        yield self.row("early-bird", self.chosen("again"), control="reinitialised", sparsity=LOW)
        yield self.row("last mask", self.chosen("late"), sparsity=LOW)
        yield self.row("small dense", self.chosen("small"), sparsity=LOW)

    def search(self) -> Train:
        """Return the dense training with penalised scales that finds the masks of all shares."""
        return self.chosen("search")

    def chosen(self, kind: str) -> Train:
        """Return a training at the rate that was best for it on validation, by trials with a seed of their own."""
        trial = replace(self, seed=TRIAL_SEED)
        return self.training(kind, best_rate(self.options.rates, lambda rate: trial.training(kind, rate)))

    def training(self, kind: str, rate: Any) -> Train:
        """Return a training from fresh weights: one of a dense network, or of the channels that a search found."""
        shape, classes = self.data.spec.shape, self.data.spec.classes
        model = ShallowCnn(
            activation=self.activation, init="glorot-normalized", batch_norm=True, shape=shape, classes=classes
        )
        start, epochs = Init(model=model, seed=self.seed), self.options.epochs
        recipe = recipe_for(max(1, round(BUDGET * epochs)) if kind == "shorter" else epochs, rate)
        if kind == "search":
            recipe = replace(recipe, loss=ScalesL1(), during=tuple(map(bird, CUTS)))
        if kind in ("again", "small"):
            start = replace(start, purpose="reinit")
        mask = Dense(model=model) if kind in ("best", "shorter", "search") else self.channels(kind)
        return Train(start=start, mask=mask, data=self.data, recipe=recipe, order_seed=self.seed)

    def channels(self, kind: str) -> Node:
        """Return the mask that a search found: at the emergence, at its end, or random channels in the same numbers."""
        search, name = self.search(), bird(LOW).newest if kind == "late" else bird(LOW).name
        found = MaskOf(of=search, name=name)
        if kind == "small":
            return Channels(of=Shuffle(mask=found, seed=self.seed))
        return Channels(of=found, state=search.at(name))

    def row(self, method: str, run: Train, **labels: Label) -> Row:
        """Return a row with the arithmetic of the whole network, and the rate where it was chosen."""
        usual: dict[str, Label] = {
            "protocol": "batch norm",
            "activation": self.activation,
            "method": method,
            "control": "",
            "sparsity": 0.0,
            "seed": self.seed,
        }
        start = Init(model=run.model, seed=self.seed)
        nodes: dict[str, Node] = {"train": run, "macs": Measure(quantity=Macs(), of={"state": start}, data=self.data)}
        if isinstance(run.mask, Channels):
            nodes["channels"] = run.mask
        if run.from_step is None:
            nodes["rate"] = run.recipe.optimizer.lr
        return Row(labels={**usual, **labels}, nodes=nodes)


def bird(cut: float) -> EarlyBird:
    """Return the rule at a share of removed channels; it watches to the end, so that one search serves all."""
    return EarlyBird(sparsity=cut, stop=False)


def going_on(search: Train, rule: EarlyBird) -> Train:
    """Return the ticket that a search found, which goes on with its weights for the epochs that are left."""
    kept = search.at(rule.name)
    mask = Channels(of=MaskOf(of=search, name=rule.name), state=kept)
    plain = replace(search.recipe, loss=CrossEntropy(), during=())
    return replace(search, start=kept, mask=mask, recipe=plain, from_step="kept")


def with_random_channels(ticket: Train, seed: int) -> Train:
    """Return a ticket's control: as many channels of each layer, at random."""
    assert isinstance(ticket.mask, Channels)
    return replace(ticket, mask=Channels(of=Shuffle(mask=ticket.mask.of, seed=seed)))


STUDY = Study(
    name="early-bird",
    question=QUESTION,
    options=Options,
    data=Cifar10(train=5_000, validation=1_000, test=10_000),
    build=build,
    outline=OUTLINE,
)
