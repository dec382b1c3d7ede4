"""Winning tickets of LeNet-300-100 on MNIST: one-shot and iterative pruning against controls.

It is the first experiment of [frankle2019lottery, section 2], with the stability of [frankle2019stabilizing, table 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lotterylab.asking.during import AnyDuring
from lotterylab.asking.options import SizedOptions, number_of_seeds, option, sized
from lotterylab.asking.study import Study
from lotterylab.data import Mnist
from lotterylab.masks.counts import Rate
from lotterylab.models import LeNet300100
from lotterylab.plan.nodes import Data
from lotterylab.plan.plan import Plan
from lotterylab.studies.lth import recipe, rows
from lotterylab.studies.lth_mnist_claims import OUTLINE, PREDICTIONS, QUESTION

RATE = Rate(share=0.2, output=0.1)
ORDER_ROUND = 10  # 10.8 % of the weights are left; the table has 10.7 %


@dataclass(frozen=True, kw_only=True)
class Options(AnyDuring, SizedOptions):
    """``Options`` holds the options of the study; the paper trains for 50,000 steps."""

    steps: int = sized(quick=1_000, standard=10_000, paper=50_000, help="Optimizer steps of each run")
    rounds: int = sized(
        quick=10, standard=16, paper=20, help="Rounds of pruning, 20 % each; 15 leave 3.6 % of the weights"
    )
    seeds: int = number_of_seeds(quick=3, standard=5, paper=5)
    pixels: Literal["unit", "standardised"] = option(
        "unit", help="Scale of the pixels: from 0 to 1, or mean 0 and variance 1"
    )

    @property
    def label(self) -> str:
        """Return the options as a part of a file name."""
        return super().label if self.pixels == "unit" else f"{super().label}-{self.pixels}"


def mnist(options: Options) -> Mnist:
    """Return MNIST with 55,000 training, 5,000 validation and 10,000 test images."""
    return Mnist(train=55_000, validation=5_000, test=10_000, pixels=options.pixels)


def build(options: Options, data: Data) -> Plan:
    """Return the plan, seed by seed."""
    model = LeNet300100(shape=data.spec.shape, classes=data.spec.classes)
    training = recipe(options.steps, 1.2e-3, during=options.interventions)
    rounds = {"rounds": options.rounds, "order_round": ORDER_ROUND}
    pixels = "" if options.pixels == "unit" else f", {options.pixels} pixels"
    on = data.spec.title
    return Plan(
        title=f"The lottery ticket hypothesis, LeNet-300-100 on {on}{pixels}, {options.steps:,} steps a run",
        rows=tuple(
            row
            for seed in options.all_seeds
            for row in rows("LeNet-300-100", model, training, RATE, data, seed=seed, **rounds)
        ),
        predictions=PREDICTIONS,
    )


STUDY = Study(name="lth-mnist", question=QUESTION, options=Options, data=mnist, build=build, outline=OUTLINE)
