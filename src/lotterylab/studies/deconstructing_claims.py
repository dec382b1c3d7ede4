"""The reading of the study ``deconstructing``: its lines, its predictions from before the runs, its figures.

All predictions are at 3.6 % of the weights unless they name another level.   [zhou2019deconstructing]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lotterylab.reading.charts import Chart, DifferenceChart
from lotterylab.reading.claims import Claim, refutable
from lotterylab.reading.differences import Comparison, Difference
from lotterylab.reading.joint import none_above
from lotterylab.reading.judging import (
    Judge,
    above_at_best,
    apart_from,
    at,
    equal,
    less,
    level_reached,
    more,
    nothing,
    percent,
)
from lotterylab.reading.lines import Line, of
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows, mean, read_from
from lotterylab.studies.lenet_arms import APART, FEWER_STEPS, LOW, MARGIN, MIDDLE, WHY
from lotterylab.studies.ticket_lines import ACCURACY, DENSE, accuracy_of_pair, cost_chart

QUESTION = "Which parts of a winning ticket matter: the criterion of its mask, the signs of what stays, or the zeros?"
ONE_SHOT, ITERATIVE, KEPT, REMOVED, UNTRAINED = "one-shot", "iterative", "kept weights", "removed weights", "untrained"
LEVELS = (3, 5, 7, 9, 11, 13, 15, 18)  # rounds of 20 %: 51 to 1.8 % of the weights, for untrained masks
UNTRAINED_ACCURACY, ON_VALIDATION = "untrained.test_accuracy", "untrained.validation_accuracy"

MASKS = (
    *("large final", "small final", "large init", "small init", "large init, large final", "small init, small final"),
    *("magnitude increase", "movement", "random"),
)
OF_SIGN = (
    *("large final, same sign", "large final, other sign"),
    *("magnitude increase, same sign", "magnitude increase, other sign"),
)
VALUES = {  # of the kept weights: the label of the row, and its name on the page
    "rewind": "rewound weights",
    "fresh": "fresh weights",
    "fresh, signs kept": "fresh weights, signs kept",
    "permuted": "permuted in the layer",
    "permuted, signs kept": "permuted in the layer, signs kept",
    "reshuffled": "permuted among the kept",
    "reshuffled, signs kept": "permuted among the kept, signs kept",
    "constant, random signs": "one constant, random signs",
    "constant, signs kept": "one constant, signs kept",
}
HELD = {"zero": "removed at 0", "frozen": "removed as drawn", "zero if shrunk": "removed at 0 if shrunk"}


def _lines(protocol: str, names: Mapping[str, str], control: str = "") -> dict[str, Line]:
    labels = {"protocol": protocol, "control": control}
    return {method: Line(name=name, labels={**labels, "method": method}) for method, name in names.items()}


ONCE = _lines(ONE_SHOT, {name: name for name in MASKS})
ROUNDS = _lines(ITERATIVE, {name: f"{name}, iterative" for name in ("large final", "magnitude increase", "movement")})
START = _lines(KEPT, VALUES)
HOLD = _lines(REMOVED, HELD)
BARE = _lines(UNTRAINED, {name: f"{name}, untrained" for name in (*MASKS, *OF_SIGN)}, "untrained")
LARGE, SMALL, GROWN, RANDOM = (ONCE[name] for name in ("large final", "small final", "magnitude increase", "random"))
REWIND, ZERO = START["rewind"], HOLD["zero"]
SIGNED, UNSIGNED = START["constant, signs kept"], START["constant, random signs"]
LONGER = {
    name: of(
        Line(name="dense, at the ticket's cost", labels={"method": "dense", "control": "dense same cost"}),
        protocol=name,
    )
    for name in (ONE_SHOT, ITERATIVE)
}


def error(row: Any) -> float | None:
    """Return the share of the test images that a trained network misclassifies."""
    accuracy = read_from(row, ACCURACY)
    return None if accuracy is None else 1 - accuracy


def _claim(key: str, text: str, judge: Judge, published: str = "") -> Claim:
    return Claim(key=key, text=text, judge=judge, published=published)


OURS: dict[Claim, str] = {  # each with what refutes it
    _claim(
        "c1",
        f"Large final weights make a mask at most {MARGIN:g} less accurate than magnitude increase.",
        more(LARGE, GROWN, ACCURACY, LOW, than=-MARGIN),
    ): f"an interval below -{MARGIN:g}",
    _claim(
        "c2",
        f"Large final is more accurate than a random mask by more than {APART:g}.",
        more(LARGE, RANDOM, ACCURACY, LOW, than=APART),
    ): f"an interval below {APART:g}",
    _claim(
        "c3",
        f"Magnitude increase is more accurate than a random mask by more than {APART:g}.",
        more(GROWN, RANDOM, ACCURACY, LOW, than=APART),
    ): f"an interval below {APART:g}",
    _claim(
        "c4",
        "Small final is the least accurate of the nine criteria.",
        none_above([line for line in ONCE.values() if line != SMALL], SMALL, error, LOW, than=0.0),
    ): "an interval above 0 of the error of another criterion minus that of small final",
    _claim(
        "c5",
        f"Large final is more accurate in rounds than at once, by more than {MARGIN:g}.",
        more(ROUNDS["large final"], LARGE, ACCURACY, LOW, than=MARGIN),
    ): f"an interval below {MARGIN:g}",
    _claim(
        "k1",
        f"With one constant a layer and their signs, kept weights are as good as rewound ones ({APART:g}).",
        equal(SIGNED, REWIND, ACCURACY, LOW, margin=APART),
    ): f"an interval outside {APART:g}",
    _claim(
        "k2",
        f"With random signs the constant is less accurate than with its own, by more than {APART:g}.",
        less(UNSIGNED, SIGNED, ACCURACY, LOW, than=-APART),
    ): f"an interval above -{APART:g}",
    _claim(
        "k3",
        f"Permuted in the layer, initial weights are less accurate than rewound ones by more than {APART:g}.",
        less(START["permuted"], REWIND, ACCURACY, LOW, than=-APART),
    ): f"an interval above -{APART:g}",
    _claim(
        "k4",
        f"Permuted among the kept, they are less accurate than rewound ones by more than {APART:g}.",
        less(START["reshuffled"], REWIND, ACCURACY, LOW, than=-APART),
    ): f"an interval above -{APART:g}",
    _claim(
        "k5",
        f"Permuted among the kept with signs kept, they are as good as rewound ones ({APART:g}).",
        equal(START["reshuffled, signs kept"], REWIND, ACCURACY, LOW, margin=APART),
    ): f"an interval outside {APART:g}",
    _claim(
        "r1",
        "Removed weights that are frozen as drawn make a less accurate network than removed weights at 0.",
        less(HOLD["frozen"], ZERO, ACCURACY, LOW),
    ): "an interval above 0",
    _claim(
        "r2",
        f"With 0 for those that shrank, and the others frozen, it is at most {MARGIN:g} less accurate than with 0.",
        more(HOLD["zero if shrunk"], ZERO, ACCURACY, LOW, than=-MARGIN),
    ): f"an interval below -{MARGIN:g}",
    _claim(
        "r3",
        "With 0 for those that shrank it is more accurate than with all frozen.",
        more(HOLD["zero if shrunk"], HOLD["frozen"], ACCURACY, LOW),
    ): "an interval below 0",
    _claim(
        "u1",
        "Untrained, the mask of large final weights of the same sign reaches more than 0.70 at its best level, which "
        "validation images choose.",
        above_at_best(BARE["large final, same sign"], UNTRAINED_ACCURACY, by=ON_VALIDATION, than=0.70),
        "86 %",
    ): "an interval below 0.70",
    _claim(
        "u2",
        "Untrained, with 8.7 % of the weights, it is more accurate than the mask of large final weights.",
        more(BARE["large final, same sign"], BARE["large final"], UNTRAINED_ACCURACY, MIDDLE),
    ): "an interval below 0",
    _claim(
        "u3",
        "Untrained, with 8.7 % of the weights, large final is more accurate than a random mask by more than 0.1.",
        more(BARE["large final"], BARE["random"], UNTRAINED_ACCURACY, MIDDLE, than=0.1),
    ): "an interval below 0.1",
    _claim(
        "d1",
        f"With 8.7 % of the weights the one-shot ticket is not {MARGIN:g} more accurate than the dense network trained "
        "for as long as both its runs.",
        less(LARGE, LONGER[ONE_SHOT], ACCURACY, MIDDLE, than=MARGIN),
    ): f"an interval above {MARGIN:g}",
    _claim(
        "d2",
        f"The iterative ticket is not {MARGIN:g} more accurate than the dense network trained for as long as all its "
        "runs.",
        less(ROUNDS["large final"], LONGER[ITERATIVE], ACCURACY, LOW, than=MARGIN),
    ): f"an interval above {MARGIN:g}",
}
PREDICTIONS = refutable(OURS.items())


def _versus(a: Line, b: Line, family: str, *, planned: bool = False, level: float = LOW) -> Comparison:
    return accuracy_of_pair(a, b, level, margin=MARGIN, family=family, planned=planned)


PLANNED = (ONCE["large final"], GROWN, SIGNED, *(START[name] for name in ("permuted", "reshuffled")), *HOLD.values())
COMPARISONS = (
    _versus(SIGNED, UNSIGNED, "", planned=True),
    *(_versus(line, RANDOM, "criteria", planned=line in PLANNED) for line in ONCE.values() if line != RANDOM),
    *(_versus(line, REWIND, KEPT, planned=line in PLANNED) for line in START.values() if line != REWIND),
    *(_versus(line, ZERO, REMOVED, planned=line in PLANNED) for line in HOLD.values() if line != ZERO),
    *(_versus(line, ONCE[name], "rounds") for name, line in ROUNDS.items()),
    _versus(LARGE, LONGER[ONE_SHOT], "", planned=True, level=MIDDLE),
    _versus(ROUNDS["large final"], LONGER[ITERATIVE], "", planned=True),
)


def _conclude(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the rewound ticket's accuracy, each other arm minus it, and the best untrained masks."""
    low = level_reached(results.where(protocol=KEPT), LOW)
    if not (reached := at(REWIND, results, ACCURACY, low)):
        return nothing(results)
    parts = {
        "Other kept weights": apart_from(REWIND, START.values(), results, ACCURACY, low, digits=4),
        "Other removed weights": apart_from(ZERO, HOLD.values(), results, ACCURACY, low, digits=4),
        "Other criteria": apart_from(LARGE, ONCE.values(), results, ACCURACY, low, digits=4),
    }
    text = f"With {percent(low)} of the weights, the ticket of large final weights reaches {mean(reached):.4f}."
    return " ".join([text, *(f"{what}, minus it: {'; '.join(each)}." for what, each in parts.items() if each)])


def _difference_chart(name: str, title: str, family: str) -> DifferenceChart:
    return DifferenceChart(name=name, title=title, family=family, x_axis="difference of test accuracy")


OUTLINE = Outline(
    charts=(
        _difference_chart("kept", "Test accuracy with other kept weights, minus that with rewound ones", KEPT),
        _difference_chart("removed", "Test accuracy with other removed weights, minus that with zeros", REMOVED),
        _difference_chart("criteria", "Test accuracy of one-shot masks, minus that of random ones", "criteria"),
        Chart(
            name="accuracy",
            title="Test accuracy of masks, cut at once and in rounds",
            within={"protocol": (ONE_SHOT, ITERATIVE)},
            lines=(*ONCE.values(), *ROUNDS.values()),
            y=ACCURACY,
            y_axis="test accuracy, fraction",
            levels=(DENSE,),
        ),
        Chart(
            name="untrained",
            title="Test accuracy of masks on the untrained network",
            within={"protocol": UNTRAINED},
            lines=tuple(BARE.values()),
            y=UNTRAINED_ACCURACY,
            y_axis="test accuracy, fraction",
            chance=True,
        ),
        cost_chart("protocol", (LARGE, ROUNDS["large final"], *LONGER.values())),
    ),
    comparisons=COMPARISONS,
    claims=tuple(OURS),
    conclude=_conclude,
    predicted=f"Written into the study before anything ran. {WHY}",
    after_a_look="Results of lth-mnist were known. It trains the same network on five of these seeds: tickets of large "
    "final weights, random masks and permuted weights. Claims c2, c5, k3 and k4 are no surprise after it.",
    would_change="More seeds, the paper's 50,000 steps, or a network with convolutions.",
    doubts=(
        "An arm's rate is chosen for 3.6 % of the weights by one run a rate.",
        "Runs that find masks and the dense network at a ticket's cost have the rate of the dense network.",
        "Iterative pruning has four trainings with several rounds of 20 % between them; the paper's has one a round.",
        "An untrained mask stands in the list of runs with the dense run that found it, whose accuracy is not its own.",
        "The initial weights are from Glorot's normal distribution; biases are drawn at 0 and trained in all arms.",
        FEWER_STEPS,
    ),
)
