"""masks/select.py against a plain sort: the count, the order, the ties."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lotterylab import masks
from lotterylab.errors import UsageError
from lotterylab.masks.counts import removal_count
from lotterylab.masks.select import select
from lotterylab.types import Mask, Scores
from some_scores import cases, flat, lowest, quick, removed, scores_of, sparsities

WORDS = ("index", "random")


# the count


def test_every_size_up_to_200_and_every_sparsity_i_over_n_removes_i_in_the_order_of_score_and_index():
    for n in range(1, 201):
        # from all tied to hardly any
        values = [float(v) for v in numpy.random.default_rng(n).integers(0, 1 + n % 7 * n, n)]
        rank = {i: place for place, i in enumerate(sorted(range(n), key=lambda i: (values[i], i)))}
        scores = scores_of(values)
        for i in range(n):
            kept = select(scores, i / n)["t0"].tolist()
            assert kept == [rank[j] >= i for j in range(n)], (n, i)


@pytest.mark.parametrize("tied", [0, 1, 10, 50, 90, 99, 100])
@pytest.mark.parametrize("ties", WORDS)
def test_the_count_is_exact_whatever_the_share_of_ties(tied, ties):
    values = torch.arange(1000.0)
    values[torch.from_numpy(numpy.random.default_rng(tied).permutation(1000)[: 10 * tied])] = 500.0
    for percent in range(100):
        assert removed(select(scores_of(values), percent / 100, ties=ties)) == 10 * percent


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


def test_zero_keeps_all_and_one_empties_a_tensor_but_not_all_of_them():
    scores = scores_of([1.0, math.inf], [[-math.inf]])
    assert flat(select(scores, 0)) == [True] * 3
    emptied = select(scores, {"t0": 1, "t1": 0})
    assert flat(emptied) == [False, False, True]
    assert flat(select(scores, {"t0": 1, "t1": "0"}, mask=emptied)) == [False, False, True]
    for everything in (1, 1.0, "1", Fraction(1), {"t0": 1, "t1": 1}):
        with pytest.raises(UsageError, match=r"below 1, as 1 would keep nothing\. Did you mean 0\.9"):
            select(scores, everything)


def test_infinities_are_ordered_and_minus_zero_equals_zero():
    values = [0.0, -math.inf, -0.0, math.inf, -1.0]
    assert [flat(select(scores_of(values), i / 5)) for i in range(5)] == [lowest(values, i) for i in range(5)]


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
    for sparsity in (0, 0.2, 0.5, 0.9):
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
