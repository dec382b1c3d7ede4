"""How far, and how much larger: by NumPy."""

import numpy
import pytest
import torch

import lotterylab as ll
from lotterylab.criteria import MagnitudeIncrease, Movement
from lotterylab.errors import UsageError
from some_views import conv, view


def test_both_compare_with_the_initial_state():
    module = conv("relu")
    seen = view(module)
    assert seen.initial is not None
    moved, grown = Movement()(seen), MagnitudeIncrease()(seen)
    for name in seen.names:
        final, initial = seen.state[name].numpy(), seen.initial[name].numpy()
        numpy.testing.assert_array_equal(moved[name], numpy.abs(final - initial))
        numpy.testing.assert_array_equal(grown[name], numpy.abs(final) - numpy.abs(initial))
    assert any(bool((score < 0).any()) for score in grown.values())


@pytest.mark.parametrize("criterion", [Movement(), MagnitudeIncrease()])
def test_without_an_initial_state_they_say_what_is_missing(criterion):
    with pytest.raises(UsageError, match=r"pass initial="):
        ll.prune(conv("relu"), criterion, 0.5)


def test_from_a_state_dict_of_before():
    module = conv("relu")
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with torch.no_grad():
        module[0].weight[1] += 1.0  # the only filter that moved
    mask = ll.prune(module, Movement(), 0.9, initial=before)
    assert bool(mask["0.weight"][1].all())
