"""Winning tickets without a download: LeNet-300-100 on the digits that come with the package.

The first experiment of [frankle2019lottery, section 2] on small images, where it takes a minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lotterylab.asking.options import SizedOptions, number_of_seeds, sized
from lotterylab.asking.study import Study
from lotterylab.criteria import Magnitude
from lotterylab.data import Digits
from lotterylab.masks.counts import Rate
from lotterylab.models import LeNet300100
from lotterylab.plan.nodes import Data
from lotterylab.plan.plan import Plan, Row
from lotterylab.procedures import dense_run, iterative
from lotterylab.reading.answers import in_words
from lotterylab.reading.charts import CurveChart
from lotterylab.reading.claims import Claim, refutable
from lotterylab.reading.differences import Difference
from lotterylab.reading.doubts import if_below
from lotterylab.reading.judging import apart_from, at, less, more, nothing, percent
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows, mean
from lotterylab.studies.levels import Ladder
from lotterylab.studies.lth import CONTROLS, recipe
from lotterylab.studies.ticket_lines import (
    ACCURACY,
    DENSE,
    RANDOM,
    REINIT,
    SAME_COST,
    TICKET,
    accuracy_chart,
    accuracy_versus,
    cost_chart,
)

RATE, ROUNDS = Rate(share=0.5), 5
LOW = RATE.after(ROUNDS)
CLOSE = 0.02
LEARNING_RATE = 1.2e-3  # [frankle2019lottery, figure 2]


@dataclass(frozen=True, kw_only=True)
class Options(SizedOptions):
    """``Options`` holds the options of the study."""

    steps: int = sized(quick=400, standard=2_000, paper=5_000, help="Optimizer steps of each run")
    seeds: int = number_of_seeds(quick=5, standard=10, paper=10)


def build(options: Options, data: Data) -> Plan:
    """Return the plan, seed by seed."""
    return Plan(
        title=f"The lottery ticket hypothesis, LeNet-300-100 on {data.spec.title}, {options.steps:,} steps a run",
        rows=tuple(row for seed in options.all_seeds for row in _rows(options, data, seed)),
        predictions=refutable(CLAIMS),
    )


def _rows(options: Options, data: Data, seed: int) -> list[Row]:
    """Return the dense run, the ticket and its controls at each level, and the dense run of the last ticket's cost."""
    model = LeNet300100(shape=data.spec.shape, classes=data.spec.classes)
    training = replace(recipe(options.steps, LEARNING_RATE), pick=None, watch_every=max(1, options.steps // 10))
    dense = dense_run(model, data, training, seed=seed)
    tickets = iterative(dense, [RATE] * ROUNDS, criterion=Magnitude(), scope="global", seed=seed)
    ladder = Ladder(protocol="LeNet-300-100", activation="relu", dense=dense, rate=RATE, seed=seed)
    last = ladder.controls("iterative", tickets[-1:], ["dense-same-cost"])
    return [ladder.dense_row(), *ladder.rows("iterative", tickets, CONTROLS), *last]


CLAIMS = (
    (
        Claim(
            key="a",
            text="The ticket is more accurate than a random mask.",
            judge=more(TICKET, RANDOM, ACCURACY, LOW),
        ),
        "an interval below 0",
    ),
    (
        Claim(
            key="b",
            text="The ticket is more accurate than the same mask with weights that are drawn anew.",
            judge=more(TICKET, REINIT, ACCURACY, LOW),
        ),
        "an interval below 0",
    ),
    (
        Claim(
            key="c",
            text="A dense network that is trained for as long as finding the ticket took is more accurate than the "
            "ticket.",
            judge=less(TICKET, SAME_COST, ACCURACY, LOW),
        ),
        "an interval above 0",
    ),
)


def _headline(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the ticket against the random mask."""
    against_random = [one for one in differences if one.planned and one.comparison.b == RANDOM]
    return in_words(against_random[0], "the ticket", "a random mask") if against_random else nothing(results)


def _conclude(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the ticket's accuracy, and the others minus it."""
    if not (reached := at(TICKET, results, ACCURACY, LOW)):
        return nothing(results)
    others = apart_from(TICKET, (DENSE, RANDOM, REINIT, SAME_COST), results, ACCURACY, LOW)
    text = f"With {percent(LOW)} of the weights the ticket reaches {mean(reached):.3f}."
    return f"{text} Other networks minus it: {'; '.join(others)}." if others else text


OUTLINE = Outline(
    charts=(
        accuracy_chart("protocol"),
        cost_chart("protocol", (TICKET, RANDOM, SAME_COST)),
        CurveChart(name="curves", title="Training curves", section="Training", sparsity=LOW),
    ),
    comparisons=accuracy_versus(RANDOM, REINIT, SAME_COST, level=LOW, margin=CLOSE),
    claims=tuple(claim for claim, _ in CLAIMS),
    headline=_headline,
    conclude=_conclude,
    after_a_look="Thirty seeds of unlucky-seeds were known: the same network and data, with other training images and "
    "with learning rates that were chosen. Its tickets beat random masks in 29 seeds. Five seeds of the quick size "
    "were seen too. No claim is a surprise after these.",
    would_change="More test images, a harder data set (lth-mnist), or a learning rate for each arm (unlucky-seeds).",
    doubts=(
        if_below("seeds", 10, "With {value} seeds, intervals are wide: small differences stay undecided."),
        "All networks have the paper's learning rate for MNIST, which was chosen for the dense network.",
        "The digits have 8 x 8 pixels, and few test images, which all seeds share.",
    ),
)
QUESTION = "Do tickets of iterative magnitude pruning beat random masks of the same size?"
STUDY = Study(name="lth-digits", question=QUESTION, options=Options, data=Digits(), build=build, outline=OUTLINE)
