"""Which method of sparse networks is the most accurate at a given total cost of finding and training?

Every arm has the same budget of epochs in all, finding included: pruning in rounds splits it evenly over its runs, and
all others spend it on one run.  [jin2025journey] says that the loss follows the mean number of weights over the whole
training; the study draws that law through its arms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from lotterylab.analysis import Macs
from lotterylab.asking.options import SizedOptions, number_of_seeds, option, sized
from lotterylab.asking.study import Study
from lotterylab.criteria import Grasp, Magnitude, Random, Snip, SynFlow
from lotterylab.data import Cifar10
from lotterylab.data.scoring import PerClass
from lotterylab.interventions import RigL, Set
from lotterylab.models import ShallowCnn
from lotterylab.plan.nodes import Choose, Data, Dense, Init, Measure, Node, Prune, Train
from lotterylab.plan.plan import Plan, Row
from lotterylab.procedures import Ticket, at_initialisation, control, iterative, one_shot
from lotterylab.procedures.choosing import TRIAL_SEED, best_rate
from lotterylab.studies.controls import CONTROLS
from lotterylab.studies.frontier_claims import ARMS, PREDICTIONS, SPARSITY
from lotterylab.studies.frontier_reading import OUTLINE
from lotterylab.studies.levels import behind
from lotterylab.studies.moving import EVERY, FRACTION, UNTIL, gradual
from lotterylab.studies.small_cnn import POOL, images_note, images_option, own_images, recipe_for

QUESTION = "Which method is the most accurate at a given total cost of finding and training a sparse network?"
ROUNDS = (0.44, 0.68, 0.82, SPARSITY)  # each removes 0.44 of what is left: four rounds to a tenth
RUNS = {"one-shot": 2, "iterative": 1 + len(ROUNDS)}  # trainings that share a budget
CRITERIA: dict[str, dict[str, Any]] = {
    "snip": {"criterion": Snip(), "mode": "eval"},
    "grasp": {"criterion": Grasp()},
    "synflow": {"criterion": SynFlow(), "mode": "eval", "rounds": 100},
    "random": {"criterion": Random(), "scope": "erk"},
}


@dataclass(frozen=True, kw_only=True)
class Options(SizedOptions):
    """``Options`` holds the options of the study."""

    budgets: tuple[int, ...] = sized(
        quick=(5, 10),
        standard=(30, 60, 150),
        paper=(30, 60, 150, 400),
        help="Epochs of an arm in all, finding included",
    )
    images: int = images_option()
    seeds: int = number_of_seeds(quick=3, standard=5, paper=8)
    rates: tuple[float, ...] = option((0.01, 0.03, 0.1), help="Learning rates to choose from, for each arm")
    scoring_images: int = option(10, help="Images of each class that SNIP and GraSP see, as GraSP's authors take")


def build(options: Options, data: Data) -> Plan:
    """Return the plan, seed by seed."""
    arms = [
        Arm(options, data, name, budget, seed)
        for seed in options.all_seeds
        for budget in options.budgets
        for name in ARMS
    ]
    budgets, images = ", ".join(map(str, options.budgets)), min(options.images, data.spec.train)
    return Plan(
        title=f"Accuracy against total cost, shallow CNN on {images:,} images of {data.spec.title}, "
        f"{budgets} epochs in all",
        rows=tuple(arm.row() for arm in arms),
        predictions=PREDICTIONS,
        notes=(images_note(data, images),),
    )


@dataclass(frozen=True)
class Arm:
    """An ``Arm`` is one method with one budget and one seed.

    ``pool``: the images from which the seed draws its own.
    """

    options: Options
    pool: Data
    name: str
    budget: int
    seed: int

    @property
    def data(self) -> Data:
        """The images of the seed."""
        return own_images(self.pool, self.options.images, self.seed)

    def row(self) -> Row:
        """Return the row of the arm's last run, at the rate that was chosen for the arm."""
        run = self.run(self.rate())
        start = Init(model=run.model, seed=self.seed)
        nodes: dict[str, Node] = {
            "train": run,
            "rate": run.recipe.optimizer.lr,
            "macs": Measure(quantity=Macs(), of={"state": start}, data=self.data),
            **behind(run),
        }
        if isinstance(run.mask, Prune):
            nodes["prune"] = run.mask
        labels = {
            "protocol": f"{self.budget} epochs",
            "activation": "relu",
            "method": self.name,
            "control": "",
            "sparsity": 0.0 if self.name == "dense" else SPARSITY,
            "seed": self.seed,
        }
        return Row(labels=labels, nodes=nodes)

    def rate(self) -> Choose:
        """Return the choice of the arm's rate, by trials of the middle budget with a seed of their own."""
        budgets = sorted(self.options.budgets)
        trial = replace(self, seed=TRIAL_SEED, budget=budgets[(len(budgets) - 1) // 2])
        return best_rate(self.options.rates, trial.run)

    def run(self, rate: Any) -> Train:
        """Return the arm's last run; the runs before it are behind its mask."""
        shape, classes = self.data.spec.shape, self.data.spec.classes
        start = Init(model=ShallowCnn(init="he-normal", shape=shape, classes=classes), seed=self.seed)
        recipe = recipe_for(max(1, round(self.budget / RUNS.get(self.name, 1))), rate)
        dense = Train(start=start, mask=Dense(model=start.model), data=self.data, recipe=recipe, order_seed=self.seed)
        if self.name == "dense":
            return dense
        if self.name == "gradual":
            return replace(dense, recipe=replace(recipe, during=(gradual(dense, SPARSITY),)))
        return self.ticket(dense).run

    def ticket(self, dense: Train) -> Ticket:
        """Return the ticket of an arm that begins a run with a mask."""
        cut: dict[str, Any] = {"criterion": Magnitude(), "scope": "global", "seed": self.seed}
        if self.name == "one-shot":
            return one_shot(dense, [SPARSITY], **cut)[0]
        if self.name == "iterative":
            return iterative(dense, ROUNDS, **cut)[-1]
        if self.name in CRITERIA:
            cut.update(CRITERIA[self.name])
            if cut["criterion"].needs_batch:
                cut.update(data=self.data, batch=self.batch())
            return at_initialisation(dense, [SPARSITY], **cut)[0]
        sparse = at_initialisation(dense, [SPARSITY], criterion=Random(), scope="erk", seed=self.seed)[0]
        if self.name == "small dense":
            return replace(sparse, run=control("small-dense", sparse, self.seed, CONTROLS))
        rule = {"set": Set, "rigl": RigL}[self.name](every=EVERY, fraction=FRACTION, until=UNTIL)
        return replace(sparse, run=replace(sparse.run, recipe=replace(dense.recipe, during=(rule,))))

    def batch(self) -> PerClass:
        """Return the images that SNIP and GraSP see."""
        batch, spec = PerClass(count=self.options.scoring_images), self.data.spec
        batch.check(train=spec.train, classes=spec.classes)
        return batch


STUDY = Study(
    name="frontier",
    question=QUESTION,
    options=Options,
    data=Cifar10(train=POOL, validation=1_000, test=10_000),
    build=build,
    outline=OUTLINE,
)
