"""The corrected protocol's contrasts: each ticket against its controls, paired by seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TypeAlias

from lotterylab.reading.caveats import caveat, twice_chance
from lotterylab.reading.questions import FEWEST, Outcome, Word, is_equal, outcome
from lotterylab.reading.rows import Rows, in_common, mean
from lotterylab.statistics import Interval, differences, holm, p_value, t_interval
from lotterylab.studies.activations_options import TICKET_CONTROLS
from lotterylab.studies.activations_predictions import EQUAL_ACCURACY, LEFT_CHANCE
from lotterylab.studies.protocols import CORRECTED

ACCURACY = "train.test_accuracy"
DENSE, DENSE_TOTAL, RANDOM, REINITIALISED = (
    "dense, as many epochs",  # as the ticket is trained for
    "dense, total epochs",  # those of finding the ticket included
    "random mask",  # of the ticket's density in each layer
    "reinitialised",
)
ARM = ("activation", "method", "sparsity", "control")
OF_THE_TICKET = tuple(word.replace("-", " ") for word in TICKET_CONTROLS)  # of its method and sparsity
Side: TypeAlias = "tuple[str, Rows]"  # a name and its rows
# The contrasts that the prediction speaks of, (method, sparsity, against): the family that is corrected for its size.
# All others are shown with their intervals, and decide nothing.
PLANNED = (
    ("magnitude", 0.5, DENSE),
    ("magnitude", 0.9, RANDOM),
    ("grasp", 0.9, RANDOM),
    ("first-order", 0.5, RANDOM),
    ("magnitude", 0.9, REINITIALISED),
)


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Accuracy of a ticket minus that of a control, over the seeds that both have.

    ``equal``: whether they are equal within the margin.  ``p``: two-sided, None for one seed.  ``p_holm``: adjusted
    for the family of planned contrasts over all activations; None for the others.  ``at_chance``: a side has not left
    chance in the mean, so that the difference is about who leaves it first.
    """

    activation: str
    method: str
    sparsity: float
    against: str
    values: tuple[float, ...]
    interval: Interval
    equal: Word
    p: float | None
    p_holm: float | None = None
    at_chance: bool = False

    @property
    def key(self) -> tuple[str, float, str]:
        """What is compared, whatever the activation."""
        return (self.method, self.sparsity, self.against)


def contrasts(results: Rows) -> list[Contrast]:
    """All contrasts of which at least one seed has both runs."""
    found = list(_contrasts(results.where(protocol=CORRECTED.name)))
    family = {number: one.p for number, one in enumerate(found) if one.key in PLANNED and one.p is not None}
    adjusted = holm(family)
    return [replace(one, p_holm=adjusted.get(number)) for number, one in enumerate(found)]


def _contrasts(rows: Rows) -> Iterator[Contrast]:
    arms = {arm: own.per_seed(ACCURACY) for arm, own in rows.by(*ARM).items()}
    chance = twice_chance(rows) or LEFT_CHANCE
    for (activation, method, sparsity, control), accuracy in arms.items():
        if method == "dense" or control:
            continue
        for against, control_arm in _held_against(method, sparsity).items():
            other = arms.get((activation, *control_arm), {})
            values = differences(accuracy, other)
            if values:
                yield Contrast(
                    activation=activation,
                    method=method,
                    sparsity=sparsity,
                    against=against,
                    values=tuple(values),
                    interval=t_interval(values),
                    equal=is_equal(values, EQUAL_ACCURACY),
                    p=p_value(values),
                    at_chance=any(mean(side) < chance for side in in_common(accuracy, other)),
                )


def _held_against(method: str, sparsity: float) -> dict[str, tuple[str, float, str]]:
    """Method, sparsity and control of each run that a ticket is held against."""
    dense = {DENSE: ("dense", 0.0, "pruned epochs"), DENSE_TOTAL: ("dense", 0.0, "total epochs")}
    return {**dense, **{control: (method, sparsity, control) for control in OF_THE_TICKET}}


@dataclass(frozen=True, kw_only=True)
class MethodContrast:
    """Accuracy of method ``a`` minus that of ``b``, over the seeds that both have.

    ``p_holm``: adjusted for the family of all pairs at all sparsities and activations of the study; None for fewer
    than three seeds, and where a caveat says why nothing can be said.
    """

    activation: str
    sparsity: float
    a: str
    b: str
    interval: Interval
    equal: Word
    caveat: str = ""
    p_holm: float | None = None

    @property
    def outcome(self) -> Outcome:
        """Whether a is more accurate than b; equivalence is within the study's margin."""
        return outcome(self.interval, self.p_holm, self.equal, self.caveat)

    @property
    def better(self) -> str | None:
        """The method that is better, where one is said to be."""
        return {"more": self.a, "less": self.b}.get(self.outcome)

    @property
    def says(self) -> str:
        """The outcome in words."""
        if self.better is not None:
            return f"{self.better} is better"
        return f"equal within {EQUAL_ACCURACY:g}" if self.outcome == "equal" else "cannot be said"


def between_methods(results: Rows) -> list[MethodContrast]:
    """All pairs of the corrected protocol's methods, at each sparsity."""
    rows = results.where(protocol=CORRECTED.name, control="")
    arms = {arm: own for arm, own in rows.by(*ARM[:3]).items() if arm[1] != "dense"}
    found, p_values = [], {}
    for (first, one), (second, other) in combinations(arms.items(), 2):
        if (first[0], first[2]) != (second[0], second[2]):
            continue
        pair = _pair(first, (first[1], one), (second[1], other))
        if pair is None:
            continue
        p = p_value(pair[1])
        if p is not None and pair[0].interval.n >= FEWEST and not pair[0].caveat:
            p_values[len(found)] = p
        found.append(pair[0])
    adjusted = holm(p_values)
    return [replace(one, p_holm=adjusted.get(number)) for number, one in enumerate(found)]


def _pair(place: tuple, a: Side, b: Side) -> tuple[MethodContrast, list[float]] | None:
    """The contrast of two methods at an activation and a sparsity, with its differences; None without a common seed."""
    values = differences(a[1].per_seed(ACCURACY), b[1].per_seed(ACCURACY))
    if not values:
        return None
    contrast = MethodContrast(
        activation=place[0],
        sparsity=place[2],
        a=a[0],
        b=b[0],
        interval=t_interval(values),
        equal=is_equal(values, EQUAL_ACCURACY),
        caveat=caveat((a, b), ACCURACY, values).strip(),
    )
    return contrast, values
