"""The reading of the transfer study: its lines, claims and charts; written before any run.

Each prediction is refuted by an interval over seeds that lies on its other side.
"""

from __future__ import annotations

from collections.abc import Sequence

from lotterylab.reading.charts import Chart, DotChart
from lotterylab.reading.claims import OR_THE_OTHER_SIDE, Claim, predictions
from lotterylab.reading.differences import Difference
from lotterylab.reading.doubts import if_below
from lotterylab.reading.judging import apart_from, at, level_reached, more, nothing, percent
from lotterylab.reading.lines import Line
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows, mean
from lotterylab.studies.small_cnn import RATE, SMALL
from lotterylab.studies.ticket_lines import ACCURACY, DENSE, accuracy_of_pairs, cost_chart

QUESTION = "Does a ticket serve another task, or another optimizer, as well as a ticket that was found there?"
ROUNDS = 4
LOW = RATE.after(ROUNDS)
MARGIN = 0.01  # accuracies of 75 % on 4,500 images have an error of 0.0065; half of the 0.02 that would matter
METHODS = {  # where the ticket was found: the optimizer and the task
    "own": ("sgd", "target"),
    "other classes": ("sgd", "source"),
    "adam": ("adam", "target"),
}
NAMES = {"own": "own ticket", "other classes": "ticket of other classes", "adam": "Adam's ticket"}
SHORT = {
    "random mask": "random mask",
    "reinitialised": "re-initialised",
    "dense same cost": "dense, at the cost of it",
}


def line(method: str, control: str = "") -> Line:
    """Return the line of a method, or of one of its controls."""
    name = f"{NAMES[method]}: {SHORT[control]}" if control else NAMES[method]
    return Line(name=name, labels={"method": method, "control": control})


OWN, CLASSES, ADAM = (line(method) for method in METHODS)
RANDOM, REINIT, SAME_COST = (line("other classes", control) for control in SHORT)
HERE = f"At {percent(LOW)} of the weights"


def _published(key: str, text: str, a: Line, b: Line) -> Claim:
    return Claim(key=key, text=text, judge=more(a, b, ACCURACY, LOW), published="no number", source="morcos2019one")


CLAIMS = (
    _published("1", f"{HERE} the ticket of other classes is more accurate than a random mask.", CLASSES, RANDOM),
    _published(
        "2",
        f"{HERE} Adam's ticket, trained by SGD, is more accurate than a random mask.",
        ADAM,
        line("adam", "random mask"),
    ),
    Claim(
        key="a",
        text=f"{HERE} the ticket of other classes is not less accurate than the target's own by {MARGIN:g} or more.",
        judge=more(CLASSES, OWN, ACCURACY, LOW, than=-MARGIN),
    ),
    Claim(
        key="b",
        text=f"{HERE} Adam's ticket is not less accurate than SGD's own by {MARGIN:g} or more.",
        judge=more(ADAM, OWN, ACCURACY, LOW, than=-MARGIN),
    ),
    Claim(
        key="c",
        text=f"{HERE} the ticket of other classes is better than its mask re-initialised, by more than {MARGIN:g}: the "
        "weights are carried over too.",
        judge=more(CLASSES, REINIT, ACCURACY, LOW, than=MARGIN),
    ),
    Claim(
        key="d",
        text=f"{HERE} the mask of other classes, re-initialised, is better than a random mask: part of the gain is "
        "that of its places.",
        judge=more(REINIT, RANDOM, ACCURACY, LOW),
    ),
    Claim(
        key="e",
        text="The mask of other classes agrees more with the target's own than Adam's does, beyond chance.",
        judge=more(CLASSES, ADAM, "overlap.kappa", LOW),
    ),
    Claim(
        key="f",
        text="The dense network, trained on the target for all steps that the ticket of other classes took, is more "
        "accurate than it.",
        judge=more(SAME_COST, CLASSES, ACCURACY, LOW),
    ),
)
PREDICTIONS = predictions(CLAIMS, OR_THE_OTHER_SIDE)
COMPARED = (
    (CLASSES, OWN),
    (ADAM, OWN),
    *((line(method), line(method, control)) for method in ("other classes", "adam") for control in SHORT),
)


def _conclude(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the accuracy of the target's own ticket, and each transferred ticket and control minus it."""
    if not results:
        return nothing(results)
    low = level_reached(results, LOW)
    parts = apart_from(OWN, (CLASSES, ADAM, RANDOM, REINIT, DENSE, SAME_COST), results, ACCURACY, low)
    if not parts:
        return nothing(results)
    reached = mean(at(OWN, results, ACCURACY, low))
    begin = f"With {percent(low)} of the weights the target's own ticket reaches {reached:.3f}."
    return f"{begin} The differences from it are: {'; '.join(parts)}."


OUTLINE = Outline(
    charts=(
        DotChart(
            name="accuracy",
            title="Test accuracy on the target",
            y=ACCURACY,
            y_axis="test accuracy, fraction",
            groups=tuple((each.name, each) for each in (DENSE, OWN, CLASSES, ADAM, RANDOM, REINIT)),
        ),
        Chart(
            name="overlap",
            title="Agreement with the target's own mask beyond chance",
            lines=(CLASSES, ADAM),
            y="overlap.kappa",
            y_axis="Cohen's kappa: 0 chance, 1 equal",
        ),
        cost_chart("protocol", (OWN, CLASSES, ADAM, SAME_COST)),
    ),
    comparisons=accuracy_of_pairs(*COMPARED, level=LOW, margin=MARGIN),
    claims=CLAIMS,
    conclude=_conclude,
    would_change="A source with other images, as ImageNet is for the paper, a deeper network, or more source images.",
    doubts=(
        "Source and target are classes of one collection of photographs, so the transfer is a near one. The files at "
        "hand have no second data set of this shape and number of classes.",
        "The paper goes back to a step shortly after the initial weights; here tickets go back to step 0.",
        "The learning rate is chosen for each arm by one trial a rate.",
        "A trial of a rate has other training images than the runs that use it.",
        if_below("images", 25_000, SMALL),
    ),
)
