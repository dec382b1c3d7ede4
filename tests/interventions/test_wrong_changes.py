"""A change that does not fit the training is refused by the intervention's name, and the store keeps what it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
import torch

from lotterylab import attach, masks
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.interventions import RandomOut
from lotterylab.interventions.base import Intervening
from lotterylab.types import Mask
from lotterylab.views import Change
from some_attached import half, network
from some_attached import train as train_attached
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
    "an optimizer state that is not finite": (
        lambda view: Change(
            optimizer={name: torch.full_like(slot, torch.inf) for name, slot in view.optimizer.items()}
        ),
        "optimizer 'momentum/.*not finite",
    ),
    "an optimizer state that is not there": (
        lambda view: Change(optimizer={f"variance/{WEIGHT}": view.state[WEIGHT]}),
        "optimizer 'variance/fc2.weight'",
    ),
    "a carry that did not begin": (lambda view: Change(carry={"other": torch.ones(1)}), "it carries 'other'"),
    "a carry of another type": (lambda view: Change(carry={"count": torch.ones(())}), "it carries 'count'"),
    "a carry that is not a tensor": (lambda view: Change(carry={"count": 1}), "it carries 'count' as an int"),  # type: ignore[dict-item]
    "a state that is not a tensor": (lambda view: Change(state={WEIGHT: 0.0}), "state 'fc2.weight' as a float"),  # type: ignore[dict-item]
    "no change": (lambda view: None, "it returned a NoneType. Return a Change"),  # type: ignore[arg-type,return-value]
    "a state under a name that it does not keep": (
        lambda view: Change(kept={"final": view.state}),
        "it kept a state as 'final'. Its keeps are empty",
    ),
    "a mask under a name that it does not keep": (
        lambda view: Change(found={"mine": view.mask}),
        "it kept a mask as 'mine'",
    ),
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


@dataclass(frozen=True, kw_only=True)
class WrongInALoop(Wrong):
    """The same for the network of a plain loop."""

    def __call__(self, view, carry):
        if view.step != 6:
            return Change()
        change = MAKES[self.kind][0](
            replace(view, mask=Mask({WEIGHT: view.mask["4.weight"]}), state={WEIGHT: view.state["4.weight"]})
        )
        renamed = {"4.weight" if name == WEIGHT else name: tensor for name, tensor in change.state.items()}
        mask = change.mask and Mask({**view.mask, "4.weight": change.mask[WEIGHT]})
        return replace(change, state=renamed, mask=mask)


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


def test_a_checkpoint_of_other_interventions_is_refused():
    from lotterylab.training.during import During

    class Other(Intervening):
        def begin(self, view):
            return {"other": torch.ones(2)}

    from interventions.some_moments import moment
    from some_views import mlp

    view = moment(mlp("relu"))
    with pytest.raises(UsageError, match="Other: the checkpoint carries other tensors"):
        During((Other(),), {"0/count": torch.tensor(0)}, {}, {}).begin(view)


@dataclass(frozen=True, kw_only=True)
class Counts(Intervening):
    """Carries a number, of a type that a later version of its code changes."""

    version: ClassVar[int] = 1
    dtype: ClassVar[torch.dtype] = torch.int64

    def begin(self, view):
        return {"count": torch.tensor(0, dtype=self.dtype)}

    def __call__(self, view, carry):
        return Change(carry={"count": carry["count"] + 1})


def test_a_checkpoint_of_other_code_is_refused_and_stays(tmp_path, monkeypatch):
    """The class kept its version, so the unfinished run has its name."""
    store, node = Store(tmp_path), train(recipe=replace(RECIPE, during=(Counts(),)))
    compute([node.at(6)], store)
    before = store.load_partial(node.digest)
    with monkeypatch.context() as newer:
        newer.setattr(Counts, "dtype", torch.float32)
        with pytest.raises(UsageError, match=r"Counts: the checkpoint carries other tensors .*'0/count'"):
            compute([node], store)
    after = store.load_partial(node.digest)
    assert before and after and before[1] == after[1]
    assert all(torch.equal(after[0][name], tensor) for name, tensor in before[0].items())
    compute([node], store)
    assert store.record(node.digest).metrics["curves"]["train_loss"][3]


def test_a_state_dict_of_other_interventions_is_refused_and_nothing_changes():
    def held(*during: Any):
        module = network()
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        return attach(module, optimizer, half(module), during=during), module, optimizer

    counting, module, optimizer = held(Counts())
    train_attached(module, optimizer, range(3))
    drawing, *_ = held(RandomOut())
    drawing.change(half(network(), seed=1))
    before = counting.state_dict()
    with pytest.raises(UsageError, match="the checkpoint carries other tensors"):
        counting.load_state_dict(drawing.state_dict())
    assert masks.digest(counting.state_dict()) == masks.digest(before)


@pytest.mark.parametrize(
    "kind", ["a mask of another shape", "a state with another name", "a number that is not finite"]
)
def test_in_ones_own_loop_nothing_of_it_is_applied(kind):
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    held = attach(module, optimizer, half(module), during=[WrongInALoop(kind=kind)])
    plain, its_optimizer = network(), None
    its_optimizer = torch.optim.SGD(plain.parameters(), lr=0.1)
    attach(plain, its_optimizer, half(plain))
    train_attached(plain, its_optimizer, range(6))
    with pytest.raises(UsageError, match="WrongInALoop, step 6: "):
        train_attached(module, optimizer, range(6))
    assert masks.digest(dict(module.state_dict())) == masks.digest(dict(plain.state_dict()))
    held.verify()


@dataclass(frozen=True, kw_only=True)
class Selects(Intervening):
    """Asks for a mask that cannot be."""

    def __call__(self, view, carry):
        from lotterylab.masks.select import select

        return Change(mask=select({name: view.state[name].abs() for name in view.names}, 90))


def test_an_error_of_what_it_calls_is_named_too(tmp_path):
    with pytest.raises(
        UsageError, match=r"Selects, step 1: sparsity 90 was asked for; it is the fraction removed, .* Did you mean 0.9"
    ):
        compute([train(recipe=replace(RECIPE, during=(Selects(),)))], Store(tmp_path))
