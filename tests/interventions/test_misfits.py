"""An intervention that does not fit the training is refused by its name before the first step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from lotterylab.criteria import Random
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.interventions import DeepR, Dsr, EarlyBird, Gradual, RandomOut, RigL, SameResets, Set, TopK
from lotterylab.interventions.base import Intervening
from lotterylab.models import LeNet300100
from lotterylab.plan.nodes import Dense, Init, Prune, Train
from lotterylab.training.step import Stepper
from lotterylab.views import Change
from some_plans import DATA, INIT, RECIPE, compute, train

LENET = LeNet300100(shape=(1, 8, 8))  # without convolutions and norms
MISFITS: dict[str, tuple[Any, Any, float | None, str]] = {  # the intervention, the network, the sparsity of its mask
    "Early-Bird without norms": (EarlyBird(sparsity=0.5), INIT.model, None, "EarlyBird: the network has no batch norm"),
    "Early-Bird without filters": (EarlyBird(sparsity=0.5, scores="filters"), LENET, None, "has no convolution"),
    "RandomOut without convolutions": (RandomOut(), LENET, None, "RandomOut: the network has no convolution"),
    "its control without the layer": (SameResets(log={"x": ((1, 1),)}), INIT.model, None, "SameResets: the log names"),
    **{
        f"{type(rule).__name__} from {'a dense' if sparsity is None else 'an empty'} mask": (
            rule,
            LENET,
            sparsity,
            f"{type(rule).__name__}: the training begins with {0 if sparsity else 50200} of 50200 weights active",
        )
        for rule in (RigL(), Set(), Dsr(), DeepR())
        for sparsity in (None, 0.999999)
    },
    "gradual beyond the end": (
        Gradual(sparsity=0.5, begin_step=0, end_step=100),
        LENET,
        None,
        "Gradual: end_step=100, but the training has 16 steps",
    ),
    "top-k beyond the end": (TopK(sparsity=0.5, end_step=99), LENET, None, "TopK: end_step=99"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_what_does_not_fit_is_refused_before_the_first_step(name, tmp_path, monkeypatch):
    rule, model, sparsity, message = MISFITS[name]
    start = Init(model=model, seed=0)
    mask = Dense(model=model)
    if sparsity is not None:
        mask = Prune(criterion=Random(), of=start, sparsity=sparsity, seed=0)
    run = Train(start=start, mask=mask, data=DATA, recipe=replace(RECIPE, during=(rule,)), order_seed=0)
    store = Store(tmp_path)
    compute([start, mask], store)
    before = {record.digest for record in store.records()}
    steps: list[Any] = []
    call = Stepper.__call__
    monkeypatch.setattr(
        Stepper, "__call__", lambda self, *given, **named: steps.append(1) or call(self, *given, **named)
    )
    with pytest.raises(UsageError, match=message):
        compute([run], store)
    assert {record.digest for record in store.records()} == before and not steps


@dataclass(frozen=True, kw_only=True)
class StopsAtOnce(Intervening):
    """Wants to end the training when it begins, or after its first update."""

    before: bool

    def begin(self, view):
        return Change(stop=True) if self.before else {}

    def __call__(self, view, carry):
        return Change(stop=True)


def test_a_training_cannot_stop_before_its_first_step(tmp_path):
    store = Store(tmp_path)
    run = train(recipe=replace(RECIPE, during=(StopsAtOnce(before=True),)))
    with pytest.raises(
        UsageError, match=r"StopsAtOnce, at the beginning: begin\(\) returned a Change\. .* before its first"
    ):
        compute([run], store)
    assert store.record(run.digest) is None
    run = train(recipe=replace(RECIPE, during=(StopsAtOnce(before=False),)))
    compute([run], store)
    metrics = store.record(run.digest).metrics
    assert metrics["stopped_step"] == 1 and metrics["epochs"] == 1 and 0 <= metrics["test_accuracy"] <= 1


# what a recipe takes


@dataclass(frozen=True, kw_only=True)
class Keeps(Intervening):
    """Keeps a state under a name."""

    name: str

    @property
    def keeps(self) -> tuple[str, ...]:
        return (self.name,)


@pytest.mark.parametrize(
    ("during", "message"),
    [
        (("rigl",), "during has 'rigl'; it must be an object"),
        ((RigL,), r"lotterylab.interventions.RigL\(...\)"),
        ((Keeps(name="final"),), "Keeps keeps 'final', which is a name of the run's own"),
        ((RandomOut(), RandomOut(patience=2)), "RandomOut and RandomOut both keep 'amended' in one run"),
        ((EarlyBird(sparsity=0.5), EarlyBird(sparsity=0.5, masks=2)), "both keep 'early-bird-0.5'"),
    ],
)
def test_what_is_not_a_tuple_of_interventions_that_go_together_is_refused(during, message):
    with pytest.raises(UsageError, match=message):
        replace(RECIPE, during=during)
