"""The shallow CNN on CIFAR-10@5000 and iterative pruning by halves, which the open questions share.

The learning rate is chosen for each network on validation, by one dense run for each rate with a seed that is not used
elsewhere; all networks have the same rates to choose from.  50 % a round gives few levels that are far apart: 50, 25,
12.5 and 6.25 % of the weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lotterylab.asking.during import AnyDuring
from lotterylab.asking.options import SizedOptions, number_of_seeds, option, sized
from lotterylab.criteria import Magnitude
from lotterylab.data import Augment, Cifar10, NamedStream
from lotterylab.data.subset import Subset
from lotterylab.masks.counts import Rate
from lotterylab.models import ShallowCnn
from lotterylab.plan.nodes import Data, Dense, Init, Node, Train
from lotterylab.plan.plan import Row
from lotterylab.procedures import RewindTo, Ticket, iterative, reset
from lotterylab.procedures.choosing import TRIAL_SEED, best_rate
from lotterylab.studies.levels import Ladder
from lotterylab.training.optim import Sgd
from lotterylab.training.recipe import Recipe
from lotterylab.training.schedules import FractionDrops

RATE = Rate(share=0.5)
JUDGED = 4  # the round whose tickets are compared, with 6.25 % of the weights


@dataclass(frozen=True, kw_only=True)
class Options(AnyDuring, SizedOptions):
    """``Options`` holds the options that the studies share."""

    epochs: int = sized(quick=4, standard=30, paper=120, help="Epochs of each run, dense and pruned")
    rounds: int = sized(quick=2, standard=4, paper=5, help="Rounds of pruning, each of half the remaining weights")
    seeds: int = number_of_seeds(quick=3, standard=5, paper=5)
    rates: tuple[float, ...] = option((0.003, 0.01, 0.03, 0.1, 0.3, 1.0), help="Learning rates to choose from")


POOL = 49_000  # CIFAR-10's training images but 1,000 for validation, from which a seed may draw its own
SMALL = "The network is shallow and has {value} training images: at scale the answer may differ."
SPEC = Cifar10(train=5_000, validation=1_000, test=5_000)


def own_images(data: Data, images: int, seed: int) -> Data:
    """Return data whose training images, at most so many, are a seed's own, so that intervals have their choice too."""
    return replace(data, spec=Subset(spec=data.spec, train=min(images, data.spec.train), seed=seed))


def images_option(who: str = "seed") -> Any:
    """Return the option for the number of training images that each ``who`` draws from ``POOL``."""
    help = f"Training images, at the most; each {who} draws its own"
    return sized(quick=5_000, standard=5_000, paper=POOL, most=POOL, help=help)


def images_note(data: Data, images: int, who: str = "seed") -> str:
    """Return the sentence of a page on ``own_images``."""
    return f"Each {who} draws its own {images:,} training images from {data.spec.train:,}."


def recipe_for(epochs: int, rate: Any, *, during: tuple[Any, ...] = ()) -> Recipe:
    """Return how each network of these studies is trained, at a learning rate or at the choice of one."""
    return Recipe(
        epochs=epochs,
        optimizer=Sgd(lr=rate, momentum=0.9, weight_decay=5e-4),
        schedule=FractionDrops(at=(0.5, 0.75)),
        augment=Augment(crop_padding=4, flip=True),
        stream=NamedStream(),
        batch_size=64,
        watch=("validation",),
        during=during,
    )


def dense_run(options: Options, data: Data, seed: int, *, activation: str, init: str) -> Train:
    """Return the dense run of a seed, at the learning rate that was best for its network."""
    model = ShallowCnn(activation=activation, init=init, shape=data.spec.shape, classes=data.spec.classes)

    def run(rate: Any, seed: int) -> Train:
        recipe = recipe_for(options.epochs, rate, during=options.interventions)
        start, mask = Init(model=model, seed=seed), Dense(model=model)
        return Train(start=start, mask=mask, data=data, recipe=recipe, order_seed=seed)

    return run(best_rate(options.rates, lambda rate: run(rate, TRIAL_SEED)), seed)


def rate_of(dense: Train) -> dict[str, Node]:
    """Return the choice of the learning rate, as a part of a row."""
    return {"rate": dense.recipe.optimizer.lr}


def ladder(protocol: str, dense: Train, seed: int) -> Ladder:
    """Return the ladder of one dense run; ``protocol``: the label of its panel on the page."""
    return Ladder(protocol=protocol, activation=dense.model.activation, dense=dense, rate=RATE, seed=seed)


def same_cost(ladder: Ladder, method: str, found: Sequence[Ticket]) -> Iterator[Row]:
    """Yield the dense network that is trained for as long as finding and training the compared ticket took.

    ``found``: a ticket for each round; a small run has fewer rounds than the compared ticket, and its last counts.
    """
    return ladder.controls(method, found[:JUDGED][-1:], ("dense-same-cost",))


def tickets(dense: Train, options: Options, seed: int, *, rewind_to: RewindTo = reset) -> list[Ticket]:
    """Return the tickets of iterative magnitude pruning, all layers together."""
    return iterative(
        dense, [RATE] * options.rounds, criterion=Magnitude(), scope="global", seed=seed, rewind_to=rewind_to
    )
