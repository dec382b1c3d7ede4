"""The reading of the alignment studies: their lines, claims and charts, for a margin and a level; before any run.

Each prediction is refuted by an interval over seeds that lies on its other side.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from lotterylab.reading.charts import Chart, DotChart, Entry, NumberTable
from lotterylab.reading.claims import Claim
from lotterylab.reading.differences import Difference
from lotterylab.reading.doubts import Doubt
from lotterylab.reading.judging import apart_from, at, gains_more, less, level_reached, more, nothing, percent
from lotterylab.reading.lines import Line
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows, mean
from lotterylab.studies.ticket_lines import ACCURACY, DENSE, accuracy_of_pairs, cost_chart

QUESTION = "Does a ticket's mask serve another network once its units are in that network's order?"
BARRIER, KAPPA = "barrier.loss_barrier", "overlap.kappa"
OWN = Line(name="own ticket", labels={"method": "iterative", "control": ""})
ALIGNED = Line(name="another's mask, aligned", labels={"method": "aligned", "control": ""})
AS_IT_IS = Line(name="another's mask, as it is", labels={"method": "aligned", "control": "not aligned"})
RANDOM = Line(name="random mask", labels={"method": "aligned", "control": "random mask"})
SAME_COST = Line(name="dense, at the aligned cost", labels={"method": "aligned", "control": "dense same cost"})
ARMS = (OWN, ALIGNED, AS_IT_IS, RANDOM)


def claims(level: float, margin: float) -> tuple[Claim, ...]:
    """Return the published claim and our predictions, at the level that the aligned masks have."""
    here, by = f"At {percent(level)} of the weights", f"by more than {margin:g}"
    return (
        Claim(
            key="1",
            text=f"{here} the aligned mask of another network trains to a better accuracy than the mask as it is.",
            judge=more(ALIGNED, AS_IT_IS, ACCURACY, level),
            published="a significant increase",
            source="adnan2025sparse",
        ),
        Claim(
            key="a",
            text=f"{here} alignment closes more than half of the gap: the aligned mask gains more over the mask as it "
            "is than the network's own ticket gains over the aligned mask.",
            judge=gains_more((ALIGNED, AS_IT_IS), (OWN, ALIGNED), ACCURACY, level),
        ),
        Claim(
            key="b",
            text=f"{here} the network's own ticket is still better than the aligned mask, {by}: layers of this width "
            "are matched only in part.",
            judge=more(OWN, ALIGNED, ACCURACY, level, than=margin),
        ),
        Claim(
            key="c",
            text=f"{here} the aligned mask is better than a random mask of equal counts in each layer, {by}.",
            judge=more(ALIGNED, RANDOM, ACCURACY, level, than=margin),
        ),
        Claim(
            key="d",
            text=f"{here} the mask as it is is better than that random mask too: it knows which inputs matter.",
            judge=more(AS_IT_IS, RANDOM, ACCURACY, level),
        ),
        Claim(
            key="e",
            text="Alignment lowers the barrier of the loss between the two dense networks.",
            judge=less(ALIGNED, AS_IT_IS, BARRIER, level),
        ),
        Claim(
            key="f",
            text="The aligned mask agrees more with the network's own ticket than the mask as it is, beyond chance.",
            judge=more(ALIGNED, AS_IT_IS, KAPPA, level),
        ),
        Claim(
            key="g",
            text="The dense network, trained for all steps that the aligned ticket took, is more accurate than it.",
            judge=more(SAME_COST, ALIGNED, ACCURACY, level),
        ),
    )


def outline(level: float, margin: float, *, doubts: tuple[Doubt, ...], would_change: str) -> Outline:
    """Return the reading of one of the studies."""
    pairs = ((ALIGNED, AS_IT_IS), (ALIGNED, OWN), (ALIGNED, RANDOM), (AS_IT_IS, RANDOM), (ALIGNED, SAME_COST))
    return Outline(
        charts=(
            DotChart(
                name="accuracy",
                title="Test accuracy of one network with four masks of equal size",
                y=ACCURACY,
                y_axis="test accuracy, fraction",
                groups=tuple((line.name, line) for line in (DENSE, *ARMS)),
            ),
            Chart(
                name="overlap",
                title="Agreement with the network's own ticket beyond chance",
                lines=(ALIGNED, AS_IT_IS),
                y=KAPPA,
                y_axis="Cohen's kappa: 0 chance, 1 equal",
            ),
            cost_chart("protocol", (*ARMS, SAME_COST)),
        ),
        tables=(
            NumberTable(
                name="barriers",
                title="Barriers between the two dense networks",
                how="The largest rise of the loss (validation images) above the straight line between the ends. Mean "
                "over pairs of networks.",
                columns=("the other network", "barrier of the loss", "agreement of the masks (kappa)"),
                rows=tuple(
                    (name, tuple(Entry(line=line, read=read, sparsity=level) for read in (BARRIER, KAPPA)))
                    for name, line in (("aligned", ALIGNED), ("as it is", AS_IT_IS))
                ),
            ),
        ),
        comparisons=accuracy_of_pairs(*pairs, level=level, margin=margin),
        claims=claims(level, margin),
        conclude=partial(conclude, level=level),
        doubts=(
            "The units are matched by their weights; the paper matches their activations on images.",
            "The learning rate is chosen for each arm by one trial a rate, with a pair of networks of its own.",
            "Each network stands in one pair, so that pairs are independent, but the two masks of a pair are not drawn "
            "from several orders of the data.",
            *doubts,
        ),
        would_change=would_change,
    )


def conclude(results: Rows, differences: Sequence[Difference], level: float) -> str:
    """Return the accuracy of the aligned mask, and each other arm minus it."""
    if not results:
        return nothing(results)
    low = level_reached(results, level)
    parts = apart_from(ALIGNED, (OWN, AS_IT_IS, RANDOM, DENSE, SAME_COST), results, ACCURACY, low)
    if not parts:
        return nothing(results)
    reached = mean(at(ALIGNED, results, ACCURACY, low))
    begin = f"With {percent(low)} of the weights the aligned mask of another network reaches {reached:.3f}."
    return f"{begin} The differences from it are: {'; '.join(parts)}."
