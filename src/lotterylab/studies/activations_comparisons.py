"""The corrected protocol's comparisons: tickets against their controls, and methods against each other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from lotterylab.asking.methods import METHODS
from lotterylab.reading.differences import Comparison
from lotterylab.reading.lines import Line
from lotterylab.reading.words import called
from lotterylab.studies.activations_options import TICKET_CONTROLS
from lotterylab.studies.activations_predictions import EQUAL_ACCURACY
from lotterylab.studies.protocols import CORRECTED

ACCURACY = "train.test_accuracy"
CONTROLS, PAIRS = "controls", "methods"  # the families of unplanned comparisons
DENSE, DENSE_TOTAL, RANDOM, REINITIALISED = (
    "dense, as many epochs",  # as the ticket's own training
    "dense, total epochs",  # the epochs of finding the ticket included
    "random mask",  # with the ticket's density in each layer
    "reinitialised",
)
OF_THE_TICKET = tuple(word.replace("-", " ") for word in TICKET_CONTROLS)  # of its method and sparsity
DENSE_CONTROLS = {DENSE: "pruned epochs", DENSE_TOTAL: "total epochs"}
# the contrasts of the prediction: (method, sparsity, control); all others are shown with their intervals
PLANNED = (
    ("magnitude", 0.5, DENSE),
    ("magnitude", 0.9, RANDOM),
    ("grasp", 0.9, RANDOM),
    ("first-order", 0.5, RANDOM),
    ("magnitude", 0.9, REINITIALISED),
)


def _line(name: str, method: str, control: str = "") -> Line:
    return Line(name=name, labels={"protocol": CORRECTED.name, "method": method, "control": control})


def _against() -> Iterator[Comparison]:
    for method in METHODS:
        controls = {name: _line(name, "dense", control) for name, control in DENSE_CONTROLS.items()}
        controls |= {name: _line(name, method, name) for name in OF_THE_TICKET}
        for name, control in controls.items():
            yield Comparison(
                key=f"{method} minus {name}",
                a=_line(called(method), method),
                b=control,
                read=ACCURACY,
                what="accuracy",
                margin=EQUAL_ACCURACY,
                digits=3,
                planned=tuple(sparsity for of, sparsity, other in PLANNED if (of, other) == (method, name)),
                family=CONTROLS,
            )


def _pairs() -> Iterator[Comparison]:
    for a, b in combinations(METHODS, 2):
        yield Comparison(
            key=f"{a} against {b}",
            a=_line(called(a), a),
            b=_line(called(b), b),
            read=ACCURACY,
            what="accuracy",
            margin=EQUAL_ACCURACY,
            digits=3,
            planned=(),
            family=PAIRS,
        )


AGAINST_CONTROLS = tuple(_against())
COMPARISONS = (*AGAINST_CONTROLS, *_pairs())
