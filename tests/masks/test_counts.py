"""masks/counts.py: exact arithmetic, and LeNet's published ladder of counts."""

from __future__ import annotations

import math
import subprocess
import sys
from fractions import Fraction

import numpy
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from lotterylab import masks
from lotterylab.errors import UsageError
from lotterylab.masks.counts import alive_rate_counts, removal_count
from lotterylab.masks.select import select
from lotterylab.types import Scores
from some_scores import quick, scores_of


@quick
@given(st.integers(0, 10**6), st.integers(0, 1000), st.integers(1, 1000))
def test_removal_count_is_the_nearest_integer_to_the_written_decimal_and_halves_go_up(n, part, whole):
    assume(part <= whole)
    share = part / whole
    exact = Fraction(repr(share)) * n
    assert abs(removal_count(share, n) - exact) <= Fraction(1, 2)
    assert removal_count(Fraction(part, whole), n) == (2 * part * n + whole) // (2 * whole)


def test_removal_count_has_no_rounding_error_of_floats():
    assert (int(1000 * (1 - 0.9)), int(0.29 * 100)) == (99, 28)
    assert (removal_count(0.9, 1000), removal_count(0.29, 100), removal_count(0.1, 1000)) == (900, 29, 100)
    assert [removal_count(0.5, n) for n in (1, 2, 3)] == [1, 1, 2]
    assert [removal_count(s, 7) for s in (0, 1, "1/3", Fraction(1, 3), "0.5", 0.9)] == [0, 7, 2, 2, 4, 6]


@pytest.mark.parametrize("sparsity", [-0.1, 1.5, math.nan, math.inf, "90%", "half", "1/0", None, True])
def test_a_sparsity_that_is_no_number_from_0_to_1_is_refused(sparsity):
    with pytest.raises(UsageError, match="from 0 to 1"):
        select(scores_of([1.0, 2.0]), sparsity)


LENET = {"fc1": 235200, "fc2": 30000, "fc3": 1000}
RATE = {"fc1": 0.2, "fc2": 0.2, "fc3": 0.1}
KEPT = {3: 136511, 7: 56094, 9: 35981, 12: 18506, 15: 9537, 16: 7650}


def test_lenets_ladder_of_rates_keeps_the_published_counts():
    alive, kept = dict(LENET), {}
    for round_ in range(1, 17):
        alive = alive_rate_counts(alive, RATE)
        kept[round_] = sum(alive.values())
    assert {round_: kept[round_] for round_ in KEPT} == KEPT
    with pytest.raises(UsageError, match="rate says nothing about 'fc2'"):
        alive_rate_counts(LENET, {"fc1": 0.2})


@pytest.mark.parametrize("exact", [True, False])
def test_select_follows_the_ladder_round_by_round_with_sparsities_as_fractions_or_floats(exact):
    rng = numpy.random.default_rng(0)
    alive, mask = dict(LENET), None
    for round_ in range(1, 17):
        scores = Scores({name: torch.from_numpy(rng.random(n, dtype=numpy.float32)) for name, n in LENET.items()})
        alive = alive_rate_counts(alive, RATE)
        sparsity = {n: 1 - Fraction(alive[n], LENET[n]) if exact else 1 - alive[n] / LENET[n] for n in LENET}
        mask = select(scores, sparsity, mask=mask)
        assert {name: int(kept.sum()) for name, kept in mask.items()} == alive
        assert masks.kept(mask) == KEPT.get(round_, masks.kept(mask))


def test_counts_and_rules_can_be_imported_without_torch():
    program = "import sys; sys.modules['torch'] = None; from lotterylab.masks import counts, granularity, select"
    subprocess.run([sys.executable, "-c", program], check=True)
