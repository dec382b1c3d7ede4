"""Supermasks of Conv-2 on CIFAR-10: as ``supermasks``, with the rates of its paper for convolutions.

[zhou2019deconstructing, section 5]
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lotterylab.asking.options import SizedOptions, number_of_seeds, option, sized
from lotterylab.asking.study import Study
from lotterylab.data import Cifar10
from lotterylab.masks.counts import Rate
from lotterylab.models import ConvN
from lotterylab.plan.nodes import Data
from lotterylab.plan.plan import Plan
from lotterylab.reading.claims import Claim, refutable
from lotterylab.reading.judging import above, above_at_best, more
from lotterylab.studies.supermasks_arms import LEARNERS, Setting
from lotterylab.studies.supermasks_claims import (
    ALL,
    CONSTANTS,
    CUT,
    MASK,
    ON_VALIDATION,
    UNTRAINED_ACCURACY,
    outline,
)
from lotterylab.studies.ticket_lines import ACCURACY

QUESTION = "How good are random weights of a convolutional network under a mask that is cut or learned?"
SPEC = Cifar10(train=45_000, validation=5_000, test=10_000)
STANDARD = ("supermask", "rescaled")
ADAM = {"conv-2": 0.0002, "conv-4": 0.0003, "conv-6": 0.0003}  # the paper's rates
MARGIN = 0.01
WHY = (
    "Two networks of 50 % decide about 30 % of the 10,000 test images differently, so the sampling error of a "
    "difference is 0.0055. The margin of 0.01 is 1.8 of these errors, and half of the smallest difference of interest, "
    "0.02."
)


@dataclass(frozen=True, kw_only=True)
class Options(SizedOptions):
    """``Options`` holds the options of the study."""

    network: str = option("conv-2", help="The network", choices=tuple(ADAM))
    epochs: int = sized(quick=2, standard=8, paper=2_000, least=2, help="Epochs in which a mask is learned")
    dense_epochs: int = sized(quick=1, standard=4, paper=27, help="Epochs in which weights are trained")
    images: int = sized(quick=1_000, standard=10_000, paper=45_000, most=45_000, help="Training images")
    width: float = sized(quick=0.1, standard=0.5, paper=1.0, help="Times the channels and units")
    seeds: int = number_of_seeds(quick=3, standard=4, paper=8)
    learners: tuple[str, ...] = option(STANDARD, help="How masks are learned", choices=LEARNERS)


def build(options: Options, data: Data) -> Plan:
    """Return the plan, seed by seed."""
    shape, classes = data.spec.shape, data.spec.classes
    setting = Setting(
        name=options.network.capitalize(),
        model=ConvN(depth=int(options.network[-1]), width=options.width, shape=shape, classes=classes),
        data=data,
        cut=Rate(share=0.2, convolution=0.1, output=0.1),
        adam=ADAM[options.network],
        epochs=options.epochs,
        dense_epochs=options.dense_epochs,
        learners=options.learners,
    )
    return setting.plan(options.all_seeds, PREDICTIONS)


OURS: dict[Claim, str] = {  # each with what refutes it
    Claim(
        key="s1",
        text="The mask of large final weights of the same sign, over the initial weights, reaches more than 0.20 at "
        "its best level, which validation images choose.",
        judge=above_at_best(CUT["same sign"], UNTRAINED_ACCURACY, by=ON_VALIDATION, than=0.20),
        published="up to 41 %",
    ): "an interval below 0.20",
    Claim(
        key="s2",
        text="A learned supermask over the initial weights reaches more than 0.40.",
        judge=above(MASK, ACCURACY, ALL, than=0.40),
        published="65.4 %",
    ): "an interval below 0.40",
    Claim(
        key="s3",
        text=f"Over one magnitude a layer a supermask is more accurate than over the initial weights, by more than "
        f"{MARGIN:g}.",
        judge=more(CONSTANTS["supermask"], MASK, ACCURACY, ALL, than=MARGIN),
    ): f"an interval below {MARGIN:g}",
}
PREDICTIONS = refutable(OURS.items())
STUDY = Study(
    name="supermasks-conv",
    question=QUESTION,
    options=Options,
    data=lambda options: replace(SPEC, train=options.images),
    build=build,
    outline=outline(
        OURS,
        STANDARD,
        margin=MARGIN,
        why=WHY,
        doubt="The network has half of the paper's width and a fifth of its images, which are not augmented.",
    ),
)
