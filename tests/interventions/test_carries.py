"""What interventions carry belongs to the point of a run from which another one goes on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from lotterylab.engine.store import Store
from lotterylab.interventions.base import Intervening
from lotterylab.views import Change
from some_plans import RECIPE, compute, train


@dataclass(frozen=True, kw_only=True)
class Patience(Intervening):
    """Ends the training after so many updates that it has seen, and changes nothing."""

    updates: int

    def begin(self, view):
        return {"seen": torch.tensor(0)}

    def __call__(self, view, carry):
        seen = carry["seen"] + 1
        return Change(carry={"seen": seen}, stop=bool(seen >= self.updates))


def test_equal_weights_with_other_carries_are_not_one_training(tmp_path):
    store, recipe = Store(tmp_path), replace(RECIPE, during=(Patience(updates=10),))
    counted, plain = train(recipe=recipe).at(7), train().at(7)
    ends_at_10 = train(start=counted, recipe=recipe)
    ends_at_16 = train(start=plain, recipe=recipe)  # it has seen nothing yet
    compute([ends_at_10, ends_at_16], store)
    points = [store.record(point.digest) for point in (counted, plain)]
    assert points[0].blobs["state"] == points[1].blobs["state"]
    assert points[0].blobs["optimizer"] == points[1].blobs["optimizer"]
    records = [store.record(run.digest) for run in (ends_at_10, ends_at_16)]
    assert [record.metrics["steps"] for record in records] == [3, 9]
    assert not any(record.same_as for record in records)
