"""Does a ticket's mask serve another network once its units are in that network's order?  A small CNN on CIFAR-10.

As ``alignment``, with the shallow CNN.   [adnan2025sparse]
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from lotterylab.asking.options import SizedOptions, number_of_seeds, option, sized
from lotterylab.asking.study import Study
from lotterylab.data import Cifar10
from lotterylab.models import ShallowCnn
from lotterylab.plan.nodes import Data
from lotterylab.plan.plan import Plan
from lotterylab.reading.claims import OR_THE_OTHER_SIDE, predictions
from lotterylab.reading.doubts import if_below
from lotterylab.studies.alignment import Pairs
from lotterylab.studies.alignment_reading import QUESTION, outline
from lotterylab.studies.small_cnn import POOL, RATE, SMALL, images_note, images_option, own_images, recipe_for
from lotterylab.studies.ticket_lines import MARGIN

ROUNDS = 4


@dataclass(frozen=True, kw_only=True)
class Options(SizedOptions):
    """``Options`` holds the options of the study."""

    images: int = images_option("pair")
    epochs: int = sized(quick=4, standard=15, paper=120, help="Epochs of each run")
    rounds: int = sized(quick=2, standard=ROUNDS, paper=5, help="Rounds of pruning, each of half the remaining weights")
    seeds: int = number_of_seeds(quick=3, standard=8, paper=8)
    rewind: float = option(
        0.05, least=0.0, most=0.9, help="Share of the training after which all tickets of a network begin"
    )
    rates: tuple[float, ...] = option((0.03, 0.1, 0.3), help="Learning rates to choose from, for each arm")


def build(options: Options, data: Data) -> Plan:
    """Return the plan, pair by pair."""
    images = min(options.images, data.spec.train)

    kind = Pairs(
        name="shallow CNN",
        model=ShallowCnn(init="he-normal", shape=data.spec.shape, classes=data.spec.classes),
        data=partial(own_images, data, images),
        recipe=partial(recipe_for, options.epochs),
        rates=options.rates,
        rate=RATE,
        scope="global",
        rounds=options.rounds,
        rewind=options.rewind,
    )
    return Plan(
        title=f"Masks of another network, shallow CNN on {images:,} images of {data.spec.title}, "
        f"{options.epochs} epochs a run",
        rows=tuple(row for seed in options.all_seeds for row in kind.rows(seed)),
        predictions=predictions(OUTLINE.claims, OR_THE_OTHER_SIDE),
        notes=(images_note(data, images, "pair"),),
    )


OUTLINE = outline(
    RATE.after(ROUNDS),
    MARGIN,  # two errors of the sampling of 10,000 images at 65 %; half of the 0.02 that would matter
    doubts=(
        "The validation images on which the barriers are measured are 1,000.",
        if_below("images", 45_000, SMALL),
    ),
    would_change="Wider or deeper networks, longer training, or activations to match the units by.",
)
STUDY = Study(
    name="alignment-conv",
    question=QUESTION,
    options=Options,
    data=Cifar10(train=POOL, validation=1_000, test=10_000),
    build=build,
    outline=OUTLINE,
)
