"""The reading of the study of GraSP and then tickets: lines, claims with what refutes each, charts, its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lotterylab.plan.plan import Prediction
from lotterylab.reading.answers import in_words
from lotterylab.reading.charts import Chart
from lotterylab.reading.claims import Claim
from lotterylab.reading.differences import Difference
from lotterylab.reading.doubts import if_below
from lotterylab.reading.judging import above, apart_from, at, equal, less, level_reached, more, nothing, percent
from lotterylab.reading.lines import Line
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows, mean
from lotterylab.studies.small_cnn import RATE, SMALL
from lotterylab.studies.ticket_lines import ACCURACY, DENSE, MARGIN, accuracy_of, accuracy_of_pairs, cost_chart

QUESTION = "Are there winning tickets inside GraSP's masks, and does it matter that the masks are GraSP's?"
ROUNDS, LEAST_ROUNDS = 4, 2  # from the dense network to the level at which the arms are compared, and the fewest
FACTOR = 1 - RATE.share
# The standard error of a paired difference on 10,000 test images is 0.0045 if two networks disagree on 20 % of them.
# MARGIN, 0.01, is more than two of these errors, and half of EFFECT, the least difference that would matter.
EFFECT = 0.02

LTH, GRASP, MIRROR, RANDOM = "LTH", "GraSP alone", "LTH to 50 %, then GraSP", "random alone"
GRASP_50, GRASP_10 = "GraSP 50 % + LTH", "GraSP 10 % + LTH"
RANDOM_50, RANDOM_10 = "random 50 % + LTH", "random 10 % + LTH"


def inside(sparsity: float, rounds: int) -> float:
    """Return the sparsity after rounds of halving inside a mask, to four digits: the name of a level."""
    return round(1 - (1 - sparsity) * FACTOR**rounds, 4)


def _line(method: str, control: str = "", name: str = "") -> Line:
    return Line(name=name or method, labels={"method": method, "control": control})


LOW = inside(0.0, ROUNDS)  # 6.25 % of the weights
TENTH, LOWEST = inside(0.9, 1), inside(0.9, 2)  # 5 and 2.5 %, inside the masks of 10 %
LINES = {name: _line(name) for name in (LTH, GRASP_50, GRASP_10, RANDOM_50, RANDOM_10, GRASP, RANDOM, MIRROR)}
AGAIN = _line(GRASP_50, "reinitialised", f"{GRASP_50}, re-initialised")
SUB_MASK = _line(GRASP_50, "random sub-mask", f"{GRASP_50}, random sub-mask")
SAME_COST = _line(GRASP_50, "dense same cost", f"dense, at the cost of {GRASP_50}")
LOSS = _line(GRASP_10, name="GraSP's 10 % minus its tickets")
CONTROLS = (AGAIN, SUB_MASK)


def loss_to_parent(row: Any) -> float | None:
    """Return the accuracy of the mask in which a search began minus that of the ticket; None until both are trained."""
    parent, ticket = row.metric("parent.test_accuracy"), row.metric(ACCURACY)
    return None if parent is None or ticket is None else parent - ticket


EQUAL = f"Refuted if the 95 % interval lies outside -{MARGIN:g} to {MARGIN:g}."
BY_EFFECT = f"Refuted if the 95 % interval lies below {EFFECT:g}."
BELOW_0 = "Refuted if the 95 % interval lies above 0."
CLAIMS = (
    (
        Claim(
            key="9a",
            text=f"With 6.25 % of the weights, tickets inside GraSP's 50 % are as accurate as tickets of the dense "
            f"network ({MARGIN:g}).",
            judge=equal(LINES[GRASP_50], LINES[LTH], ACCURACY, LOW, margin=MARGIN),
        ),
        EQUAL,
    ),
    (
        Claim(
            key="9b",
            text=f"GraSP's mask adds nothing: with 6.25 % of the weights, tickets inside its 50 % are as accurate as "
            f"tickets inside a random 50 % ({MARGIN:g}).",
            judge=equal(LINES[GRASP_50], LINES[RANDOM_50], ACCURACY, LOW, margin=MARGIN),
        ),
        EQUAL,
    ),
    (
        Claim(
            key="9c",
            text=f"With 6.25 % of the weights, tickets inside GraSP's 50 % are more accurate than GraSP alone, by more "
            f"than {EFFECT:g}.",
            judge=more(LINES[GRASP_50], LINES[GRASP], ACCURACY, LOW, than=EFFECT),
        ),
        BY_EFFECT,
    ),
    (
        Claim(
            key="9d",
            text=f"With 5 % of the weights, tickets inside GraSP's 10 % are more accurate than GraSP alone, by more "
            f"than {EFFECT:g}.",
            judge=more(LINES[GRASP_10], LINES[GRASP], ACCURACY, TENTH, than=EFFECT),
        ),
        BY_EFFECT,
    ),
    (
        Claim(
            key="9e",
            text=f"There are tickets inside GraSP's 50 %: with 6.25 % of the weights, re-initialising them costs more "
            f"than {EFFECT:g}.",
            judge=more(LINES[GRASP_50], AGAIN, ACCURACY, LOW, than=EFFECT),
        ),
        BY_EFFECT,
    ),
    (
        Claim(
            key="9f",
            text=f"The search matters inside GraSP's 50 %: with 6.25 % of the weights, tickets are more accurate than "
            f"random weights of the same layers inside it, by more than {EFFECT:g}.",
            judge=more(LINES[GRASP_50], SUB_MASK, ACCURACY, LOW, than=EFFECT),
        ),
        BY_EFFECT,
    ),
    (
        Claim(
            key="9g",
            text=f"GraSP's 10 % is too sparse to search in: tickets of 2.5 % are less accurate than GraSP's mask in "
            f"which they were found, by more than {EFFECT:g}.",
            judge=above(LOSS, loss_to_parent, LOWEST, than=EFFECT),
        ),
        BY_EFFECT,
    ),
    (
        Claim(
            key="9h",
            text="The order matters: with 6.25 % of the weights, LTH to 50 % and then GraSP is less accurate than "
            "tickets inside GraSP's 50 %.",
            judge=less(LINES[MIRROR], LINES[GRASP_50], ACCURACY, LOW),
        ),
        BELOW_0,
    ),
    (
        Claim(
            key="9i",
            text="With 6.25 % of the weights, tickets inside GraSP's 50 % are less accurate than the dense network "
            "that is trained for as many epochs as all their runs.",
            judge=less(LINES[GRASP_50], SAME_COST, ACCURACY, LOW),
        ),
        BELOW_0,
    ),
)
PREDICTIONS = tuple(Prediction(key=claim.key, claim=claim.text, expected=refuted) for claim, refuted in CLAIMS)


def _headline(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the tickets inside GraSP's 50 % against those of the dense network."""
    sides = LINES[GRASP_50], LINES[LTH]
    pairs = [pair for pair in differences if pair.planned and (pair.comparison.a, pair.comparison.b) == sides]
    return in_words(pairs[0], "GraSP to 50 %, then LTH", "LTH alone") if pairs else nothing(results)


def _conclude(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the accuracy of GraSP 50 % + LTH at the level of the comparisons, and each other arm minus it."""
    if not results:
        return nothing(results)
    low, base = level_reached(results.where(method=LTH), LOW), LINES[GRASP_50]
    others = (*LINES.values(), *CONTROLS, SAME_COST, DENSE)
    parts = apart_from(base, others, results, ACCURACY, low)
    if not parts:
        return nothing(results)
    reached = mean(at(base, results, ACCURACY, low))
    begin = f"With {percent(low)} of the weights, {base.name} reaches {reached:.3f}."
    return f"{begin} The differences from it are: {'; '.join(parts)}."


OUTLINE = Outline(
    charts=(
        Chart(
            name="accuracy",
            title="Test accuracy of tickets inside GraSP's and random masks",
            lines=(*LINES.values(), *CONTROLS),
            y=ACCURACY,
            y_axis="test accuracy, fraction",
            levels=(DENSE,),
        ),
        cost_chart("protocol", (*LINES.values(), SAME_COST)),
        Chart(
            name="paths",
            title="Kept weights on no path from input to output",
            lines=tuple(LINES.values()),
            y="paths.idle",
            y_axis="fraction of all weights",
        ),
    ),
    comparisons=(
        *accuracy_of_pairs(
            (LINES[GRASP_50], LINES[LTH]),
            (LINES[GRASP_50], LINES[RANDOM_50]),
            (LINES[GRASP_50], SAME_COST),
            (LINES[MIRROR], LINES[GRASP]),
            level=LOW,
        ),
        accuracy_of(f"{GRASP_10} against {RANDOM_10}", LINES[GRASP_10], LINES[RANDOM_10], TENTH),
    ),
    claims=tuple(claim for claim, _ in CLAIMS),
    headline=_headline,
    conclude=_conclude,
    would_change="More seeds, a deeper network, for which GraSP was made, or longer training.",
    predicted="Written into the study before anything ran, with what refutes each. The margin 0.01 is more than two "
    "standard errors of a paired difference on 10,000 test images (0.0045, if two networks disagree on 20 % of them), "
    "and half of 0.02, the least difference that would matter.",
    doubts=(
        "The learning rate is chosen for each parent, for each mask of GraSP alone and for the mirror, by one trial a "
        "rate; tickets keep the rate of their parent.",
        "At 50 % GraSP's cut goes through weights whose score on its few images is exactly 0. Chance decides which of "
        "these stay.",
        "Only GraSP's 50 % has re-initialised tickets, random sub-masks and a dense network at the same cost.",
        "All seeds share their validation and test images, so that intervals over seeds leave the choice of these out.",
        if_below("images", 45_000, SMALL),
        if_below("epochs", 160, "Runs have at most {value} epochs; GraSP's authors train for 160."),
    ),
)
