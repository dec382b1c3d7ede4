"""GraSP's table at the scale of two cores: every method of it that runs here, and Early-Bird for the two cost claims.

Pruning before training (SNIP, GraSP), after it (OBD, iterative magnitude pruning), and during it (SET, DSR, Deep-R,
gradual pruning) reach 90, 95 and 98 % on a narrow VGG-11 with norms.  MLPrune is not built; docs/extending.md says why.
[wang2020picking, tables 2 and 3]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from lotterylab.analysis import Macs
from lotterylab.asking.options import SizedOptions, number_of_seeds, option, sized
from lotterylab.asking.study import Study
from lotterylab.criteria import Grasp, Magnitude, Obd, Random, Snip
from lotterylab.data import Cifar10
from lotterylab.data.scoring import PerClass
from lotterylab.interventions import DeepR, Dsr, EarlyBird, Set
from lotterylab.models import Vgg
from lotterylab.plan.nodes import Channels, Choose, Data, Dense, Init, Measure, Node, Prune, Train
from lotterylab.plan.plan import Plan, Row
from lotterylab.procedures import at_initialisation, fine_tuning, iterative, one_shot
from lotterylab.procedures.choosing import TRIAL_SEED, best_rate
from lotterylab.studies.early_bird import going_on
from lotterylab.studies.grasp_table_claims import AT_START, BIRD, LEVELS, MOVING, OUTLINE, PREDICTIONS
from lotterylab.studies.levels import behind
from lotterylab.studies.moving import EVERY, gradual
from lotterylab.studies.small_cnn import POOL, images_note, images_option, own_images, recipe_for
from lotterylab.training.losses import ScalesL1

QUESTION = "How does GraSP compare with pruning after and during training, and with Early-Bird's cost?"
ROUNDS = (0.5, 0.75, *LEVELS)  # of iterative pruning
DRAWS = 30  # of OBD's estimate
RULE = EarlyBird(sparsity=0.7, stop=False)  # of the channels: about a tenth of the weights is left, as GraSP's 90 %
MOVES: dict[str, Any] = {"set": Set(every=EVERY), "dsr": Dsr(every=EVERY), "deep-r": DeepR()}


@dataclass(frozen=True, kw_only=True)
class Options(SizedOptions):
    """``Options`` holds the options of the study; the paper trains for 160 epochs."""

    epochs: int = sized(quick=6, standard=16, paper=160, least=6, help="Epochs of each run")
    width: float = sized(quick=0.1, standard=0.25, paper=1.0, help="Factor of the channels of VGG-11")
    images: int = images_option()
    seeds: int = number_of_seeds(quick=3, standard=5, paper=5)
    rates: tuple[float, ...] = option((0.01, 0.03, 0.1), help="Learning rates to choose from, for each method")
    scoring_images: int = option(10, help="Images of each class that SNIP, GraSP and OBD see")


def build(options: Options, data: Data) -> Plan:
    """Return the plan, seed by seed."""
    images = min(options.images, data.spec.train)
    return Plan(
        title=f"GraSP's table, VGG-11 at width {options.width:g} on {images:,} images of {data.spec.title}, "
        f"{options.epochs} epochs a run",
        rows=tuple(row for seed in options.all_seeds for row in Table(options, data, seed).rows()),
        predictions=PREDICTIONS,
        notes=(images_note(data, images),),
    )


@dataclass(frozen=True)
class Table:
    """A ``Table`` is the table of one seed.

    ``pool``: the images from which the seed draws its own.
    """

    options: Options
    pool: Data
    seed: int

    @property
    def data(self) -> Data:
        """The images of the seed."""
        return own_images(self.pool, self.options.images, self.seed)

    def rows(self) -> Iterator[Row]:
        """Yield the dense network, each method at each sparsity, and Early-Bird with its search."""
        yield self.row("dense", 0.0, self.dense(self.rate("dense")))
        for method in (*AT_START, *MOVING, "gradual", "obd", "iterative"):
            rate = self.rate(method)
            for sparsity in LEVELS:
                yield self.row(method, sparsity, self.run(method, sparsity, rate))
        search = self.dense(self.rate(BIRD), bird=True)
        yield self.row("search", 0.0, search)
        yield self.row(BIRD, 0.0, going_on(search, RULE))

    def rate(self, method: str) -> Choose:
        """Return the choice of a method's rate, by trials at 95 % with a seed of their own.

        The trial of iterative pruning cuts once, which has a fifth of the runs.
        """
        trial = replace(self, seed=TRIAL_SEED)
        return best_rate(self.options.rates, lambda rate: trial.trial(method, rate))

    def trial(self, method: str, rate: float) -> Train:
        """Return the run that tries a rate for a method."""
        if method in ("dense", BIRD):
            return self.dense(rate, bird=method == BIRD)
        if method == "iterative":
            return one_shot(self.dense(rate), [LEVELS[1]], criterion=Magnitude(), scope="global", seed=self.seed)[0].run
        return self.run(method, LEVELS[1], rate)

    def dense(self, rate: Any, *, bird: bool = False) -> Train:
        """Return the training of the whole network, or the search of Early-Bird with penalised scales."""
        model = Vgg(depth=11, width=self.options.width, shape=self.data.spec.shape, classes=self.data.spec.classes)
        recipe = recipe_for(self.options.epochs, rate)
        if bird:
            recipe = replace(recipe, loss=ScalesL1(), during=(RULE,))
        start, mask = Init(model=model, seed=self.seed), Dense(model=model)
        return Train(start=start, mask=mask, data=self.data, recipe=recipe, order_seed=self.seed)

    def run(self, method: str, sparsity: float, rate: Any) -> Train:
        """Return the last run of a method at a sparsity."""
        dense, cut = self.dense(rate), {"scope": "global", "seed": self.seed}
        if method == "gradual":
            return replace(dense, recipe=replace(dense.recipe, during=(gradual(dense, sparsity),)))
        if method == "iterative":
            return iterative(dense, ROUNDS, criterion=Magnitude(), **cut)[ROUNDS.index(sparsity)].run
        if method == "obd":
            scored = {"criterion": Obd(draws=DRAWS), "mode": "eval", **self.images(), **cut}
            return fine_tuning(dense, [sparsity], dense.recipe, **scored)[0].run
        if method in ("snip", "grasp"):
            criterion, mode = {"snip": (Snip(), "eval"), "grasp": (Grasp(), "train")}[method]
            return at_initialisation(dense, [sparsity], criterion=criterion, mode=mode, **self.images(), **cut)[0].run
        sparse = at_initialisation(dense, [sparsity], criterion=Random(), scope="erk", seed=self.seed)[0].run
        return replace(sparse, recipe=replace(dense.recipe, during=(MOVES[method],))) if method in MOVES else sparse

    def images(self) -> dict[str, Any]:
        """Return the images that a criterion sees."""
        batch, spec = PerClass(count=self.options.scoring_images), self.data.spec
        batch.check(train=spec.train, classes=spec.classes)
        return {"data": self.data, "batch": batch}

    def row(self, method: str, sparsity: float, run: Train) -> Row:
        """Return a row with the arithmetic of the whole network, and the rate where it was chosen."""
        labels = {
            "protocol": "VGG-11",
            "activation": "relu",
            "method": method,
            "control": "",
            "sparsity": sparsity,
            "seed": self.seed,
        }
        start = Init(model=run.model, seed=self.seed)
        macs = Measure(quantity=Macs(), of={"state": start}, data=self.data)
        nodes: dict[str, Node] = {"train": run, "macs": macs, **behind(run)}
        if isinstance(run.mask, Channels):
            nodes["channels"] = run.mask
        if isinstance(run.mask, Prune):
            nodes["prune"] = run.mask
        if run.from_step is None:
            nodes["rate"] = run.recipe.optimizer.lr
        return Row(labels=labels, nodes=nodes)


STUDY = Study(
    name="grasp-table",
    question=QUESTION,
    options=Options,
    data=Cifar10(train=POOL, validation=1_000, test=10_000),
    build=build,
    outline=OUTLINE,
)
