"""The reading of the study of receptive fields: its lines, claims and charts; written before any run.

Each prediction is refuted by an interval over seeds that lies on its other side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lotterylab.masks.counts import Rate
from lotterylab.reading.charts import Chart
from lotterylab.reading.claims import OR_THE_OTHER_SIDE, Claim, predictions
from lotterylab.reading.differences import Comparison, Difference
from lotterylab.reading.judging import above, at, less, level_reached, more, nothing, percent
from lotterylab.reading.lines import Line
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import interval_text
from lotterylab.statistics import t_interval
from lotterylab.studies.ticket_lines import ACCURACY, DENSE, RANDOM, SAME_COST, TICKET, cost_chart

QUESTION = "Do the kept first-layer weights of a fully connected ticket form local receptive fields?"
RATE, ROUNDS = Rate(share=0.5, output=0.25), 5
LOW = RATE.after(ROUNDS)
MARGIN = 0.003  # of accuracies: 1.5 errors of 97 % on 10,000 images, and a third of the 0.01 that would matter
# a random mask of 300 units with 24 pixels has about 480 pairs of neighbours, so that its ratio has an error of 0.05
LOCAL = 0.1
PLACES, PIXELS, SPREAD = "fields.over_places", "fields.over_pixels", "fields.spread_over_pixels"
LABELS = Line(name="ticket of random labels", labels={"method": "iterative", "control": "corrupted labels"})
HERE = f"At {percent(LOW)} of the weights"


def popularity(row: Any) -> float | None:
    """Return the logarithm of the factor that the choice of pixels explains, minus that of the factor that is left.

    The ratio over random places is the product of the two.
    """
    places, pixels = row.metric(PLACES), row.metric(PIXELS)
    if places is None or pixels is None or places <= 0 or pixels <= 0:
        return None
    return math.log(places / pixels) - math.log(pixels)


CLAIMS = (
    Claim(
        key="1",
        text=f"{HERE} the pixels that a hidden unit keeps are neighbours more often than in masks that keep each pixel "
        f"for as many units, by more than {LOCAL:.0%}.",
        judge=above(TICKET, PIXELS, LOW, than=1 + LOCAL, digits=3),
        published="no number",
        source="pellegrini2022neural",
    ),
    Claim(
        key="a",
        text="This ratio is higher in the ticket than in a random mask of equal counts in each layer, by more than "
        f"{LOCAL:g}.",
        judge=more(TICKET, RANDOM, PIXELS, LOW, than=LOCAL, digits=3),
    ),
    Claim(
        key="b",
        text="Most of the neighbours beyond random places come from the choice of pixels that all units share: the "
        "middle of the image.",
        judge=above(TICKET, popularity, LOW, than=0.0, digits=3),
    ),
    Claim(
        key="c",
        text="The spread of a unit's pixels is smaller than in those masks, by 2 % or more against a random mask.",
        judge=less(TICKET, RANDOM, SPREAD, LOW, than=-0.02, digits=3),
    ),
    Claim(
        key="d",
        text="The task shapes the fields: a ticket found with random labels has a lower ratio.",
        judge=less(LABELS, TICKET, PIXELS, LOW, digits=3),
    ),
    Claim(
        key="e",
        text=f"{HERE} the ticket is more accurate than the random mask, by more than {MARGIN:g}.",
        judge=more(TICKET, RANDOM, ACCURACY, LOW, than=MARGIN),
    ),
    Claim(
        key="f",
        text="The dense network, trained for all steps that the ticket took, is not less accurate than it by "
        f"{MARGIN:g} or more.",
        judge=more(SAME_COST, TICKET, ACCURACY, LOW, than=-MARGIN),
    ),
)
PREDICTIONS = predictions(CLAIMS, OR_THE_OTHER_SIDE)


def _conclude(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the ratio of neighbours of the ticket and of each control."""
    if not results:
        return nothing(results)
    low, parts = level_reached(results, LOW), []
    for line in (TICKET, LABELS, RANDOM):
        ratios = [at(line, results, read, low) for read in (PLACES, PIXELS)]
        if all(ratios):
            places, pixels = (interval_text(t_interval(each.values()), 2) for each in ratios)
            parts.append(f"{line.name} {pixels} (and {places} against random places, n = {len(ratios[0])})")
    if not parts:
        return nothing(results)
    return (
        f"With {percent(low)} of the weights, the pairs of neighbouring pixels that a unit keeps, over those of masks "
        f"that keep each pixel for as many units: {'; '.join(parts)}."
    )


def _over(name: str, title: str, metric: str, axis: str) -> Chart:
    return Chart(name=name, title=title, lines=(TICKET, LABELS, RANDOM), y=metric, y_axis=axis)


def _versus(other: Line, read: str, what: str, margin: float) -> Comparison:
    return Comparison(
        key=f"{what}, {other.name}", a=TICKET, b=other, read=read, what=what, margin=margin, planned=(LOW,)
    )


OUTLINE = Outline(
    charts=(
        _over("neighbours", "Neighbouring pixels of one unit, beyond the choice of pixels", PIXELS, "over chance"),
        _over("places", "Neighbouring pixels of one unit, against random places", PLACES, "over chance"),
        _over("spread", "Spread of a unit's pixels, beyond the choice of pixels", SPREAD, "over chance"),
        Chart(
            name="accuracy",
            title="Test accuracy of the tickets and their controls",
            lines=(TICKET, LABELS, RANDOM),
            y=ACCURACY,
            y_axis="test accuracy, fraction",
            levels=(DENSE,),
        ),
        cost_chart("protocol", (TICKET, SAME_COST)),
    ),
    comparisons=(
        _versus(RANDOM, PIXELS, "neighbours over chance", LOCAL),
        _versus(LABELS, PIXELS, "neighbours over chance", LOCAL),
        *(_versus(other, ACCURACY, "accuracy", MARGIN) for other in (RANDOM, LABELS, SAME_COST)),
    ),
    claims=CLAIMS,
    conclude=_conclude,
    would_change="Natural images, whose pixels all carry something, a larger first layer, or more rounds of pruning.",
    doubts=(
        "MNIST's digits lie in the middle of the image; that units prefer it is taken out, but strokes are local "
        "whatever a unit looks for.",
        "The paper's network reads natural images; strokes on black ground are simpler.",
        "Neighbours are the pixels next to each other. Fields of several patches count as local.",
        "The tickets of all rounds but the last have the learning rate of the dense network.",
    ),
)
