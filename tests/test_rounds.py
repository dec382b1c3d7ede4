"""Rounds: the schedule's numbers, the last one exact, and one round as before."""

from fractions import Fraction
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import lotterylab as ll
from lotterylab import masks
from lotterylab.counts import removal_count
from lotterylab.criteria import Magnitude, Snip
from lotterylab.errors import UsageError
from lotterylab.rounds import SCHEDULES, in_rounds, sparsities
from lotterylab.select import select
from lotterylab.types import Scores
from some_views import batch_for, conv

shares = st.decimals(0, 1, places=3).map(float)


@given(shares, st.integers(1, 120), st.sampled_from(sorted(SCHEDULES)))
def test_sparsity_only_rises_and_ends_as_it_was_given(sparsity, rounds, schedule):
    steps = sparsities(sparsity, rounds, schedule)
    assert len(steps) == rounds and steps[-1] == sparsity
    assert all(float(a) <= float(b) + 1e-12 for a, b in pairwise(steps))


def test_the_published_schedule():
    """Density rho^(-k/n) after round k of n: 10, 1 and 0.1 % kept, each round the same share of what is left."""
    steps = sparsities(0.999, 3, "exponential")
    assert [round(1 - float(step), 12) for step in steps] == [0.1, 0.01, 0.001]
    assert [round(float(Fraction(step)), 12) for step in sparsities("3/4", 3, "linear")] == [0.25, 0.5, 0.75]


def test_a_mask_of_before_is_where_the_schedule_begins():
    assert sparsities(0.75, 2, "linear", start=0.5) == [0.625, 0.75]
    assert float(sparsities(0.875, 2, "exponential", start=0.5)[0]) == 0.75
    with pytest.raises(UsageError, match="removes"):
        sparsities(0.25, 2, "linear", start=0.5)


@given(st.integers(1, 400), shares, st.integers(1, 12), st.sampled_from(sorted(SCHEDULES)), st.integers(0, 3))
def test_the_count_is_that_of_one_round_and_nothing_comes_back(n, sparsity, rounds, schedule, seed):
    draw = torch.Generator().manual_seed(seed)
    seen = []

    def score(mask):
        seen.append(mask)
        return Scores({"w": torch.rand(n, generator=draw)})

    mask, _, before = in_rounds(
        score,
        lambda scores, target, earlier: select(scores, target, mask=earlier),
        sparsities(sparsity, rounds, schedule),
        None,
    )
    assert n - masks.kept(mask) == removal_count(sparsity, n)
    assert seen[0] is None and len(seen) == rounds
    for earlier, later in pairwise([*seen[1:], mask]):
        assert bool((earlier["w"] | ~later["w"]).all())
    assert before is seen[-1]


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
        sparsities(0.5, 2, "linaer")
    with pytest.raises(UsageError, match="rounds=0"):
        sparsities(0.5, 0, "linear")
    with pytest.raises(UsageError, match="one sparsity"):
        ll.prune(conv("relu"), Magnitude(), {"0.weight": 0.5, "4.weight": Fraction(1, 2)}, rounds=2)
