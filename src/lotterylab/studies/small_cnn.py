"""What the open questions share: the activation study's shallow CNN on CIFAR-10@5000, and iterative pruning by halves.

Rates are those that the activation study chose on validation for each activation ("corrected", its README), and are
not chosen again.  50 % a round gives few levels that lie far apart: 50, 25, 12.5 and 6.25 % of the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import tyro

from lotterylab.criteria import Magnitude
from lotterylab.data import Augment, Cifar10, NamedStream
from lotterylab.errors import unknown
from lotterylab.models import ShallowCnn
from lotterylab.plan.nodes import Data, Dense, Init, Train
from lotterylab.plan.study import Study
from lotterylab.procedures import RewindTo, Ticket, iterative, reset
from lotterylab.rates import Rate
from lotterylab.studies.levels import Ladder
from lotterylab.studies.outline import Outline
from lotterylab.studies.sized import Parts, SizedRequest
from lotterylab.training.optim import Sgd
from lotterylab.training.recipe import Recipe
from lotterylab.training.schedules import FractionDrops

RATE = Rate(share=0.5)
RATES = {"relu": 0.03, "tanh": 0.01, "sigmoid": 0.3, "softsign": 0.03}
WHOLE = tyro.conf.arg(metavar="N", help_behavior_hint="")


@dataclass(frozen=True, kw_only=True)
class Options:
    """``epochs``: of every run, dense and pruned.  ``rounds``: of pruning, half of what is left each."""

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {
        "quick": {"epochs": 4, "rounds": 2, "seeds": 2},
        "standard": {"epochs": 30, "rounds": 4, "seeds": 3},
        "paper": {"epochs": 120, "rounds": 5, "seeds": 5},
    }

    epochs: int = 30
    rounds: int = 4
    seeds: int = 3
    first_seed: int = 0

    @property
    def all_seeds(self) -> range:
        """The seeds."""
        return range(self.first_seed, self.first_seed + self.seeds)


@dataclass(frozen=True, kw_only=True)
class SmallCnnRequest(SizedRequest):
    """Abstract.  Options that say what is studied; the same ones name the same results."""

    epochs: Annotated[int | None, WHOLE] = None
    """Epochs of each run: 4, 30, 120 by size."""
    rounds: Annotated[int | None, WHOLE] = None
    """Rounds of pruning, half of what is left each: 2, 4, 5 by size."""


SPEC = Cifar10(train=5_000, validation=1_000, test=5_000)


def parts(name: str, options: type[Options], build: Callable[..., Study], outline: Outline) -> Parts:
    """A study on CIFAR-10@5000."""
    return Parts(name=name, spec=SPEC, options=options, sizes=Options.SIZES, build=build, outline=outline)


def dense_run(options: Options, data: Data, seed: int, *, activation: str, init: str) -> Train:
    """The dense run that everything of one seed and one network follows from."""
    if activation not in RATES:
        raise unknown("activation with a chosen rate", activation, RATES)
    model = ShallowCnn(activation=activation, init=init, shape=data.spec.shape, classes=data.spec.classes)
    recipe = Recipe(
        epochs=options.epochs,
        optimizer=Sgd(lr=RATES[activation], momentum=0.9, weight_decay=5e-4),
        schedule=FractionDrops(at=(0.5, 0.75)),
        augment=Augment(crop_padding=4, flip=True),
        stream=NamedStream(),
        batch_size=64,
        watch=("validation",),
    )
    return Train(start=Init(model=model, seed=seed), mask=Dense(model=model), data=data, recipe=recipe, order_seed=seed)


def ladder(protocol: str, dense: Train, seed: int) -> Ladder:
    """The rows of one dense run; ``protocol``: what the panels of the page tell apart."""
    return Ladder(protocol=protocol, activation=dense.model.activation, dense=dense, rate=RATE, seed=seed)


def tickets(dense: Train, options: Options, seed: int, *, rewind_to: RewindTo = reset) -> list[Ticket]:
    """Iterative magnitude pruning, all layers together."""
    return iterative(
        dense, [RATE] * options.rounds, criterion=Magnitude(), scope="global", seed=seed, rewind_to=rewind_to
    )
