"""The reading of the study ``unlucky-seeds``: its lines, its predictions from before the runs, its figures.

A seed has a ticket if the ticket classifies more test images correctly than its random mask.  It is as good as the
dense network if it is less than 0.02 below it.  All numbers are at 3.1 % of the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from lotterylab.masks.counts import Rate
from lotterylab.reading.charts import CurveChart, DotChart
from lotterylab.reading.claims import Claim, refutable
from lotterylab.reading.differences import Difference
from lotterylab.reading.doubts import if_below
from lotterylab.reading.judging import apart_from, at, less, more, nothing, percent
from lotterylab.reading.lines import Line
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows, mean
from lotterylab.reading.spreads import Truths, ahead, in_more_than
from lotterylab.reading.words import interval_text
from lotterylab.statistics import share_interval
from lotterylab.studies.ticket_lines import (
    ACCURACY,
    DENSE,
    ORDER,
    RANDOM,
    RANDOM_ORDER,
    REINIT,
    SAME_COST,
    TICKET,
    accuracy_versus,
)

QUESTION = "Is there a seed without a winning ticket?"
RATE, ROUNDS = Rate(share=0.5), 5
LOW = RATE.after(ROUNDS)
CLOSE = 0.02
MOST, HALF = 0.75, 0.5
OTHER = Line(name="other random mask", labels={"method": "iterative", "control": "other random mask"})
TWICE = (TICKET, RANDOM, ORDER, RANDOM_ORDER)


def _truth(first: Line, *others: tuple[Line, float]) -> Truths:
    return partial(ahead, first=first, others=others, read=ACCURACY, sparsity=LOW)


HAS = _truth(TICKET, (RANDOM, 0.0))
AS_DENSE = _truth(TICKET, (RANDOM, 0.0), (DENSE, -CLOSE))
OWN_WEIGHTS = _truth(TICKET, (REINIT, 0.0))
CHANCE = _truth(RANDOM, (OTHER, 0.0))
AGAIN = _truth(ORDER, (RANDOM_ORDER, 0.0))


def lucky_once(results: Rows) -> dict[int, bool]:
    """Return for each seed with both orders whether its ticket is ahead of its random mask in one of them."""
    first, second = HAS(results), AGAIN(results)
    return {seed: value or second[seed] for seed, value in first.items() if seed in second}


CLAIMS: tuple[tuple[Claim, str], ...] = (  # each with what refutes it
    (
        Claim(
            key="u1",
            text=f"More than {MOST:.0%} of the seeds have a ticket: it is more accurate than its random mask.",
            judge=in_more_than(MOST, HAS, (TICKET, RANDOM), ACCURACY, LOW),
        ),
        f"an interval of the share below {MOST:g}",
    ),
    (
        Claim(
            key="u2",
            text=f"More than {HALF:.0%} of the seeds have one that is also less than {CLOSE:g} below the dense "
            "network.",
            judge=in_more_than(HALF, AS_DENSE, (TICKET, RANDOM, DENSE), ACCURACY, LOW),
        ),
        f"an interval of the share below {HALF:g}",
    ),
    (
        Claim(
            key="u3",
            text=f"In more than {MOST:.0%} of the seeds the ticket is ahead of its random mask in at least one of two "
            "data orders.",
            judge=in_more_than(MOST, lucky_once, TWICE, ACCURACY, LOW),
        ),
        f"an interval of the share below {MOST:g}",
    ),
    (
        Claim(
            key="u4",
            text=f"In more than {HALF:.0%} of the seeds the ticket is more accurate than the re-initialised one.",
            judge=in_more_than(HALF, OWN_WEIGHTS, (TICKET, REINIT), ACCURACY, LOW),
        ),
        f"an interval of the share below {HALF:g}",
    ),
    (
        Claim(
            key="u5",
            text=f"In the mean over seeds the ticket is more accurate than its random mask, by more than {CLOSE:g}.",
            judge=more(TICKET, RANDOM, ACCURACY, LOW, than=CLOSE),
        ),
        f"an interval below {CLOSE:g}",
    ),
    (
        Claim(
            key="u6",
            text=f"The ticket is not {CLOSE:g} more accurate than a dense network of the same total cost.",
            judge=less(TICKET, SAME_COST, ACCURACY, LOW, than=CLOSE),
        ),
        f"an interval above {CLOSE:g}",
    ),
)
PREDICTIONS = refutable(CLAIMS)


def _counted(true: Truths, results: Rows) -> str:
    """Return the seeds for which it is true in words, "28 of 30 (0.93 [0.78, 0.99])"; "" without a seed."""
    truths = true(results)
    if not truths:
        return ""
    count, n = sum(truths.values()), len(truths)
    return f"{count} of {n} ({interval_text(share_interval(count, n), 2)})"


def _headline(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the share of the seeds that have a ticket."""
    counted = _counted(HAS, results)
    if not counted:
        return nothing(results)
    return f"With {percent(LOW)} of the weights, {counted} of the seeds' tickets are more accurate than a random mask."


def _conclude(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the shares of the seeds, what chance alone gives, and the mean differences."""
    reached = at(TICKET, results, ACCURACY, LOW)
    shares = {
        "is more accurate than its random mask in": HAS,
        f"is less than {CLOSE:g} below its dense network in": AS_DENSE,
        "is ahead of the mask in one of two data orders in": lucky_once,
        "is more accurate than re-initialised in": OWN_WEIGHTS,
    }
    parts = [f"{text} {counted}" for text, true in shares.items() if (counted := _counted(true, results))]
    if not reached or not parts:
        return nothing(results)
    sentences = [f"{'It' if number else 'The ticket'} {part}." for number, part in enumerate(parts)]
    if chance := _counted(CHANCE, results):
        sentences.append(f"One random mask is more accurate than another one in {chance}: chance alone.")
    others = apart_from(TICKET, (DENSE, RANDOM, OTHER, REINIT, SAME_COST), results, ACCURACY, LOW, digits=4)
    sentences.append(f"The mean accuracy of tickets is {mean(reached):.4f}; minus it: {'; '.join(others)}.")
    return " ".join(sentences)


OUTLINE = Outline(
    charts=(
        DotChart(
            name="seeds",
            title="Test accuracy of each seed",
            y=ACCURACY,
            y_axis="test accuracy, fraction",
            groups=tuple((line.name, line) for line in (DENSE, TICKET, REINIT, RANDOM, OTHER, SAME_COST)),
            panels="protocol",
        ),
        CurveChart(name="curves", title="Training curves", section="Training", sparsity=LOW),
    ),
    comparisons=accuracy_versus(RANDOM, REINIT, SAME_COST, level=LOW, margin=CLOSE),
    claims=tuple(claim for claim, _ in CLAIMS),
    headline=_headline,
    conclude=_conclude,
    predicted="Written into the study before anything ran. Thirty seeds give the share 30 of 30 the interval from "
    "0.88, and 29 of 30 the interval from 0.83. Two networks of 95 % decide about 5 % of the 400 test images "
    "differently, so the sampling error of a difference is 0.011, and the margin of 0.02 is 1.8 of these errors.",
    would_change="More test images, a harder data set, or a network in which fewer seeds have tickets.",
    doubts=(
        if_below("seeds", 30, "With {value} seeds the interval of a share is wide."),
        "One difference has 400 test images, so a seed may be unlucky in its images alone; all seeds share them.",
        "A seed is a draw of weights, training images and order together; the second order changes the last alone.",
        "A ticket that is ahead by one image counts. The pair of random masks says how often chance does that.",
        "Each arm's rate is chosen by one run a rate, with a seed that is not among the thirty.",
    ),
)
