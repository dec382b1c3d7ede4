"""Winning tickets of Conv-2 on CIFAR-10: as ``lth-mnist``, with the paper's rates for convolutions.

[frankle2019lottery, section 3]  The standard size has a quarter of the width and the steps, and a tenth of the images.
"""

from __future__ import annotations

from dataclasses import dataclass

from lotterylab.asking.choices import cifar10
from lotterylab.asking.during import AnyDuring
from lotterylab.asking.options import SizedOptions, number_of_seeds, sized
from lotterylab.asking.study import Study
from lotterylab.masks.counts import Rate
from lotterylab.models import ConvN
from lotterylab.plan.nodes import Data
from lotterylab.plan.plan import Plan
from lotterylab.reading.charts import Chart
from lotterylab.reading.claims import Claim, predictions
from lotterylab.reading.differences import Comparison
from lotterylab.reading.doubts import if_below
from lotterylab.reading.judging import less, more
from lotterylab.reading.outline import Outline
from lotterylab.studies import lth_controls
from lotterylab.studies.lth import recipe, rows
from lotterylab.studies.lth_mnist_claims import (
    COMMON_CHARTS,
    DENSE,
    EARLY,
    FINAL,
    ONCE,
    RANDOM,
    REINIT,
    TICKET,
    WHEN,
    conclude,
    headline,
    level,
)

QUESTION = "Do tickets of a small convolutional network train faster and better than the dense network and controls?"
RATE = Rate(share=0.2, convolution=0.1, output=0.1)
LEVELS = {"8.8 %": level(11), "4.6 %": level(14)}
ORDER_ROUND = 11
MARGIN = 0.01


@dataclass(frozen=True, kw_only=True)
class Options(AnyDuring, SizedOptions):
    """``Options`` holds the options of the study."""

    steps: int = sized(quick=300, standard=5_000, paper=20_000, help="Optimizer steps of each run")
    rounds: int = sized(
        quick=4,
        standard=14,
        paper=20,
        help="Rounds of pruning, 20 % each (convolutions and output 10 %); 14 leave about 4.6 %",
    )
    seeds: int = number_of_seeds(quick=3, standard=3, paper=5)
    width: float = sized(quick=0.25, standard=0.25, paper=1.0, help="Times the channels and units of Conv-2")


def build(options: Options, data: Data) -> Plan:
    """Return the plan, seed by seed."""
    model = ConvN(depth=2, width=options.width, shape=data.spec.shape, classes=data.spec.classes)
    training = recipe(options.steps, 2e-4, during=options.interventions)
    rounds = {"rounds": options.rounds, "order_round": ORDER_ROUND}
    on = data.spec.title
    return Plan(
        title=f"The lottery ticket hypothesis, Conv-2 at width {options.width:g} on {on}, {options.steps:,} steps",
        rows=tuple(
            row
            for seed in options.all_seeds
            for row in rows("Conv-2", model, training, RATE, data, seed=seed, **rounds)
        ),
        predictions=PREDICTIONS,
    )


OURS = (
    Claim(
        key="a",
        text="At 8.8 % of the weights the ticket is more accurate at its early-stopping iteration than the dense "
        "network.",
        judge=more(TICKET, DENSE, EARLY, LEVELS["8.8 %"]),
    ),
    Claim(
        key="b",
        text="At 8.8 % the ticket is more accurate than the same mask re-initialised.",
        judge=more(TICKET, REINIT, EARLY, LEVELS["8.8 %"]),
    ),
    Claim(
        key="c",
        text="At 8.8 % the ticket reaches its lowest validation loss earlier than the same mask re-initialised.",
        judge=less(TICKET, REINIT, WHEN, LEVELS["8.8 %"], digits=0),
    ),
    Claim(
        key="d",
        text="At 4.6 % the iterative ticket is more accurate than the one-shot ticket.",
        judge=more(TICKET, ONCE, EARLY, LEVELS["4.6 %"]),
    ),
)
OURS += lth_controls.claims(TICKET, DENSE, EARLY, FINAL, LEVELS["8.8 %"], percent="8.8 %", margin=MARGIN)
PREDICTIONS = predictions(OURS, "Confirmed by an interval over seeds that leaves 0 out.")


OUTLINE = Outline(
    charts=tuple(
        Chart(
            name=name,
            title=title,
            lines=(TICKET, ONCE, REINIT, RANDOM),
            y=metric,
            y_axis=axis,
            levels=(DENSE,),
        )
        for name, title, metric, axis in (
            ("early-accuracy", "Test accuracy at the early-stopping iteration", EARLY, "test accuracy, fraction"),
            ("early-iteration", "Early-stopping iteration: the lowest validation loss", WHEN, "optimizer steps"),
            ("final-accuracy", "Test accuracy after the last step", FINAL, "test accuracy, fraction"),
        )
    )
    + COMMON_CHARTS,
    comparisons=tuple(
        Comparison(
            key=f"accuracy, {other.name}",
            a=TICKET,
            b=other,
            read=EARLY,
            what="accuracy",
            margin=MARGIN,
            planned=(LEVELS["4.6 %" if other is ONCE else "8.8 %"],),
        )
        for other in (DENSE, REINIT, RANDOM, ONCE)
    )
    + lth_controls.versus(TICKET, EARLY, FINAL, MARGIN, LEVELS["8.8 %"]),
    claims=OURS,
    headline=headline,
    conclude=conclude,
    would_change="The whole width, 45,000 images and 20,000 steps (--size paper), or more seeds.",
    doubts=(
        if_below("width", 1, "The network has {value} of the paper's width, so it is not the paper's network."),
        if_below("images", 45_000, "It has {value} training images; the paper's has 45,000."),
        "The learning rate is that of the whole network, and was not chosen again for the narrow network.",
        "All levels of a seed share its initial weights and data order, so they are not independent.",
    ),
)
STUDY = Study(name="lth-conv", question=QUESTION, options=Options, data=cifar10, build=build, outline=OUTLINE)
