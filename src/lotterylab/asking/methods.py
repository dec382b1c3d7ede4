"""The pruning methods that a study can be asked for by name: a criterion, which state it scores, in how many rounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from lotterylab.criteria import (
    Grasp,
    Magnitude,
    MagnitudeIncrease,
    Movement,
    Random,
    Snip,
    SynFlow,
    WeightSquaredGradient,
    custom_criterion,
)
from lotterylab.errors import unknown


@dataclass(frozen=True, kw_only=True)
class Method:
    """``scores``: "initial", before any training, or "trained", the dense network after its last epoch.

    ``rounds``: of score and cut, the density falling exponentially.  ``mode``: that of the network while it is scored.
    ``paper``: key in references.bib.
    """

    criterion: Any
    scores: Literal["initial", "trained"]
    paper: str
    rounds: int = 1
    mode: Literal["train", "eval"] = "train"


METHODS = {
    "magnitude": Method(criterion=Magnitude(), scores="trained", paper="frankle2019lottery"),
    "magnitude-at-init": Method(criterion=Magnitude(), scores="initial", paper="frankle2021pruning"),
    "snip": Method(criterion=Snip(), scores="initial", paper="lee2019snip", mode="eval"),
    "snip-iterative": Method(criterion=Snip(), scores="initial", paper="frankle2021pruning", rounds=100, mode="eval"),
    "grasp": Method(criterion=Grasp(), scores="initial", paper="wang2020picking"),
    "synflow": Method(criterion=SynFlow(), scores="initial", paper="tanaka2020pruning", rounds=100, mode="eval"),
    "synflow-one-shot": Method(criterion=SynFlow(), scores="initial", paper="tanaka2020pruning", mode="eval"),
    "movement": Method(criterion=Movement(), scores="trained", paper="zhou2019deconstructing"),
    "magnitude-increase": Method(criterion=MagnitudeIncrease(), scores="trained", paper="zhou2019deconstructing"),
    "first-order": Method(criterion=WeightSquaredGradient(), scores="initial", paper=""),
    "random": Method(criterion=Random(), scores="initial", paper="frankle2021pruning"),
}


def method(name: str) -> Method:
    """The method of that name, or one of a user's own criterion that "package.module:name" names.

    The class of a user's criterion may say ``scores``, ``rounds`` and ``mode``, as ``Method`` has them.

    Raises:
        UsageError: no method has that name, or the reference leads to no criterion.
    """
    if ":" in name:
        criterion = custom_criterion(name)
        own = {part: criterion.attribute(part) for part in ("scores", "rounds", "mode")}
        said = {part: value for part, value in own.items() if value is not None}
        return Method(criterion=criterion, paper="", **{"scores": "initial", **said})
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    return METHODS[name]
