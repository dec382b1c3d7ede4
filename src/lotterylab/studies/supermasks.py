"""Supermasks of LeNet-300-100 on MNIST: random weights under masks that are cut or learned.

A mask is cut from a trained network and laid over its initial weights, or gates learn it while the weights stay as
they were drawn.  Some learned masks are then trained as tickets.   [zhou2019deconstructing, section 5;
ramanujan2020hidden; chijiwa2021pruning; savarese2020winning]
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lotterylab.asking.options import SizedOptions, number_of_seeds, option, sized
from lotterylab.asking.study import Study
from lotterylab.data import Mnist
from lotterylab.masks.counts import Rate
from lotterylab.models import LeNet300100
from lotterylab.plan.nodes import Data
from lotterylab.plan.plan import Plan
from lotterylab.reading.claims import Claim, refutable
from lotterylab.reading.joint import none_above
from lotterylab.reading.judging import Judge, above, above_at_best, equal, more
from lotterylab.studies.supermasks_arms import LEARNERS, Setting
from lotterylab.studies.supermasks_claims import (
    ALL,
    CONSTANTS,
    CUT,
    DENSE,
    LEARNED,
    LONGER,
    MASK,
    ON_VALIDATION,
    POPUP,
    SHUFFLED,
    TICKETS,
    UNTOUCHED,
    UNTRAINED_ACCURACY,
    outline,
)
from lotterylab.studies.ticket_lines import ACCURACY

QUESTION = "How good are random weights under a mask, cut from a trained network or learned by gates?"
SPEC = Mnist(train=55_000, validation=5_000, test=10_000, pixels="unit")
MARGIN = 0.005
WHY = (
    "Two networks of 95 % decide about 4 % of the 10,000 test images differently, so the sampling error of a "
    "difference is 0.002. The margin of 0.005 is 2.5 of these errors, and half of the smallest difference of "
    "interest, 0.01."
)


@dataclass(frozen=True, kw_only=True)
class Options(SizedOptions):
    """``Options`` holds the options of the study."""

    epochs: int = sized(quick=2, standard=40, paper=2_000, least=2, help="Epochs in which a mask is learned")
    dense_epochs: int = sized(quick=1, standard=11, paper=55, help="Epochs in which weights are trained")
    images: int = sized(quick=2_000, standard=55_000, paper=55_000, most=55_000, help="Training images")
    seeds: int = number_of_seeds(quick=3, standard=8, paper=8)
    learners: tuple[str, ...] = option(tuple(LEARNERS), help="How masks are learned", choices=LEARNERS)


def build(options: Options, data: Data) -> Plan:
    """Return the plan, seed by seed."""
    setting = Setting(
        name="LeNet-300-100",
        model=LeNet300100(shape=data.spec.shape, classes=data.spec.classes),
        data=data,
        cut=Rate(share=0.2, output=0.1),
        adam=0.0012,
        epochs=options.epochs,
        dense_epochs=options.dense_epochs,
        learners=options.learners,
    )
    return setting.plan(options.all_seeds, PREDICTIONS)


def _claim(key: str, text: str, judge: Judge, published: str = "") -> Claim:
    return Claim(key=key, text=text, judge=judge, published=published)


OURS: dict[Claim, str] = {  # each with what refutes it
    _claim(
        "s1",
        "The mask of large final weights of the same sign, over the initial weights, reaches more than 0.70 at its "
        "best level, which validation images choose.",
        above_at_best(CUT["same sign"], UNTRAINED_ACCURACY, by=ON_VALIDATION, than=0.70),
        "up to 86 %",
    ): "an interval below 0.70",
    _claim(
        "s2",
        "A learned supermask over the initial weights reaches more than 0.90.",
        above(MASK, ACCURACY, ALL, than=0.90),
        "95.3 %",
    ): "an interval below 0.90",
    _claim(
        "s3",
        f"Over one magnitude a layer a supermask is more accurate than over the initial weights, by more than "
        f"{MARGIN:g}.",
        more(CONSTANTS["supermask"], MASK, ACCURACY, ALL, than=MARGIN),
    ): f"an interval below {MARGIN:g}",
    _claim(
        "s4",
        "A supermask is more accurate if kept weights are rescaled.",
        more(LEARNED["rescaled"], MASK, ACCURACY, ALL),
    ): "an interval below 0",
    _claim(
        "s5",
        f"Edge-popup is at most {MARGIN:g} less accurate than a supermask.",
        more(POPUP, MASK, ACCURACY, ALL, than=-MARGIN),
    ): f"an interval below -{MARGIN:g}",
    _claim(
        "s6",
        f"IteRand and edge-popup are equal ({MARGIN:g}).",
        equal(LEARNED["iterand"], POPUP, ACCURACY, ALL, margin=MARGIN),
    ): f"an interval outside {MARGIN:g}",
    _claim(
        "s7",
        f"Every mask over untrained weights is more than {MARGIN:g} less accurate than the trained network.",
        none_above(UNTOUCHED, DENSE, ACCURACY, ALL, than=-MARGIN),
    ): f"one mask whose difference, corrected for the masks, lies above -{MARGIN:g}",
    _claim(
        "s8",
        f"A supermask's weights, trained, are no better than as many at random places in each layer ({MARGIN:g}).",
        equal(TICKETS["supermask"], SHUFFLED["supermask"], ACCURACY, ALL, margin=MARGIN),
    ): f"an interval outside {MARGIN:g}",
    _claim(
        "s9",
        "The weights that continuous sparsification keeps, trained from their initial values, are better than as many "
        "at random places in each layer.",
        more(TICKETS["continuous"], SHUFFLED["continuous"], ACCURACY, ALL),
    ): "an interval below 0",
    _claim(
        "s10",
        f"No learned mask, trained, is more than {MARGIN:g} more accurate than the dense network trained for as "
        "long as both took.",
        none_above(tuple(TICKETS.values()), LONGER, ACCURACY, ALL, than=MARGIN),
    ): f"one mask whose difference, corrected for the masks, lies above {MARGIN:g}",
}
PREDICTIONS = refutable(OURS.items())
STUDY = Study(
    name="supermasks",
    question=QUESTION,
    options=Options,
    data=lambda options: replace(SPEC, train=options.images),
    build=build,
    outline=outline(
        OURS,
        tuple(LEARNERS),
        margin=MARGIN,
        why=WHY,
        doubt="The initial weights are from Glorot's normal distribution; biases are 0 and stay 0 while gates learn.",
    ),
)
