"""The arms of the studies of supermasks: masks that are cut, that gates learn, and learned ones that are trained.

Each is over the initial weights or over one magnitude a layer, the weights' own signs kept.  A gate's rate is chosen on
validation, by one run for each rate with a seed that no study uses; weights are trained with Adam at the paper's rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from lotterylab.analysis import Accuracy
from lotterylab.combining import SignedConstant
from lotterylab.criteria import LargeFinalOfSign, Magnitude
from lotterylab.data import Augment, NamedStream
from lotterylab.gates import ContinuousSparsification, EdgePopup, Gate, IteRand, Supermask
from lotterylab.masks.counts import Rate
from lotterylab.plan.nodes import Combine, Data, Dense, Init, MaskOf, Measure, Node, Prune, Shuffle, Train
from lotterylab.plan.plan import Label, Plan, Prediction, Row
from lotterylab.procedures.choosing import TRIAL_SEED, best_rate
from lotterylab.studies.supermasks_claims import CONSTANT, DRAWN, LEVELS, RANDOM, SAME_COST, TRAINED, UNTRAINED, over
from lotterylab.training.optim import Adam, Sgd
from lotterylab.training.recipe import Recipe
from lotterylab.training.schedules import Constant

BATCH, ADAM_BATCH = 250, 60  # of gates and of weights, as in the paper
LEARNERS: dict[str, tuple[Gate, tuple[float, ...], tuple[str, ...]]] = {  # gate, learning rates, starts
    "supermask": (Supermask(), (10.0, 30.0, 100.0), (DRAWN, CONSTANT)),
    "rescaled": (Supermask(rescale=True), (10.0, 30.0, 100.0), (DRAWN, CONSTANT)),
    "edge-popup": (EdgePopup(keep=0.5), (0.1, 0.3, 1.0), (DRAWN, CONSTANT)),
    "iterand": (IteRand(keep=0.5), (0.1, 0.3, 1.0), (DRAWN,)),
    "continuous": (ContinuousSparsification(), (0.03, 0.1, 0.3), (DRAWN,)),
}
TICKETS = ("supermask", "edge-popup", "continuous")  # masks that are trained too


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A ``Setting`` holds what the networks of a study share.

    Args:
        name: of the network, on the page.
        model: its spec.
        data: the images.
        cut: the shares that a round of pruning removes.
        adam: the rate of the weights.
        epochs, dense_epochs: passes in which gates are learned, and weights.
        learners: names of ``LEARNERS``.
    """

    name: str
    model: Any
    data: Data
    cut: Rate
    adam: float
    epochs: int
    dense_epochs: int
    learners: tuple[str, ...] = tuple(LEARNERS)

    def plan(self, seeds: Iterable[int], predictions: tuple[Prediction, ...]) -> Plan:
        """Return the plan, seed by seed."""
        return Plan(
            title=f"Supermasks, {self.name} on {self.data.spec.title}, {self.epochs} epochs a mask",
            rows=tuple(row for seed in seeds for row in Network(self, seed).rows()),
            predictions=predictions,
        )


@dataclass(frozen=True)
class Network:
    """A ``Network`` makes the rows of one seed."""

    of: Setting
    seed: int

    def rows(self) -> Iterator[Row]:
        """Yield the dense networks, the cut masks, the learned masks, and the learned masks' trainings."""
        yield self.row("dense", DRAWN, self.dense())
        longer = self.train(DRAWN, _adam(self.of, self.of.epochs + self.of.dense_epochs))
        yield self.row("dense", DRAWN, longer, control=SAME_COST)
        yield from self.cuts()
        for name in self.of.learners:
            _, _, starts = LEARNERS[name]
            for start in starts:
                learned = self.learned(name, start)
                yield self.row(name, start, learned, nodes={"rate": learned.recipe.optimizer.lr})
            if name in TICKETS:
                mask = MaskOf(of=self.learned(name, DRAWN), name="learned")
                yield self.row(name, DRAWN, replace(self.dense(), mask=mask), control=TRAINED)
                shuffled = Shuffle(mask=mask, seed=self.seed)
                yield self.row(name, DRAWN, replace(self.dense(), mask=shuffled), control=RANDOM)

    def cuts(self) -> Iterator[Row]:
        """Yield each cut mask over the initial weights, beside the dense run that it was cut from."""
        for name, criterion in (("large final", Magnitude()), ("same sign", LargeFinalOfSign(sign="same"))):
            for rounds in LEVELS:
                cut = replace(self.of.cut, rounds=rounds)
                mask = Prune(
                    criterion=criterion,
                    of=self.dense().final,
                    sparsity=cut,
                    scope="layerwise",
                    ties="random",
                    seed=self.seed,
                )
                for start in (DRAWN, CONSTANT):
                    of = {"state": self.start(start), "mask": mask}
                    nodes: dict[str, Node] = {
                        "prune": mask,
                        "untrained": Measure(quantity=Accuracy(), of=of, data=self.of.data),
                    }
                    labels: dict[str, Label] = {"control": UNTRAINED, "sparsity": replace(cut, rounds=1).after(rounds)}
                    yield self.row(name, start, self.dense(), nodes=nodes, **labels)

    @property
    def init(self) -> Init:
        """The initial weights."""
        return Init(model=self.of.model, seed=self.seed)

    def start(self, kind: str) -> Node:
        """Return the initial weights, or one magnitude a layer with their signs."""
        return self.init if kind == DRAWN else Combine(of={"state": self.init}, rule=SignedConstant())

    def dense(self) -> Train:
        """Return the dense run, with the paper's rate."""
        return self.train(DRAWN, _adam(self.of, self.of.dense_epochs))

    def learned(self, name: str, start: str) -> Train:
        """Return the run in which gates learn a mask, at the rate that was best for the arm on validation."""
        gate, rates, _ = LEARNERS[name]

        def run(network: Network, rate: Any) -> Train:
            decay = 1e-4 if gate.decays or gate.trains != "gates" else 0.0  # a supermask has none
            sgd = Sgd(lr=rate, momentum=0.9, weight_decay=decay)
            return network.train(start, replace(_recipe(self.of.epochs, sgd, BATCH), gate=gate))

        trial = replace(self, seed=TRIAL_SEED)
        return run(self, best_rate(rates, lambda rate: run(trial, rate)))

    def train(self, start: str, recipe: Recipe) -> Train:
        """Return a training of all weights or gates."""
        mask = Dense(model=self.of.model)
        return Train(start=self.start(start), mask=mask, data=self.of.data, recipe=recipe, order_seed=self.seed)

    def row(self, method: str, start: str, run: Train, *, nodes: dict[str, Node] | None = None, **labels: Label) -> Row:
        """Return the row of a run; a learned mask has the sparsity that it learned, and none that was asked for."""
        named = {"protocol": self.of.name, "activation": "relu", "method": over(method, start)}
        named |= {"control": "", "sparsity": 0.0, **labels, "seed": self.seed}
        return Row(labels=named, nodes={"train": run, **(nodes or {})})


def _adam(of: Setting, epochs: int) -> Recipe:
    return _recipe(epochs, Adam(lr=of.adam), ADAM_BATCH)


def _recipe(epochs: int, optimizer: Any, batch: int) -> Recipe:
    return Recipe(
        epochs=epochs,
        optimizer=optimizer,
        schedule=Constant(),
        augment=Augment(),
        stream=NamedStream(),
        batch_size=batch,
        watch=("validation",),
    )
