"""The reading of the studies of supermasks: their lines, comparisons and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lotterylab.reading.charts import Chart, DifferenceChart, RateChart
from lotterylab.reading.claims import Claim
from lotterylab.reading.differences import Comparison, Difference
from lotterylab.reading.doubts import if_below
from lotterylab.reading.judging import at, minus, nothing
from lotterylab.reading.lines import Line
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows, mean
from lotterylab.reading.words import interval_text
from lotterylab.statistics import t_interval
from lotterylab.studies.ticket_lines import ACCURACY, accuracy_of_pair

LEVELS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15)  # rounds of 20 %: 80 to 3.6 % of the weights
DRAWN, CONSTANT = "drawn", "constant"  # initial weights, and one magnitude a layer with their signs
UNTRAINED, TRAINED, RANDOM, SAME_COST = "untrained", "trained", "random mask, trained", "dense same cost"
UNTRAINED_ACCURACY, ON_VALIDATION = "untrained.test_accuracy", "untrained.validation_accuracy"
ALL = 0.0  # learned masks are asked for no sparsity
NAMES = {
    "supermask": "supermask",
    "rescaled": "supermask, rescaled",
    "edge-popup": "edge-popup",
    "iterand": "IteRand",
    "continuous": "continuous sparsification",
}


def over(method: str, start: str) -> str:
    """Return the label of a method over a kind of weights."""
    return method if start == DRAWN else f"{method}, {start}"


def _line(name: str, method: str, start: str = DRAWN, control: str = "") -> Line:
    return Line(name=name, labels={"method": over(method, start), "control": control})


LEARNED = {method: _line(name, method) for method, name in NAMES.items()}
CONSTANTS = {
    method: _line(f"{NAMES[method]}, constant", method, CONSTANT) for method in ("supermask", "rescaled", "edge-popup")
}
CUT = {
    "large final": _line("large final", "large final", control=UNTRAINED),
    "same sign": _line("large final, same sign", "same sign", control=UNTRAINED),
}
CUT_CONSTANT = {
    "large final": _line("large final, constant", "large final", CONSTANT, UNTRAINED),
    "same sign": _line("large final, same sign, constant", "same sign", CONSTANT, UNTRAINED),
}
TICKETS = {
    method: _line(f"{NAMES[method]}, trained", method, control=TRAINED)
    for method in ("supermask", "edge-popup", "continuous")
}
SHUFFLED = {method: _line(f"{NAMES[method]}, shuffled, trained", method, control=RANDOM) for method in TICKETS}
DENSE = _line("dense, trained", "dense")
LONGER = _line("dense, at a trained mask's cost", "dense", control=SAME_COST)
UNTOUCHED = (*(line for method, line in LEARNED.items() if method != "continuous"), *CONSTANTS.values())
LEARN, TICKET, COST = "learned masks", "trained masks", "trained masks, equal cost"


MASK, POPUP = LEARNED["supermask"], LEARNED["edge-popup"]
FEWER_EPOCHS = if_below(
    "epochs", 2_000, "Masks learn for {value} epochs; the paper's for 2,000, so they may be unfinished."
)


def _versus(a: Line, b: Line, family: str, margin: float) -> Comparison:
    return accuracy_of_pair(a, b, ALL, margin=margin, family=family)


def _conclude(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the accuracy of each learned mask, beside that of the trained network."""
    known = ((line.name, at(line, results, ACCURACY, ALL)) for line in (*LEARNED.values(), *CONSTANTS.values()))
    each = [f"{name} {mean(values):.4f}" for name, values in known if values]
    if not each or not (dense := at(DENSE, results, ACCURACY, ALL)):
        return nothing(results)
    return f"Test accuracy under learned masks: {', '.join(each)}. With all weights trained: {mean(dense):.4f}."


def _headline(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the accuracy of a supermask over drawn weights minus that of the trained network."""
    apart = minus(at(MASK, results, ACCURACY, ALL), at(DENSE, results, ACCURACY, ALL))
    if not apart:
        return nothing(results)
    size = interval_text(t_interval(apart.values()), 4, sign=True)
    return f"Untrained weights under a learned mask, minus trained weights: {size} in accuracy (n = {len(apart)})."


def outline(claims: Mapping[Claim, str], learners: Sequence[str], *, margin: float, why: str, doubt: str) -> Outline:
    """Return the outline of a study.

    Args:
        claims: each with what refutes it.
        learners: the ways in which the study learns masks.
        margin: within which accuracies are equal.
        why: the reason of the margin.
        doubt: the study's own.
    """
    learned = tuple(line for lines in (LEARNED, CONSTANTS) for method, line in lines.items() if method in learners)
    tickets = [method for method in TICKETS if method in learners]
    return Outline(
        charts=(
            DifferenceChart(
                name="learned",
                title="Test accuracy under a learned mask, minus that of a supermask over drawn weights",
                family=LEARN,
                x_axis="difference of test accuracy",
            ),
            DifferenceChart(
                name="tickets",
                title="Test accuracy of trained learned masks, minus that of random places",
                family=TICKET,
                x_axis="difference of test accuracy",
            ),
            Chart(
                name="accuracy",
                title="Test accuracy under learned masks, over the weights that they keep",
                within={"control": ""},
                lines=learned,
                y=ACCURACY,
                y_axis="test accuracy, fraction",
                x="train.learned_density",
                x_axis="weights that the learned mask keeps, fraction",
                levels=(DENSE,),
            ),
            Chart(
                name="untrained",
                title="Test accuracy of cut masks on weights that were never trained",
                within={"control": UNTRAINED},
                lines=(*CUT.values(), *CUT_CONSTANT.values()),
                y=UNTRAINED_ACCURACY,
                y_axis="test accuracy, fraction",
                chance=True,
            ),
            RateChart(name="rates", title="Trials of the learning rate of gates"),
        ),
        comparisons=(
            *(_versus(line, MASK, LEARN, margin) for line in learned if line != MASK),
            *(_versus(TICKETS[method], SHUFFLED[method], TICKET, margin) for method in tickets),
            *(_versus(TICKETS[method], LONGER, COST, margin) for method in tickets),
        ),
        claims=tuple(claims),
        conclude=_conclude,
        headline=_headline,
        predicted=f"Written into the study before anything ran. {why}",
        after_a_look="Tiny runs on 8x8 digits showed that all gates learn. Nothing was run on the study's data before.",
        would_change="More epochs: the paper's supermasks learn for 2,000.",
        doubts=(
            "A gate's rate is chosen by one run a rate; the dense network has the paper's rate.",
            "Continuous sparsification trains the weights with the mask, and IteRand draws some anew; the other gates "
            "leave them as they were drawn.",
            "A sampled supermask is tested under one drawn mask, by the same draws for all seeds.",
            "Edge-popup and IteRand keep half of each layer; other shares were not tried.",
            "A cut mask stands in the list of runs with the dense run that found it, whose accuracy is not its own.",
            doubt,
            FEWER_EPOCHS,
        ),
    )
