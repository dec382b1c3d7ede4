"""States that a plan makes of others: they train as any start, and are named by what they are made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
import torch

from lotterylab.combining import Aligned, Average, Combining, Rescaled, SignedConstant, Signs
from lotterylab.criteria import Magnitude
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.models import LeNet300100
from lotterylab.plan.nodes import Combine, CombineMask, Init, Prune, first_of, model_of
from lotterylab.reading.costs import trainings
from some_plans import INIT, MODEL, RUN, compute

MASK = Prune(criterion=Magnitude(), of=RUN.final, sparsity=0.5, seed=0)
FRESH = replace(INIT, purpose="reinit")
SIGNED = Combine(of={"signs": RUN.final, "magnitudes": FRESH}, rule=Signs())
TICKET = replace(RUN, start=SIGNED, mask=MASK)


def value(store: Store, node: Any) -> dict[str, torch.Tensor]:
    record = store.record(node.digest)
    assert record
    return store.get(record.blobs.get("state") or record.blobs["final"])


def test_a_ticket_trains_from_signs_of_one_state_and_magnitudes_of_another(tmp_path):
    store = Store(tmp_path)
    compute([TICKET], store)
    made, fresh, final = (value(store, node) for node in (SIGNED, FRESH, RUN))
    for name in (name for name in made if made[name].dim() > 1):
        assert torch.equal(made[name].abs(), fresh[name].abs())
        assert torch.equal(made[name].sign(), final[name].sign())
    assert first_of(SIGNED) == FRESH and model_of(SIGNED) == MODEL
    assert trainings(TICKET).keys() == {RUN, TICKET}, "the signs cost the run that they come from"


def test_an_average_of_a_state_with_itself_trains_to_the_same_bits(tmp_path):
    store = Store(tmp_path)
    again = replace(RUN, start=Combine(of={"a": INIT, "b": INIT}, rule=Average()))
    compute([RUN, again], store)
    first, second = store.record(RUN.digest), store.record(again.digest)
    assert first and second and second.same_as == RUN.digest and first.blobs == second.blobs


def test_the_rule_its_seed_and_its_parts_name_the_state():
    one = Combine(of={"state": INIT}, rule=SignedConstant())
    others = (
        replace(one, seed=1),
        replace(one, rule=SignedConstant(signs="random")),
        replace(one, of={"state": FRESH}),
    )
    assert len({one.digest, *(other.digest for other in others)}) == 4


def test_states_of_two_networks_are_refused_when_the_plan_is_made():
    with pytest.raises(UsageError, match=r"Combine was given 'signs' .* states and masks of one network"):
        Combine(of={"signs": Init(model=LeNet300100(shape=(1, 8, 8)), seed=0), "magnitudes": INIT}, rule=Signs())


def test_a_mask_in_the_place_of_a_state_and_a_state_in_that_of_a_mask_are_refused():
    with pytest.raises(UsageError, match=r"Average was given <Prune .*> as 'b'; it needs a state there"):
        Combine(of={"a": INIT, "b": MASK}, rule=Average())
    with pytest.raises(UsageError, match=r"Rescaled was given <Init .*> as 'mask'; it needs a mask there"):
        Combine(of={"state": INIT, "mask": INIT}, rule=Rescaled())
    aligned, of = Aligned(model=INIT.model), {"moved": MASK, "a": INIT, "b": FRESH}
    with pytest.raises(UsageError, match=r"Combine was given <Prune .*> to change; .*use CombineMask"):
        Combine(of=of, rule=aligned)
    with pytest.raises(UsageError, match=r"CombineMask was given <Init .*> to change; .*use Combine\."):
        CombineMask(of={**of, "moved": INIT}, rule=aligned)


@dataclass(frozen=True, kw_only=True)
class Broken(Combining):
    """A user's rule that returns another shape, or a number that is not finite."""

    needs: ClassVar[tuple[str, ...]] = ("state",)
    shape: bool = False

    def weight(self, of: Any, name: str, seed: int) -> torch.Tensor:
        old = of["state"][name]
        return old[:1] if self.shape else old / 0.0


@pytest.mark.parametrize(("shape", "words"), [(True, "has the shape"), (False, "not finite")])
def test_what_a_rule_returns_is_checked_by_its_name(shape, words, tmp_path):
    with pytest.raises(UsageError, match=rf"Broken: .*{words}"):
        compute([Combine(of={"state": INIT}, rule=Broken(shape=shape))], Store(tmp_path))
