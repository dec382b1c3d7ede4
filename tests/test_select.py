"""select.py and its parts against plain-Python oracles: the count, the order, the ties, the published rules."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from fractions import Fraction
from typing import Any

import numpy
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lotterylab import masks
from lotterylab.counts import alive_rate_counts, removal_count
from lotterylab.cuts import describe_cut
from lotterylab.errors import UsageError
from lotterylab.select import PROFILES, select
from lotterylab.types import Mask, Scores

quick = settings(max_examples=60, deadline=None)
finite = st.integers(-6, 6).map(float)  # few values, so many ties
levels = st.one_of(finite, st.sampled_from([math.inf, -math.inf, -0.0]))
sparsities = st.integers(0, 40).map(lambda i: i / 40)
WORDS = ("index", "random")


def scores_of(*values: list[Any] | torch.Tensor) -> Scores:
    return Scores({f"t{i}": torch.as_tensor(value, dtype=torch.float32) for i, value in enumerate(values)})


def flat(tensors: dict[str, torch.Tensor]) -> list:
    return [entry for tensor in tensors.values() for entry in tensor.flatten().tolist()]


def removed(mask: Mask) -> int:
    return masks.entries(mask) - masks.kept(mask)


def lowest(values: list[float], count: int) -> list[bool]:
    """The oracle: which are kept when ``count`` go, the lowest first, and of equal ones the lowest index."""
    going = set(sorted(range(len(values)), key=lambda i: (values[i], i))[:count])
    return [i not in going for i in range(len(values))]


@st.composite
def cases(draw: st.DrawFn) -> Scores:
    """Three tensors of several shapes, with ties within and across."""
    values = [draw(st.lists(levels, min_size=n, max_size=n)) for n in (6, 4, 12)]
    shaped = [torch.tensor(v).view(shape) for v, shape in zip(values, [(2, 3), (4,), (3, 2, 2)], strict=True)]
    return scores_of(*draw(st.permutations(shaped)))


# the count


def test_every_size_up_to_200_and_every_sparsity_i_over_n_removes_i_in_the_order_of_score_and_index():
    for n in range(1, 201):
        # from all tied to hardly any
        values = [float(v) for v in numpy.random.default_rng(n).integers(0, 1 + n % 7 * n, n)]
        rank = {i: place for place, i in enumerate(sorted(range(n), key=lambda i: (values[i], i)))}
        scores = scores_of(values)
        for i in range(n + 1):
            kept = select(scores, i / n)["t0"].tolist()
            assert kept == [rank[j] >= i for j in range(n)], (n, i)


@pytest.mark.parametrize("tied", [0, 1, 10, 50, 90, 99, 100])
@pytest.mark.parametrize("ties", WORDS)
def test_the_count_is_exact_whatever_the_share_of_ties(tied, ties):
    values = torch.arange(1000.0)
    values[torch.from_numpy(numpy.random.default_rng(tied).permutation(1000)[: 10 * tied])] = 500.0
    for percent in range(101):
        assert removed(select(scores_of(values), percent / 100, ties=ties)) == 10 * percent


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


# the order


@quick
@given(cases(), sparsities)
def test_over_all_tensors_the_lowest_go_and_of_equal_ones_the_first_in_the_order_of_the_dict(scores, sparsity):
    values = flat(scores)
    assert flat(select(scores, sparsity)) == lowest(values, removal_count(sparsity, len(values)))


@quick
@given(cases(), sparsities)
def test_layerwise_is_the_same_fraction_of_each_tensor(scores, sparsity):
    mask = select(scores, sparsity, scope="layerwise")
    for name, tensor in scores.items():
        assert flat({name: mask[name]}) == lowest(flat({name: tensor}), removal_count(sparsity, tensor.numel()))


@quick
@given(cases(), st.lists(sparsities, min_size=3, max_size=3))
def test_a_mapping_gives_each_tensor_its_own_count_in_any_order_of_names(scores, fractions):
    wanted = dict(zip(reversed(scores), fractions, strict=True))
    for scope in ("global", "layerwise"):
        mask = select(scores, wanted, scope=scope)
        assert list(mask) == list(scores)
        assert all(
            flat({n: mask[n]}) == lowest(flat({n: t}), removal_count(wanted[n], t.numel())) for n, t in scores.items()
        )


@quick
@given(cases(), sparsities, st.sampled_from(["global", "layerwise"]))
def test_a_kept_score_is_never_below_a_removed_one(scores, sparsity, scope):
    mask = select(scores, sparsity, scope=scope)
    groups = [list(scores)] if scope == "global" else [[name] for name in scores]
    for names in groups:
        values = torch.cat([scores[name].flatten() for name in names])
        kept = torch.cat([mask[name].flatten() for name in names])
        if bool(kept.any()) and not bool(kept.all()):
            assert values[kept].min() >= values[~kept].max()


@quick
@given(cases(), sparsities, st.sampled_from(WORDS), st.integers(0, 5))
def test_strictly_increasing_transforms_change_nothing(scores, sparsity, ties, seed):
    bent = Scores({name: torch.atan(tensor.double()) * 3 + 1 for name, tensor in scores.items()})
    first, second = (select(s, sparsity, ties=ties, seed=seed) for s in (scores, bent))
    assert masks.digest(first) == masks.digest(second)


@quick
@given(cases(), sparsities, sparsities, st.sampled_from(WORDS))
def test_a_higher_sparsity_gives_a_subset(scores, one, other, ties):
    less, more = (select(scores, s, ties=ties, seed=3) for s in sorted((one, other)))
    assert all(not bool((more[name] & ~less[name]).any()) for name in scores)


@quick
@given(cases(), sparsities, sparsities, st.integers(0, 99))
def test_an_earlier_mask_counts_and_nothing_in_it_comes_back(scores, one, other, seed):
    first, second = sorted((one, other))
    earlier = masks.shuffle(select(scores, first), seed)  # not the mask that these scores would give
    mask = select(scores, second, mask=earlier)
    assert removed(mask) == removal_count(second, masks.entries(mask))
    assert all(not bool((mask[name] & ~earlier[name]).any()) for name in scores)
    candidates = [value for value, kept in zip(flat(scores), flat(earlier), strict=True) if kept]
    kept_of_them = [after for after, before in zip(flat(mask), flat(earlier), strict=True) if before]
    assert kept_of_them == lowest(candidates, removed(mask) - removed(earlier))


@quick
@given(cases(), sparsities, sparsities)
def test_in_two_steps_is_the_same_as_in_one(scores, one, other):
    first, second = sorted((one, other))
    steps = select(scores, second, mask=select(scores, first))
    assert masks.digest(steps) == masks.digest(select(scores, second))


def test_a_mask_that_already_removes_more_is_refused_with_both_counts():
    scores = scores_of(torch.arange(100.0), torch.arange(10.0))
    earlier = select(scores, {"t0": 0.3, "t1": 0.5})
    with pytest.raises(UsageError, match=r"asks that 22 of 110 entries go, but the mask already removes 35.*7/22 or"):
        select(scores, 0.2, mask=earlier)
    with pytest.raises(UsageError, match="asks that 4 of 10 entries of 't1' go, but the mask already removes 5"):
        select(scores, 0.4, mask=earlier, scope="layerwise")
    with pytest.raises(UsageError, match="already removes 35"):
        select(scores, 0.2, mask=earlier, ties="threshold")
    assert masks.digest(select(scores, "7/22", mask=earlier)) == masks.digest(earlier)


def test_zero_keeps_all_and_one_keeps_none():
    scores = scores_of([1.0, math.inf], [[-math.inf]])
    assert flat(select(scores, 0)) == [True] * 3
    assert flat(select(scores, 1)) == [False] * 3
    assert flat(select(scores, 1, mask=select(scores, 1))) == [False] * 3


def test_infinities_are_ordered_and_minus_zero_equals_zero():
    values = [0.0, -math.inf, -0.0, math.inf, -1.0]
    assert [flat(select(scores_of(values), i / 5)) for i in range(6)] == [lowest(values, i) for i in range(6)]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_scores_may_be_of_any_floating_type_and_of_several(dtype):
    scores = Scores({"a": torch.tensor([3.0, 1.0, 2.0], dtype=dtype), "b": torch.tensor([0.5, 2.5])})
    assert flat(select(scores, 0.4)) == [True, False, True, False, True]
    assert flat(select(scores, 0.4, ties="threshold")) == [True, True, True, False, True]


def test_the_scores_memory_layout_does_not_matter_and_their_graph_is_not_followed():
    plain = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    last = plain.clone(memory_format=torch.channels_last).requires_grad_()
    for granularity in ("weight", "filter"):
        one, other = (select(Scores({"w": w}), 0.5, granularity=granularity) for w in (plain, last))
        assert torch.equal(one["w"], other["w"])


def test_the_masks_share_no_memory_with_each_other_nor_with_the_earlier_one():
    scores = scores_of([1.0, 2.0], [3.0, 4.0])
    earlier = masks.ones(scores)
    for sparsity in (0, 0.5):
        mask = select(scores, sparsity, mask=earlier)
        pointers = {tensor.untyped_storage().data_ptr() for tensor in (*mask.values(), *earlier.values())}
        assert len(pointers) == 4


# ties


def test_ties_refuse_names_how_many_share_the_score_only_if_the_cut_goes_through_them():
    scores = scores_of([0.0, 1.0, 2.0, 2.0, 2.0, 5.0, 6.0, 7.0, 8.0, 9.0])
    with pytest.raises(UsageError, match="3 entries share the score 2 at the cut, and 1 of them would have to go"):
        select(scores, 0.3, ties="refuse")
    for sparsity in (0, 0.2, 0.5, 1):
        assert masks.digest(select(scores, sparsity, ties="refuse")) == masks.digest(select(scores, sparsity))
    with pytest.raises(UsageError, match="3 entries of 't0' share"):
        select(scores, {"t0": 0.4}, ties="refuse")
    # of the three, one was removed before: two candidates, and both go
    earlier = Mask({"t0": torch.tensor([True, True, False, *[True] * 7])})
    assert removed(select(scores, 0.5, mask=earlier, ties="refuse")) == 5


def test_random_ties_are_reproducible_and_are_all_that_the_seed_changes():
    scores = scores_of([0.0] * 50, [1.0, -1.0])
    draws = [select(scores, 0.5, ties="random", seed=seed) for seed in (0, 0, 1, 2)]
    digests = [masks.digest(draw) for draw in draws]
    assert digests[0] == digests[1] and len(set(digests)) == 3
    assert all(flat(draw)[50:] == [True, False] for draw in draws)
    assert len({masks.digest(select(scores, 1 / 52, ties="random", seed=seed)) for seed in range(4)}) == 1


def test_random_ties_remove_every_tied_entry_equally_often():
    draws = 2000
    scores = scores_of([0.0] * 4 + [1.0], [0.0] * 4)
    counts = numpy.sum([~numpy.array(flat(select(scores, "1/3", ties="random", seed=s))) for s in range(draws)], axis=0)
    assert counts[4] == 0
    expected = draws * 3 / 8
    assert ((numpy.delete(counts, 4) - expected) ** 2 / expected).sum() < 24.3  # chi^2, 7 degrees of freedom, 0.1 %


def test_random_ties_of_one_tensor_do_not_depend_on_the_others_where_each_has_its_own_count():
    one, two = scores_of([0.0] * 20), scores_of([0.0] * 20, [0.0] * 20)
    alone, beside = (select(s, 0.5, scope="layerwise", ties="random") for s in (one, two))
    assert torch.equal(alone["t0"], beside["t0"])
    assert not torch.equal(beside["t0"], beside["t1"])


# filters


def test_filters_are_removed_whole_by_their_mean_score():
    weights = torch.randn(6, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    scores = Scores({"conv": weights.abs(), "linear": torch.full((4, 5), 10.0)})
    mask = select(scores, 0.3, granularity="filter")
    means = [float(w.abs().double().mean()) for w in weights] + [10.0] * 4
    by_filter = [slice_ for name in mask for slice_ in mask[name]]
    assert [bool(s.all()) for s in by_filter] == [bool(s.any()) for s in by_filter] == lowest(means, 3)
    assert mask["conv"].shape == (6, 3, 2, 2)
    layerwise = select(scores, 0.5, granularity="filter", scope="layerwise")
    assert [int(kept.flatten(1).any(1).sum()) for kept in layerwise.values()] == [3, 2]
    assert flat({"linear": layerwise["linear"]}) == [False] * 10 + [True] * 10


def test_filters_whose_means_differ_by_less_than_the_scores_precision_are_no_ties():
    half = torch.tensor(
        [[1.0, 1.0009765625], [1.0, 1.0]], dtype=torch.float16
    )  # neighbours: the mean lies between them
    assert select(Scores({"w": half}), 0.5, granularity="filter", ties="refuse")["w"].tolist() == [
        [True] * 2,
        [False] * 2,
    ]


def test_filters_that_an_earlier_mask_cut_into_do_not_grow_back():
    scores = Scores({"w": torch.arange(12.0).view(4, 3)})
    earlier = Mask({"w": torch.ones(4, 3, dtype=torch.bool)})
    earlier["w"][0] = False
    earlier["w"][3, 1] = False
    mask = select(scores, 0.5, granularity="filter", mask=earlier)
    assert mask["w"].tolist() == [[False] * 3, [False] * 3, [True] * 3, [True, False, True]]


def test_filter_granularity_refuses_what_has_no_filters_and_means_that_are_none():
    with pytest.raises(UsageError, match=r"'t0' has shape \(3,\)"):
        select(scores_of([1.0, 2.0, 3.0]), 0.5, granularity="filter")
    with pytest.raises(UsageError, match=r"filter of 't0' has scores of both \+inf and -inf"):
        select(scores_of([[math.inf, -math.inf]]), 0.5, granularity="filter")


# refusals


def test_nan_is_refused_with_the_name_of_the_tensor():
    scores = scores_of([1.0, 2.0], [1.0, math.nan, math.nan])
    with pytest.raises(UsageError, match="2 of 3 scores of 't1' are NaN"):
        select(scores, 0.5)
    with pytest.raises(UsageError, match="'t1' are NaN"):
        describe_cut(scores, None, masks.ones(scores), 0.5)


def test_scores_that_cannot_be_ordered_are_refused():
    with pytest.raises(UsageError, match="the dict is empty"):
        select(Scores({}), 0.5)
    with pytest.raises(UsageError, match=r"'w' are torch\.int64"):
        select(Scores({"w": torch.arange(3)}), 0.5)
    with pytest.raises(UsageError, match=r"'w' has shape \(0, 3\)"):
        select(Scores({"w": torch.zeros(0, 3)}), 0.5)


def test_unknown_words_are_refused_with_the_nearest_one():
    scores = scores_of([1.0, 2.0])
    with pytest.raises(UsageError, match=r"no scope is named 'layer-wise'\. Did you mean 'layerwise'"):
        select(scores, 0.5, scope="layer-wise")
    with pytest.raises(UsageError, match=r"no granularity is named 'filters'\. Did you mean 'filter'"):
        select(scores, 0.5, granularity="filters")
    with pytest.raises(UsageError, match=r"named 'grasp-oficial'\. Did you mean 'grasp-official'"):
        select(scores, 0.5, ties="grasp-oficial")


def test_a_mapping_or_a_mask_must_name_every_tensor_and_no_other():
    scores = Scores({"conv.weight": torch.ones(2, 2), "linear.weight": torch.ones(3)})
    with pytest.raises(UsageError, match=r"sparsity names 'conv\.wieght'.*Did you mean 'conv\.weight'"):
        select(scores, {"conv.wieght": 0.5, "linear.weight": 0.5})
    with pytest.raises(UsageError, match=r"sparsity says nothing about 'linear\.weight' \(1 missing\)"):
        select(scores, {"conv.weight": 0.5})
    with pytest.raises(UsageError, match=r"mask says nothing about 'linear\.weight'"):
        select(scores, 0.5, mask=masks.ones(scores, ["conv.weight"]))
    with pytest.raises(UsageError, match=r"mask of 'linear\.weight' has shape \(4,\)"):
        select(scores, 0.5, mask=Mask({**masks.ones(scores), "linear.weight": torch.ones(4, dtype=torch.bool)}))


# the published rules

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
    "activation-study": (98, 499),  # int((1 - 0.9) * 1000) is 99
    "threshold": (899, 499),
}
# which of 10 scores, 2 below, 6 equal and 2 above, go at 0.5: of the six, none, all or three
KEEP_TIES = {"grasp-official", "snip-mil-ad", "renda", "activation-study", "threshold"}
REMOVE_TIES = {"synflow-official", "lth-google", "open-lth", "early-bird"}


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
    chosen = [select(scores, sparsity, ties="activation-study") for sparsity in (0.5, 0.8, 0.9)]
    assert {masks.digest(mask) for mask in chosen} == {masks.digest(chosen[0])} and removed(chosen[0]) == 5
    cuts = [describe_cut(scores, None, mask, s) for mask, s in zip(chosen, (0.5, 0.8, 0.9), strict=True)]
    assert [cut.ties_at_cut for cut in cuts] == [90, 90, 90]


@pytest.mark.parametrize("name", ["activation-study", "threshold", "synflow-official"])
def test_a_rule_whose_k_is_0_removes_nothing(name):
    assert removed(select(scores_of([0.0, 1.0]), 1 if name == "activation-study" else 0, ties=name)) == 0


@pytest.mark.parametrize(
    ("name", "sparsity"),
    [("grasp-official", 0), ("snip-mil-ad", 1), ("lth-google", 1), ("open-lth", 1), ("early-bird", 1)],
)
def test_where_a_published_code_reads_past_its_scores_there_is_an_error_and_no_mask(name, sparsity):
    with pytest.raises(UsageError, match="of 3, and its code fails too"):
        select(scores_of([0.0, 1.0, 2.0]), sparsity, ties=name)


def test_renda_is_numpys_percentile_and_refuses_to_interpolate_infinities():
    values = numpy.random.default_rng(0).random(101)
    for sparsity in (0.0, 0.13, 0.5, 0.505, 1.0):
        kept = flat(select(Scores({"w": torch.from_numpy(values)}), sparsity, ties="renda"))
        assert kept == (values >= numpy.percentile(values, 100 * sparsity)).tolist()
    with pytest.raises(UsageError, match="some are infinite"):
        select(scores_of([math.inf, 1.0]), 0.5, ties="renda")


def test_a_published_rule_sees_what_is_alive_and_the_share_of_it_that_is_left_to_remove():
    scores = scores_of(torch.arange(1000.0))
    earlier = select(scores, 0.2)
    for sparsity in (0.36, "0.36"):  # 0.2 of the 800: round(160) + 1 more
        assert removed(select(scores, sparsity, mask=earlier, ties="lth-google")) == 200 + 161
    nothing = select(scores, 1)
    assert removed(select(scores, 1, mask=nothing, ties="lth-google")) == 1000


# the ladder

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


# what a cut is described as


def test_a_cut_is_described_in_numbers():
    scores = scores_of([[0.0, 0.0], [3.0, 4.0]], [0.0, 0.0, 0.0, 1.0, 2.0, 5.0])
    before = Mask({"t0": torch.tensor([[False, True], [True, True]]), "t1": torch.ones(6, dtype=torch.bool)})
    after = select(scores, 0.3, mask=before)
    cut = describe_cut(scores, before, after, 0.3)
    assert (cut.entries, cut.requested, cut.requested_removed, cut.removed, cut.reached) == (10, 0.3, 3, 3, 0.3)
    assert (cut.ties_at_cut, cut.exact_zero_scores) == (4, 4)
    assert cut.layers == {"t0": 0.5, "t1": 5 / 6} and cut.emptied == ()
    assert describe_cut(scores, before, select(scores, 0.5, mask=before), 0.5).ties_at_cut == 0  # all four go
    assert describe_cut(scores, None, masks.ones(scores), 0).ties_at_cut == 0
    assert json.loads(json.dumps(cut.as_dict())) == cut.as_dict()


def test_a_cut_that_missed_its_count_shows_both_and_the_tensors_it_emptied():
    scores = scores_of([0.5] * 30, [0.5] * 9 + [1.0])
    cut = describe_cut(scores, None, select(scores, 0.5, ties="early-bird"), 0.5)
    assert (cut.requested_removed, cut.removed, cut.reached, cut.ties_at_cut) == (20, 39, 0.975, 39)
    assert cut.emptied == ("t0",) and cut.layers == {"t0": 0.0, "t1": 0.1}


def test_a_cut_is_described_as_it_was_asked_by_layer_or_by_filter():
    scores = scores_of([1.0, 1.0, 1.0, 2.0], [1.0, 2.0])
    layerwise = describe_cut(scores, None, select(scores, 0.5, scope="layerwise"), 0.5, scope="layerwise")
    assert (layerwise.requested_removed, layerwise.removed, layerwise.ties_at_cut) == (3, 3, 3)
    wanted = {"t0": 0.25, "t1": 0}
    mapped = describe_cut(scores, None, select(scores, wanted), wanted)
    assert (mapped.requested, mapped.requested_removed, mapped.ties_at_cut) == (1 / 6, 1, 3)
    filters = scores_of(torch.tensor([[1.0, 3.0], [2.0, 2.0], [5.0, 5.0]]))
    cut = describe_cut(filters, None, select(filters, "1/3", granularity="filter"), "1/3", granularity="filter")
    assert (cut.entries, cut.removed, cut.ties_at_cut, cut.layers) == (3, 1, 2, {"t0": 2 / 3})


# where it may be imported


def test_counts_and_rules_can_be_imported_without_torch():
    program = "import sys; sys.modules['torch'] = None; import lotterylab.select, lotterylab.cuts, lotterylab.counts"
    subprocess.run([sys.executable, "-c", program], check=True)
