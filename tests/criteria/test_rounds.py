"""Rounds: the schedule's numbers, the last one exact, and one round as before."""

from fractions import Fraction
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import lotterylab as ll
from lotterylab import masks
from lotterylab.criteria import Magnitude, Random, Snip
from lotterylab.criteria.rounds import in_rounds, ladder
from lotterylab.errors import LotteryWarning, UsageError
from lotterylab.masks.counts import SCHEDULES, removal_count
from lotterylab.masks.select import Rule, select
from lotterylab.types import Mask, Scores
from some_views import batch_for, conv, view

shares = st.decimals(0, "0.999", places=3).map(float)


@given(shares, st.integers(1, 120), st.sampled_from(sorted(SCHEDULES)))
def test_sparsity_only_rises_and_ends_as_it_was_given(sparsity, rounds, schedule):
    steps = ladder(sparsity, None, Rule(rounds=rounds, schedule=schedule))
    assert len(steps) == rounds and steps[-1] == sparsity
    assert all(float(a) <= float(b) + 1e-12 for a, b in pairwise(steps))


def test_the_published_schedule():
    """Density rho^(-k/n) after round k of n: 10, 1 and 0.1 % kept, each round the same share of what is left."""
    steps = ladder(0.999, None, Rule(rounds=3))
    assert [round(1 - float(step), 12) for step in steps] == [0.1, 0.01, 0.001]
    assert [round(float(Fraction(step)), 12) for step in ladder("3/4", None, Rule(rounds=3, schedule="linear"))] == [
        0.25,
        0.5,
        0.75,
    ]


def test_a_mask_of_before_is_where_the_schedule_begins():
    half = Mask({"w": torch.arange(8) < 4})
    assert ladder(0.75, half, Rule(rounds=2, schedule="linear")) == [0.625, 0.75]
    assert ladder(0.875, half, Rule(rounds=2)) == [0.75, 0.875]


@given(st.integers(1, 60), shares, st.integers(1, 4), st.sampled_from(["global", "layerwise"]))
def test_what_one_round_takes_several_take_and_what_it_refuses_they_refuse(n, sparsity, rounds, scope):
    """An earlier mask has whole entries: the same sparsity again may be half an entry less than it removes."""
    scores = Scores({"a": torch.arange(float(n)), "b": torch.arange(7.0)})
    earlier = select(scores, sparsity, scope=scope)
    rule = Rule(scope=scope, rounds=rounds)
    last, _ = in_rounds(view(conv("relu"), mask=earlier), lambda _: scores, sparsity, rule)
    assert masks.digest(last.mask) == masks.digest(earlier)
    if all(int((~kept).sum()) for kept in earlier.values()):
        with pytest.raises(UsageError, match="removes"):
            select(scores, 0.0, mask=earlier, scope=scope)
        with pytest.raises(UsageError, match="removes"):
            ladder(0.0, earlier, Rule(scope=scope, rounds=max(rounds, 2)))


@given(st.integers(1, 400), shares, st.integers(1, 12), st.sampled_from(sorted(SCHEDULES)), st.integers(0, 3))
def test_the_count_is_that_of_one_round_and_nothing_comes_back(n, sparsity, rounds, schedule, seed):
    draw = torch.Generator().manual_seed(seed)
    seen = []

    def score(view):
        seen.append(view.mask)
        return Scores({"w": torch.rand(n, generator=draw)})

    last, scores = in_rounds(view(conv("relu")), score, sparsity, Rule(rounds=rounds, schedule=schedule))
    mask = last.mask
    assert n - masks.kept(mask) == removal_count(sparsity, n)
    assert seen[0] is None and len(seen) == rounds
    for earlier, later in pairwise([*seen[1:], mask]):
        assert bool((earlier["w"] | ~later["w"]).all())
    assert masks.digest(mask) == masks.digest(select(scores, sparsity, mask=seen[-1]))
    assert last.cut.candidates == (n if rounds == 1 else masks.kept(seen[-1]))


def test_magnitude_in_rounds_is_magnitude_and_snip_in_rounds_is_not():
    module = conv("tanh")
    many = {"rounds": 5, "batch": (batch_for(module).inputs, batch_for(module).targets)}
    for criterion, same in ((Magnitude(), True), (Snip(), False)):
        once = ll.prune(module, criterion, 0.8, batch=many["batch"])
        repeated = ll.prune(module, criterion, 0.8, **many)
        assert (masks.digest(once) == masks.digest(repeated)) is same
        assert masks.kept(once) == masks.kept(repeated)


def test_what_cannot_be_is_refused():
    with pytest.raises(UsageError, match="Did you mean 'linear'"):
        Rule(rounds=2, schedule="linaer")
    with pytest.raises(UsageError, match="rounds=0"):
        Rule(rounds=0)
    with pytest.raises(UsageError, match="no sparsity in between"):
        ll.prune(conv("relu"), Magnitude(), 0.5, granularity="2:4", rounds=2)
    assert ladder(0.5, None, Rule(granularity="2:4")) == [0.5]


def test_a_sparsity_for_each_tensor_has_a_ladder_for_each():
    wanted = {"0.weight": 0.5, "4.weight": Fraction(3, 4)}
    steps = ladder(wanted, None, Rule(rounds=2, schedule="linear"))
    assert steps == [{"0.weight": 0.25, "4.weight": 0.375}, wanted]
    module = conv("tanh")
    once, repeated = (ll.prune(module, Magnitude(), wanted, rounds=rounds) for rounds in (1, 4))
    assert masks.digest(once) == masks.digest(repeated)


@pytest.mark.filterwarnings("ignore::lotterylab.errors.LotteryWarning")  # at 99 % rows of the output are gone
@given(st.integers(0, 40), st.integers(40, 99), st.sampled_from(sorted(SCHEDULES)), st.integers(0, 3))
def test_layers_of_any_earlier_density_reach_the_same_share_in_rounds(first, second, schedule, seed):
    module = nn.Sequential(nn.Linear(10, 10, bias=False), nn.Linear(10, 7, bias=False))
    earlier = ll.prune(module, Random(), {"0.weight": first / 100, "1.weight": 0}, seed=seed)
    rule = {"scope": "layerwise", "mask": earlier, "rounds": 5, "schedule": schedule}
    mask = ll.prune(module, Magnitude(), second / 100, **rule)
    assert [int((~kept).sum()) for kept in mask.values()] == [removal_count(second / 100, n) for n in (100, 70)]
    assert all(bool((earlier[name] | ~mask[name]).all()) for name in mask)


def test_rounds_count_units_as_select_does():
    """Half of all weights are gone, but no filter: a third of the filters may still go, in rounds as in one."""
    module = nn.Sequential(nn.Linear(4, 9, bias=False))
    checked = Mask({"0.weight": (torch.arange(36).view(9, 4) % 2).bool()})
    rule = {"granularity": "filter", "mask": checked}
    with pytest.warns(LotteryWarning, match="in 3 of the 9 rows of '0.weight'"):  # the only layer is the output layer
        once, repeated = (ll.prune(module, Magnitude(), "1/3", rounds=rounds, **rule) for rounds in (1, 3))
    assert masks.digest(once) == masks.digest(repeated) and masks.kept(once) == 12


@pytest.mark.parametrize("scope", ["uniform", "erk", "balanced"])
def test_scopes_with_an_exact_total_have_it_in_rounds_too(scope):
    module = conv("relu")
    total = sum(module.get_parameter(name).numel() for name in ("0.weight", "4.weight"))
    mask = ll.prune(module, Random(), 0.6, scope=scope, rounds=7)
    assert masks.kept(mask) == total - removal_count(0.6, total)
