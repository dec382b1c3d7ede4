"""A change that does not fit the training is refused by the intervention's name, and the store keeps what it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
import torch

from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.interventions.base import Intervening
from lotterylab.types import Mask
from lotterylab.views import Change
from some_plans import INIT, RECIPE, compute, train

WEIGHT = "fc2.weight"
MAKES: dict[str, tuple[Callable[[Any], Change], str]] = {
    "a mask of another shape": (
        lambda view: Change(mask=Mask({**view.mask, WEIGHT: torch.ones(2, dtype=torch.bool)})),
        r"mask 'fc2.weight' of shape \(2,\)",
    ),
    "a mask of numbers": (lambda view: Change(mask=Mask({n: m.float() for n, m in view.mask.items()})), "Return bool"),
    "a mask that lacks a tensor": (lambda view: Change(mask=Mask({WEIGHT: view.mask[WEIGHT]})), "a mask without"),
    "a state with another name": (lambda view: Change(state={"nowhere": torch.ones(1)}), "state 'nowhere'"),
    "a state of another shape": (lambda view: Change(state={WEIGHT: torch.ones(3)}), r"of shape \(3,\)"),
    "a number that is not finite": (
        lambda view: Change(state={WEIGHT: torch.full_like(view.state[WEIGHT], torch.nan)}),
        "not finite",
    ),
    "an optimizer state that is not there": (
        lambda view: Change(optimizer={f"variance/{WEIGHT}": view.state[WEIGHT]}),
        "optimizer 'variance/fc2.weight'",
    ),
    "a carry that did not begin": (lambda view: Change(carry={"other": torch.ones(1)}), "it carries 'other'"),
    "a carry of another type": (lambda view: Change(carry={"count": torch.ones(())}), "it carries 'count'"),
}


@dataclass(frozen=True, kw_only=True)
class Wrong(Intervening):
    """Does one thing wrong at step 6."""

    kind: str
    version: ClassVar[int] = 1

    def begin(self, view):
        return {"count": torch.tensor(0)}

    def __call__(self, view, carry):
        return MAKES[self.kind][0](view) if view.step == 6 else Change(carry={"count": carry["count"] + 1})


def test_the_network_has_the_weight_that_the_changes_name():
    assert WEIGHT in INIT.model.initial(0, "init", "named")


@pytest.mark.parametrize("kind", MAKES)
def test_it_is_refused_and_the_steps_before_it_stay(kind, tmp_path):
    store, run = Store(tmp_path), train(recipe=replace(RECIPE, during=(Wrong(kind=kind),)))
    compute([run.at(5)], store)
    before = store.record(run.at(5).digest)
    with pytest.raises(UsageError, match=f"Wrong, step 6: .*{MAKES[kind][1]}"):
        compute([run], store)
    assert store.record(run.at(5).digest) == before and store.record(run.digest) is None


def test_a_checkpoint_of_other_interventions_is_refused(tmp_path):
    from lotterylab.training.during import During

    class Other(Intervening):
        def begin(self, view):
            return {"other": torch.ones(2)}

    view = replace(_view(), step=1)
    with pytest.raises(UsageError, match="Other: the checkpoint carries other tensors"):
        During((Other(),), {"0/count": torch.tensor(0)}, {}, {}).begin(view)


def test_a_list_of_interventions_is_refused():
    with pytest.raises(UsageError, match="give a tuple of interventions"):
        replace(RECIPE, during=[Wrong(kind="x")])


def _view():
    from interventions.some_moments import moment
    from some_views import mlp

    return moment(mlp("relu"))
