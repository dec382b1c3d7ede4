"""The published rules: their counts, their ties, their failures."""

from __future__ import annotations

import math

import numpy
import pytest
import torch

from lotterylab import masks
from lotterylab.errors import UsageError
from lotterylab.masks.profiles import PROFILES
from lotterylab.masks.select import Rule, select, selection
from lotterylab.types import Scores
from some_scores import flat, lowest, removed, scores_of

COUNTS = {  # removed of 1000 different scores, at 0.9 and at 0.5
    "grasp-official": (899, 499),
    "snip-mil-ad": (901, 500),
    "snip-official": (900, 500),
    "synflow-official": (900, 500),
    "lth-google": (901, 501),
    "open-lth": (901, 501),
    "early-bird": (901, 501),
    "renda": (900, 500),
    "deconstructing": (900, 500),
    "rigl": (900, 500),
    "edge-popup": (900, 500),
    "nncf": (900, 500),
    "activation-study": (98, 499),  # int((1 - 0.9) * 1000) is 99
    "threshold": (899, 499),
}
# which of 10 scores, 2 below, 6 equal and 2 above, go at 0.5: of the six, none, all or three
KEEP_TIES = {"grasp-official", "snip-mil-ad", "renda", "activation-study", "threshold"}
REMOVE_TIES = {"synflow-official", "lth-google", "open-lth", "early-bird", "nncf"}


def test_every_profile_is_described_here():
    assert set(COUNTS) == set(PROFILES)
    assert all(profile.__doc__ for profile in PROFILES.values())


@pytest.mark.parametrize("name", PROFILES)
def test_a_published_rule_removes_its_own_count_of_different_scores_and_always_the_lowest(name):
    scores = scores_of(torch.from_numpy(numpy.random.default_rng(0).permutation(1000)).view(20, 50) / 8)
    for sparsity, count in zip((0.9, 0.5), COUNTS[name], strict=True):
        assert flat(select(scores, sparsity, ties=name)) == lowest(flat(scores), count)


@pytest.mark.parametrize("name", PROFILES)
def test_a_published_rule_does_with_ties_what_its_docstring_says(name):
    values = [5.0, 1.0, 5.0, 5.0, 9.0, 5.0, 2.0, 5.0, 8.0, 5.0]
    mask = flat(select(scores_of(values), 0.5, ties=name))
    tied = [kept for kept, value in zip(mask, values, strict=True) if value == 5.0]
    assert [kept for kept, value in zip(mask, values, strict=True) if value != 5.0] == [False, True, False, True]
    if name in KEEP_TIES:
        assert tied == [True] * 6
    elif name in REMOVE_TIES:
        assert tied == [False] * 6
    elif name == "snip-official":
        assert tied == [True] * 3 + [False] * 3
    elif name == "edge-popup":
        assert tied == [False] * 3 + [True] * 3
    else:
        draws = {tuple(flat(select(scores_of(values), 0.5, ties=name, seed=seed))) for seed in range(8)}
        assert tied.count(False) == 3 and len(draws) > 1
        assert flat(select(scores_of(values), 0.5, ties=name)) == mask


@pytest.mark.parametrize("name", PROFILES)
def test_when_all_scores_are_equal_a_threshold_removes_none_or_all(name):
    count = removed(select(scores_of([0.5] * 40), 0.5, ties=name))
    assert count == (0 if name in KEEP_TIES else 40 if name in REMOVE_TIES else 20)


def test_deconstructing_removes_one_too_few_of_lenets_first_layer():
    scores = scores_of(torch.from_numpy(numpy.random.default_rng(0).permutation(235200)).float())
    assert removed(select(scores, 0.2, ties="deconstructing")) == 47039
    assert removed(select(scores, 0.2)) == 47040


def test_rigls_noise_reorders_scores_nearer_than_it():
    near = scores_of(torch.arange(100.0) * 1e-7)
    assert removed(select(near, 0.5, ties="rigl")) == 50
    assert masks.digest(select(near, 0.5, ties="rigl")) != masks.digest(select(near, 0.5))


def test_the_activation_study_removed_a_fraction_1_minus_s_of_its_544864_weights():
    scores = scores_of(torch.from_numpy(numpy.random.default_rng(0).permutation(544864)).float())
    counts = [removed(select(scores, sparsity, ties="activation-study")) for sparsity in (0.5, 0.8, 0.9)]
    assert counts == [272431, 108971, 54485]
    assert [removed(select(scores, sparsity)) for sparsity in (0.5, 0.8, 0.9)] == [272432, 435891, 490378]


def test_the_activation_studys_rule_gives_one_mask_for_all_targets_where_most_scores_are_zero():
    scores = scores_of([-1.0] * 5 + [0.0] * 90 + [1.0] * 5)
    chosen = [selection(scores, sparsity, None, Rule(ties="activation-study")) for sparsity in (0.5, 0.8, 0.9)]
    assert len({masks.digest(selected.mask) for selected in chosen}) == 1 and removed(chosen[0].mask) == 5
    assert [selected.cut.ties_at_cut for selected in chosen] == [90, 90, 90]


@pytest.mark.parametrize("name", ["activation-study", "threshold", "synflow-official"])
def test_a_rule_whose_k_is_0_removes_nothing(name):
    sparsity = {"t0": 1, "t1": 0.5} if name == "activation-study" else 0  # it removes 1 - s
    assert int((~select(scores_of([0.0, 1.0], [0.0, 1.0]), sparsity, ties=name)["t0"]).sum()) == 0


@pytest.mark.parametrize(
    ("name", "sparsity"),
    [("grasp-official", 0), ("snip-mil-ad", 1), ("lth-google", 1), ("open-lth", 1), ("early-bird", 1)],
)
def test_where_a_published_code_reads_past_its_scores_there_is_an_error_and_no_mask(name, sparsity):
    with pytest.raises(UsageError, match="of 3, and its code fails too"):
        select(scores_of([0.0, 1.0, 2.0], [0.0, 1.0, 2.0]), {"t0": sparsity, "t1": 0.5}, ties=name)


def test_renda_is_numpys_percentile_and_refuses_to_interpolate_infinities():
    values = numpy.random.default_rng(0).random(101)
    for sparsity in (0.0, 0.13, 0.5, 0.505, 0.995):
        kept = flat(select(Scores({"w": torch.from_numpy(values)}), sparsity, ties="renda"))
        assert kept == (values >= numpy.percentile(values, 100 * sparsity)).tolist()
    with pytest.raises(UsageError, match="some are infinite"):
        select(scores_of([math.inf, 1.0]), 0.5, ties="renda")


def test_a_published_rule_sees_what_is_alive_and_the_share_of_it_that_is_left_to_remove():
    scores = scores_of(torch.arange(1000.0))
    earlier = select(scores, 0.2)
    for sparsity in (0.36, "0.36"):  # 0.2 of the 800: round(160) + 1 more
        assert removed(select(scores, sparsity, mask=earlier, ties="lth-google")) == 200 + 161
    two = scores_of(torch.arange(1000.0), [0.0, 1.0])
    nothing = select(two, {"t0": 1, "t1": 0})
    assert removed(select(two, {"t0": 1, "t1": 0.2}, mask=nothing, ties="lth-google")) == 1001


def test_nncf_removes_one_weight_where_none_is_asked_for_and_a_layer_of_equal_weights():
    scores = scores_of([3.0, 1.0, 2.0, 4.0])
    assert flat(select(scores, 0.0, ties="nncf")) == [True, False, True, True]
    assert removed(select(scores_of([0.5] * 40), 0.0, ties="nncf")) == 40
    for sparsity in (0.1, 0.25, 0.5, 0.7, 0.9):  # the formula of the library, with its own call
        values = torch.from_numpy(numpy.random.default_rng(1).random(37))
        expected = values > values.kthvalue(int((37 - 1) * sparsity) + 1).values
        assert flat(select(scores_of(values), sparsity, ties="nncf")) == expected.tolist()
