"""The pruning methods by name: each is a criterion, the state that it scores, and the number of rounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from lotterylab.criteria import (
    Grasp,
    LargeFinalOfSign,
    LargeInitLargeFinal,
    Magnitude,
    MagnitudeIncrease,
    MagnitudeIncreaseOfSign,
    Movement,
    Obd,
    Random,
    SmallFinal,
    SmallInit,
    SmallInitSmallFinal,
    Snip,
    SynFlow,
    WeightSquaredGradient,
    custom_criterion,
)
from lotterylab.errors import unknown


@dataclass(frozen=True, kw_only=True)
class Method:
    """A ``Method`` is a criterion, the state that it scores, and how it cuts.

    ``scores``: "initial", before any training, or "trained", the dense network after its last epoch.  ``rounds``: the
    number of times that the network is scored and cut, with an exponentially falling density.  ``mode``: the mode of
    the network while it is scored.  ``ties``: the choice among equal scores, as in ``select``.  ``paper``: key in
    references.bib.
    """

    criterion: Any
    scores: Literal["initial", "trained"]
    paper: str
    rounds: int = 1
    mode: Literal["train", "eval"] = "train"
    ties: Literal["index", "random"] = "index"


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
    "small-final": Method(criterion=SmallFinal(), scores="trained", paper="zhou2019deconstructing"),
    "small-init": Method(criterion=SmallInit(), scores="initial", paper="zhou2019deconstructing"),
    "large-init-large-final": Method(criterion=LargeInitLargeFinal(), scores="trained", paper="zhou2019deconstructing"),
    "small-init-small-final": Method(criterion=SmallInitSmallFinal(), scores="trained", paper="zhou2019deconstructing"),
    "large-final-same-sign": Method(
        criterion=LargeFinalOfSign(sign="same"), scores="trained", paper="zhou2019deconstructing", ties="random"
    ),
    "large-final-diff-sign": Method(
        criterion=LargeFinalOfSign(sign="different"), scores="trained", paper="zhou2019deconstructing", ties="random"
    ),
    "magnitude-increase-same-sign": Method(
        criterion=MagnitudeIncreaseOfSign(sign="same"), scores="trained", paper="zhou2019deconstructing", ties="random"
    ),
    "magnitude-increase-diff-sign": Method(
        criterion=MagnitudeIncreaseOfSign(sign="different"),
        scores="trained",
        paper="zhou2019deconstructing",
        ties="random",
    ),
    "obd": Method(criterion=Obd(), scores="trained", paper="lecun1990optimal", mode="eval"),
    "first-order": Method(criterion=WeightSquaredGradient(), scores="initial", paper=""),
    "random": Method(criterion=Random(), scores="initial", paper="frankle2021pruning"),
}


def method(name: str) -> Method:
    """Return the method of that name, or the method of a user's criterion that "package.module:name" names.

    The class of a user's criterion may have the attributes ``scores``, ``rounds``, ``mode`` and ``ties`` of ``Method``.

    Raises:
        UsageError: no method has that name, or the reference does not lead to a criterion.
    """
    if ":" in name:
        criterion = custom_criterion(name)
        attributes = {name: criterion.attribute(name) for name in ("scores", "rounds", "mode", "ties")}
        given = {name: value for name, value in attributes.items() if value is not None}
        return Method(criterion=criterion, paper="", **{"scores": "initial", **given})
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    return METHODS[name]
