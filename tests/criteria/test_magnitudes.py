"""The criteria of "Deconstructing Lottery Tickets": four weights by hand, NumPy, and the laws between them."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
import torch

import lotterylab as ll
from lotterylab import masks
from lotterylab.asking.methods import METHODS
from lotterylab.auditing.alarms import ties_at_cut
from lotterylab.criteria import (
    LargeFinalOfSign,
    LargeInit,
    LargeInitLargeFinal,
    Magnitude,
    MagnitudeIncrease,
    MagnitudeIncreaseOfSign,
    Movement,
    SmallFinal,
    SmallInit,
    SmallInitSmallFinal,
)
from lotterylab.errors import UsageError
from lotterylab.masks.select import Rule, selection
from some_views import conv, mlp, view

pytestmark = pytest.mark.filterwarnings("ignore::lotterylab.errors.LotteryWarning")  # many scores are 0 or equal
INITIAL = [0.5, -0.25, -1.0, 0.125]
FINAL = [0.75, 0.5, -0.25, 0.0625]  # grew, changed its sign, shrank, shrank
BY_HAND = {  # the scores of the four weights, by the paper's formulas
    Magnitude(): [0.75, 0.5, 0.25, 0.0625],
    SmallFinal(): [-0.75, -0.5, -0.25, -0.0625],
    LargeInit(): [0.5, 0.25, 1.0, 0.125],
    SmallInit(): [-0.5, -0.25, -1.0, -0.125],
    LargeInitLargeFinal(): [0.5, 0.25, 0.25, 0.0],  # the lower of the ranks 2 1 3 0 and 3 2 1 0, of 4
    SmallInitSmallFinal(): [0.0, 0.25, 0.0, 0.75],  # the lower of the ranks 1 2 0 3 and 0 1 2 3, of 4
    MagnitudeIncrease(): [0.25, 0.25, -0.75, -0.0625],
    Movement(): [0.25, 0.75, 0.75, 0.0625],
    LargeFinalOfSign(sign="same"): [0.75, 0.0, 0.25, 0.0625],
    LargeFinalOfSign(sign="different"): [0.0, 0.5, 0.0, 0.0],
    MagnitudeIncreaseOfSign(sign="same"): [0.25, 0.0, -0.75, -0.0625],
    MagnitudeIncreaseOfSign(sign="different"): [0.0, 0.25, 0.0, 0.0],
}
OF_SIGN = (LargeFinalOfSign, MagnitudeIncreaseOfSign)


def layer(final: list[float]) -> torch.nn.Linear:
    module = torch.nn.Linear(len(final), 1, bias=False)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([final]))
    return module


def moved(seed: int = 0) -> tuple[torch.nn.Sequential, dict[str, torch.Tensor]]:
    """A network, and initial weights among which about half have another sign."""
    module = conv("relu", seed)
    draw = torch.Generator().manual_seed(seed)
    noise = {
        name: torch.randn(value.shape, generator=draw, dtype=value.dtype) / 4
        for name, value in module.state_dict().items()
    }
    return module, {name: value + noise[name] for name, value in module.state_dict().items()}


def scores_of(criterion: Any, mask: Any = None, seed: int = 0) -> dict[str, numpy.ndarray]:
    module, initial = moved(seed)
    return {name: value.numpy() for name, value in criterion(view(module, initial=initial, mask=mask)).items()}


@pytest.mark.parametrize("criterion", BY_HAND, ids=str)
def test_four_weights_by_hand(criterion):
    found = ll.score(layer(FINAL), criterion, initial={"weight": torch.tensor([INITIAL])})
    assert found["weight"].tolist() == [BY_HAND[criterion]]


def test_the_mask_of_large_final_is_that_of_the_lottery_ticket_procedure():
    module, _ = moved()
    mask = ll.prune(module, Magnitude(), 0.5, scope="layerwise")
    for name, kept in mask.items():
        weights = module.get_parameter(name).detach().abs()
        cut = weights.flatten().sort().values[weights.numel() // 2]  # half of the weights are smaller
        assert torch.equal(kept, weights >= cut)


@pytest.mark.parametrize("criterion", [LargeInitLargeFinal(), SmallInitSmallFinal()], ids=str)
@pytest.mark.parametrize("sparsity", [0.25, 0.5, 0.8])
def test_a_weight_stays_if_both_magnitudes_reach_one_percentile_of_their_layer(criterion, sparsity):
    module, initial = moved()
    mask = ll.prune(module, criterion, sparsity, scope="layerwise", initial=initial)
    sign = 1 if isinstance(criterion, LargeInitLargeFinal) else -1
    for name, kept in mask.items():
        before, after = (sign * numpy.abs(w.detach().numpy()) for w in (initial[name], module.get_parameter(name)))
        counts = {}  # by percentile, as the authors search for theirs
        for share in numpy.linspace(0, 1, 2001):
            both = [values >= numpy.quantile(values, share) for values in (before, after)]
            counts[int((both[0] & both[1]).sum())] = both[0] & both[1]
        nearest = min(counts, key=lambda count: abs(count - int(kept.sum())))
        assert abs(nearest - int(kept.sum())) <= 1  # a percentile may pass two weights at once
        assert int((counts[nearest] != kept.numpy()).sum()) <= 1


def test_ranks_are_those_among_the_weights_that_are_left():
    mask: Any = {"weight": torch.tensor([[True, False, True, True]])}
    initial = {"weight": torch.tensor([INITIAL])}
    whole = ll.score(layer(FINAL), LargeInitLargeFinal(), initial=initial, mask=mask)["weight"]
    alone = ll.score(
        layer([FINAL[0], *FINAL[2:]]), LargeInitLargeFinal(), initial={"weight": initial["weight"][:, [0, 2, 3]]}
    )["weight"]
    assert whole.tolist() == [[alone[0, 0], 0.0, *alone[0, 1:]]]


def test_equal_magnitudes_have_equal_ranks():
    same = torch.ones(1, 4)
    assert ll.score(layer([1.0] * 4), LargeInitLargeFinal(), initial={"weight": same})["weight"].tolist() == [[0.0] * 4]


@pytest.mark.parametrize("kind", OF_SIGN)
def test_without_a_change_of_sign_the_same_sign_is_no_condition(kind):
    module, initial = moved()
    unflipped = {name: initial[name].abs() * value.sign() for name, value in module.state_dict().items()}
    plain = {LargeFinalOfSign: Magnitude, MagnitudeIncreaseOfSign: MagnitudeIncrease}[kind]()
    seen = view(module, initial=unflipped)
    same, other, all_of_them = (one(seen) for one in (kind(sign="same"), kind(sign="different"), plain))
    for name in seen.names:
        assert torch.equal(same[name], all_of_them[name]) and not other[name].any()


@pytest.mark.parametrize("kind", OF_SIGN)
def test_the_two_signs_share_the_weights_among_them(kind):
    plain = {LargeFinalOfSign: Magnitude, MagnitudeIncreaseOfSign: MagnitudeIncrease}[kind]()
    same, other, both = (scores_of(one) for one in (kind(sign="same"), kind(sign="different"), plain))
    for name, scores in both.items():
        numpy.testing.assert_array_equal(same[name] + other[name], scores)
        assert not (same[name] * other[name]).any() and same[name].any() and other[name].any()


@pytest.mark.parametrize("sign", ["same", "different"])
def test_cut_at_the_share_of_the_other_sign_all_weights_of_the_sign_stay_and_no_others(sign):
    module, initial = moved()
    state = module.state_dict()
    agree = {name: numpy.sign(initial[name].numpy()) == numpy.sign(state[name].numpy()) for name in state}
    scores = LargeFinalOfSign(sign=sign)(view(module, initial=initial))
    wanted = {name: agree[name] if sign == "same" else ~agree[name] for name in scores}
    gone, entries = sum(int((~kept).sum()) for kept in wanted.values()), sum(map(numpy.size, wanted.values()))
    found = selection(scores, f"{gone}/{entries}", None, Rule())
    assert found.cut.ties_at_cut == 0
    for name, kept in wanted.items():
        numpy.testing.assert_array_equal(found.mask[name], kept)


def test_a_weight_that_begins_at_zero_has_changed_its_sign_and_one_that_stays_there_has_not():
    initial = {"weight": torch.tensor([[0.0, 0.0, 1.0]])}
    final = layer([0.5, 0.0, 0.0])
    assert ll.score(final, LargeFinalOfSign(sign="different"), initial=initial)["weight"].tolist() == [[0.5, 0.0, 0.0]]
    grown = ll.score(final, MagnitudeIncreaseOfSign(sign="same"), initial=initial)["weight"]
    assert grown.tolist() == [[0.0, 0.0, 0.0]]


def test_the_other_sign_ties_at_the_cut_and_the_alarm_and_chance_know_it():
    module, initial = moved()
    scores = LargeFinalOfSign(sign="same")(view(module, initial=initial))
    tied = sum(int((score == 0).sum()) for score in scores.values())
    by_index, by_chance, again = (
        selection(scores, 0.1, None, Rule(ties=ties, seed=seed))
        for ties, seed in (("index", 0), ("random", 0), ("random", 1))
    )
    for found in (by_index, by_chance, again):
        assert found.cut.ties_at_cut == tied > found.cut.removed
        (alarm,) = ties_at_cut(ties=found.cut.ties_at_cut, entries=found.cut.entries)
        assert alarm.severity == "caution"
    assert len({masks.digest(found.mask) for found in (by_index, by_chance, again)}) == 3


@pytest.mark.parametrize("kind", OF_SIGN)
def test_a_sign_that_is_not_known_is_refused(kind):
    with pytest.raises(UsageError, match=r"no sign is named 'sam'.*Did you mean 'same'"):
        kind(sign="sam")


def test_the_methods_of_one_sign_break_their_ties_by_chance_as_the_authors_do():
    signed = {name: method for name, method in METHODS.items() if name.endswith("-sign")}
    assert len(signed) == 4 and all(method.ties == "random" for method in signed.values())
    assert {method.ties for name, method in METHODS.items() if name not in signed} == {"index"}


@pytest.mark.parametrize("criterion", [LargeInit(), SmallInit(), *OF_SIGN, LargeInitLargeFinal()], ids=str)
def test_without_an_initial_state_it_says_what_is_missing(criterion):
    criterion = criterion() if isinstance(criterion, type) else criterion
    with pytest.raises(UsageError, match=r"pass initial="):
        ll.prune(mlp("relu"), criterion, 0.5)
