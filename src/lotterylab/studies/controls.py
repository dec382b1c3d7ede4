"""All controls of a ticket by their words: those of ``procedures``, and controls with other data or networks."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Literal

from lotterylab.data.corrupted import Corrupted
from lotterylab.models import Narrowed
from lotterylab.plan.nodes import Data
from lotterylab.procedures import CONTROLS as OF_NODES
from lotterylab.procedures.controls import Control, scored_on, small_dense, small_dense_same_compute

__all__ = ["CONTROLS"]


def _spoilt(data: Data, seed: int, what: Literal["labels", "pixels"]) -> Data:
    return replace(data, spec=Corrupted(spec=data.spec, what=what, seed=seed))


def _narrow(model: Any, cuts: tuple[Any, ...], scope: str) -> Narrowed:
    return Narrowed(of=model, cuts=cuts, scope=scope)


CONTROLS: dict[str, Control] = {
    **OF_NODES,
    "corrupted-labels": partial(scored_on, spoil=partial(_spoilt, what="labels")),
    "corrupted-pixels": partial(scored_on, spoil=partial(_spoilt, what="pixels")),
    "small-dense": partial(small_dense, narrow=_narrow),
    "small-dense-same-compute": partial(small_dense_same_compute, narrow=_narrow),
}
