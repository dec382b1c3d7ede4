"""Movement and magnitude increase agree with NumPy."""

import numpy
import pytest
import torch

import lotterylab as ll
from lotterylab import masks
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


def test_what_a_mask_removes_has_not_moved():
    module = conv("relu")
    mask = masks.ones(dict(module.named_parameters()), ["0.weight", "4.weight"])
    mask["0.weight"][1] = False
    full, pruned = (view(module, mask=one) for one in (None, mask))
    for criterion in (Movement(), MagnitudeIncrease()):
        before, after = criterion(full), criterion(pruned)
        assert not after["0.weight"][1].any() and bool(before["0.weight"][1].all())
        assert torch.equal(before["0.weight"][0], after["0.weight"][0])


def test_half_precision_is_compared_in_float32():
    final, initial = torch.tensor([1.0, 1.0009765625]).half(), torch.tensor([1e-3, 1e-3]).half()
    module = torch.nn.Linear(2, 1, bias=False).half()
    with torch.no_grad():
        module.weight.copy_(final.view(1, 2))
    scores = ll.score(module, Movement(), initial={"weight": initial.view(1, 2)})["weight"]
    assert torch.equal(scores, (final.float() - initial.float()).view(1, 2))


def test_an_initial_state_of_another_network_is_refused():
    module = conv("relu")
    state = dict(conv("relu").state_dict())
    with pytest.raises(UsageError, match=r"the initial state has no '4\.weight'"):
        ll.score(module, Movement(), initial={"0.weight": state["0.weight"]})
    with pytest.raises(UsageError, match=r"'4\.weight' has shape \(2, 2\) in the initial state, and now \(3, 12\)"):
        ll.score(module, Movement(), initial={**state, "4.weight": torch.ones(2, 2)})


@pytest.mark.filterwarnings("ignore::lotterylab.errors.LotteryWarning")  # 44 of 48 weights have not moved
def test_from_a_state_dict_of_before():
    module = conv("relu")
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with torch.no_grad():
        module[0].weight[1] += 1.0  # the only filter that moved
    mask = ll.prune(module, Movement(), 0.9, initial=before)
    assert bool(mask["0.weight"][1].all())
