"""GraSP first, then the lottery ticket search inside its mask: question 9 of the activation study.

Iterative pruning by halves runs inside the dense network, inside GraSP's masks of 50 and 10 %, and inside random masks
of the same layer counts.  Beside it are GraSP alone, at the same numbers of weights, and the mirror: iterative pruning
to 50 %, then GraSP on the reset weights inside that mask.   [wang2020picking; frankle2019lottery; gadhikar2023random]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from lotterylab.analysis import EffectiveSparsity, Macs
from lotterylab.asking.options import SizedOptions, number_of_seeds, option, sized
from lotterylab.asking.study import Study
from lotterylab.criteria import Grasp, Magnitude, Random
from lotterylab.data import Cifar10
from lotterylab.data.scoring import PerClass
from lotterylab.masks.scopes import SCOPES
from lotterylab.models import ShallowCnn
from lotterylab.models.activations import ACTIVATIONS
from lotterylab.plan.nodes import Data, Dense, Init, Measure, Node, Shuffle, Train
from lotterylab.plan.plan import Label, Plan, Row
from lotterylab.procedures import (
    Ticket,
    at_initialisation,
    at_initialisation_inside,
    control,
    iterative_inside,
    random_inside,
)
from lotterylab.procedures.choosing import TRIAL_SEED, best_rate
from lotterylab.studies.grasp_tickets_claims import (
    GRASP,
    GRASP_10,
    GRASP_50,
    LEAST_ROUNDS,
    LTH,
    MIRROR,
    OUTLINE,
    PREDICTIONS,
    QUESTION,
    RANDOM,
    RANDOM_10,
    RANDOM_50,
    ROUNDS,
    inside,
)
from lotterylab.studies.small_cnn import POOL, RATE, images_note, images_option, own_images, recipe_for

AS_GRASP = "as-grasp"
SHORT = 2  # rounds inside the masks of 10 %
Arm: TypeAlias = tuple[str, float]  # the method that finds a mask without rounds, and its sparsity

DENSE: Arm = ("dense", 0.0)
PARENTS: dict[str, Arm] = {  # the name of a search -> the mask in which it begins
    LTH: DENSE,
    GRASP_50: (GRASP, 0.5),
    GRASP_10: (GRASP, 0.9),
    RANDOM_50: (RANDOM, 0.5),
    RANDOM_10: (RANDOM, 0.9),
}


@dataclass(frozen=True, kw_only=True)
class Options(SizedOptions):
    """``Options`` holds the options of the study."""

    activation: str = option("relu", help="Activation function (lotterylab list activations)", choices=ACTIVATIONS)
    random: str = option(
        AS_GRASP,
        help="Weights that a random parent keeps in each layer: as many as GraSP's, or as a scope says",
        choices=(AS_GRASP, *(scope for scope in SCOPES if scope != "global")),
    )
    epochs: int = sized(quick=4, standard=30, paper=160, help="Epochs of each run, dense and pruned")
    rounds: int = sized(
        quick=2,
        standard=ROUNDS,
        paper=ROUNDS + 1,
        least=LEAST_ROUNDS,
        help="Rounds of pruning from the dense network, each of half the remaining weights; one less from 50 %",
    )
    images: int = images_option()
    seeds: int = number_of_seeds(quick=3, standard=8, paper=8)
    rates: tuple[float, ...] = option((0.003, 0.01, 0.03, 0.1), help="Learning rates to choose from, for each parent")
    scoring_images: int = option(10, help="Images of each class for GraSP", least=1)

    @property
    def label(self) -> str:
        """Return the options as a part of a file name."""
        named = [name for name in (self.activation, self.random) if name not in ("relu", AS_GRASP)]
        return "-".join([super().label, *named])


def build(options: Options, data: Data) -> Plan:
    """Return the plan, seed by seed."""
    images = min(options.images, data.spec.train)
    PerClass(count=options.scoring_images).check(train=images, classes=data.spec.classes)
    parts = [Part(options, data, seed) for seed in options.all_seeds]
    return Plan(
        title=f"GraSP and then tickets, shallow CNN with {options.activation} on {images:,} images of "
        f"{data.spec.title}, {options.epochs} epochs a run",
        rows=tuple(row for part in parts for row in part.rows()),
        predictions=PREDICTIONS,
        notes=(images_note(data, images),),
    )


@dataclass(frozen=True)
class Part:
    """A ``Part`` makes the rows of one seed."""

    options: Options
    data: Data
    seed: int

    def rows(self) -> Iterator[Row]:
        """Yield the dense network, the searches inside each parent, GraSP alone, the mirror and the controls."""
        dense = self.chosen(DENSE).run
        macs = Measure(quantity=Macs(), of={"state": dense.start}, data=dense.data)
        yield self.row("dense", dense, nodes={"macs": macs})
        low = min(self.options.rounds, ROUNDS)
        for name, arm in PARENTS.items():
            parent, tickets = self.chosen(arm), self.tickets(name)
            if arm != DENSE:
                yield self.row(arm[0], parent.run, sparsity=arm[1])
            begun: dict[str, Node] = {} if arm == DENSE else {"parent": parent.run}
            for ticket in tickets:
                yield self.row(name, ticket.run, sparsity=inside(arm[1], ticket.round), nodes=begun)
            if name == GRASP_50:
                yield from self.controls(name, tickets[low - 2], parent, dense)
        for sparsity in self.alone(low):
            yield self.row(GRASP, self.chosen((GRASP, sparsity)).run, sparsity=sparsity)
        mirror = (MIRROR, inside(0.0, low))
        yield self.row(MIRROR, self.chosen(mirror).run, sparsity=mirror[1])

    def alone(self, low: int) -> list[float]:
        """Return the sparsities of GraSP alone, beside those of the parents: where it stands beside a search."""
        return [*(inside(0.0, round) for round in range(low, self.options.rounds + 1)), inside(0.9, 1)]

    def controls(self, name: str, ticket: Ticket, parent: Ticket, dense: Train) -> Iterator[Row]:
        """Yield the controls of a ticket; the dense network at its cost has the dense network's own rate."""
        again = control("reinitialised", ticket, self.seed)
        runs = len(ticket.found_by) + 1
        longer = replace(dense, recipe=dense.recipe.longer(runs))
        random = random_inside(ticket, parent, self.seed)
        for word, run in (("reinitialised", again), ("random sub-mask", random), ("dense same cost", longer)):
            yield self.row(name, run, sparsity=inside(0.5, ticket.round), control=word)

    def tickets(self, name: str) -> list[Ticket]:
        """Return the tickets of iterative pruning inside a parent, at the parent's rate."""
        arm = PARENTS[name]
        rounds = {0.0: self.options.rounds, 0.5: self.options.rounds - 1}.get(arm[1], SHORT)
        return iterative_inside(self.chosen(arm), [RATE] * rounds, criterion=Magnitude(), seed=self.seed)

    def chosen(self, arm: Arm) -> Ticket:
        """Return the ticket of an arm, at the rate that was best for it on validation, by trials with another seed."""
        trial = replace(self, seed=TRIAL_SEED)
        return self.ticket(arm, best_rate(self.options.rates, lambda rate: trial.ticket(arm, rate).run))

    def ticket(self, arm: Arm, rate: Any) -> Ticket:
        """Return a mask that is found without rounds, and its training at a rate; the dense network is one of them."""
        (method, sparsity), dense = arm, self.dense(rate)
        if method == RANDOM and self.options.random == AS_GRASP:
            mask = Shuffle(mask=self.ticket((GRASP, sparsity), rate).run.mask, seed=self.seed)
            return Ticket(round=1, run=replace(dense, mask=mask))
        if method == RANDOM:
            return at_initialisation(dense, [sparsity], criterion=Random(), scope=self.options.random, seed=self.seed)[
                0
            ]
        if method == DENSE[0]:
            return Ticket(round=1, run=dense)
        batch = PerClass(count=self.options.scoring_images)
        # at 50 % the cut goes through the weights whose score is exactly 0: by index, whole units would leave first
        cut: dict[str, Any] = {"criterion": Grasp(), "data": dense.data, "batch": batch, "ties": "random"}
        cut["seed"] = self.seed
        if method == GRASP:
            return at_initialisation(dense, [sparsity], **cut)[0]
        half = iterative_inside(self.chosen(DENSE), [RATE], criterion=Magnitude(), seed=self.seed)[0]
        (mirror,) = at_initialisation_inside(half, [sparsity], **cut)
        return replace(mirror, run=replace(mirror.run, recipe=dense.recipe))

    def dense(self, rate: Any) -> Train:
        """Return the dense run at a rate, on the training images of the seed."""
        spec = self.data.spec
        activation = self.options.activation
        model = ShallowCnn(activation=activation, init="glorot-normalized", shape=spec.shape, classes=spec.classes)
        return Train(
            start=Init(model=model, seed=self.seed),
            mask=Dense(model=model),
            data=own_images(self.data, self.options.images, self.seed),
            recipe=recipe_for(self.options.epochs, rate),
            order_seed=self.seed,
        )

    def row(
        self,
        method: str,
        run: Train,
        *,
        sparsity: float = 0.0,
        control: str = "",
        nodes: Mapping[str, Node] | None = None,
    ) -> Row:
        """Return a row with the rate if it was chosen for this run, and with the mask and its paths if it has one."""
        labels: dict[str, Label] = {
            "protocol": "shallow CNN",
            "activation": self.options.activation,
            "method": method,
            "control": control,
            "sparsity": sparsity,
            "seed": self.seed,
        }
        parts: dict[str, Node] = {"train": run, **(nodes or {})}
        if method not in PARENTS:  # tickets have the rate of their parent
            parts["rate"] = run.recipe.optimizer.lr
        if not isinstance(run.mask, Dense):
            of = {"mask": run.mask, "state": Init(model=run.model, seed=self.seed)}
            parts["prune"] = run.mask.mask if isinstance(run.mask, Shuffle) else run.mask
            parts["paths"] = Measure(quantity=EffectiveSparsity(), of=of, data=run.data)
        return Row(labels=labels, nodes=parts)


STUDY = Study(
    name="grasp-tickets",
    question=QUESTION,
    options=Options,
    data=Cifar10(train=POOL, validation=1_000, test=10_000),
    build=build,
    outline=OUTLINE,
)
