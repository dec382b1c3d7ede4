"""The pruning methods that a study can be asked for by name: a criterion, and which state of the network it scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from lotterylab.criteria import Grasp, Magnitude, Random, WeightSquaredGradient
from lotterylab.errors import unknown


@dataclass(frozen=True, kw_only=True)
class Method:
    """``scores``: "initial", before any training, or "trained", the dense network after its last epoch.

    ``paper``: key in references.bib.
    """

    criterion: Any
    scores: Literal["initial", "trained"]
    paper: str


METHODS = {
    "magnitude": Method(criterion=Magnitude(), scores="trained", paper="frankle2019lottery"),
    "magnitude-at-init": Method(criterion=Magnitude(), scores="initial", paper="frankle2021pruning"),
    "grasp": Method(criterion=Grasp(), scores="initial", paper="wang2020picking"),
    "first-order": Method(criterion=WeightSquaredGradient(), scores="initial", paper=""),
    "random": Method(criterion=Random(), scores="initial", paper="frankle2021pruning"),
}


def method(name: str) -> Method:
    """The method of that name, or an error with the nearest one."""
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    return METHODS[name]
