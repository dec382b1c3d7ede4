"""Filters, blocks and N:M patterns: by hand, by NumPy, and as properties."""

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import lotterylab as ll
from lotterylab import masks
from lotterylab.auditing.alarms import reached_is_not_requested
from lotterylab.criteria import Magnitude
from lotterylab.errors import UsageError
from lotterylab.masks.granularity import Blocks, Pattern, granularity_of
from lotterylab.masks.select import Rule, select, selection
from lotterylab.types import Mask, Scores

dims = st.tuples(st.integers(1, 7), st.integers(1, 7), st.integers(1, 3))


def rand(shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_two_of_four_by_hand():
    scores = Scores({"w": torch.tensor([[4.0, 1.0, 3.0, 2.0, 9.0, 8.0], [0.0, 0.0, 0.0, 0.0, 1.0, 2.0]])})
    mask = select(scores, 0.5, granularity="2:4")["w"]
    # the last group of each row has two entries, and keeps both; of equal scores the lowest index goes first
    assert mask.tolist() == [[True, False, True, False, True, True], [False, False, True, True, True, True]]


def test_blocks_by_hand():
    scores = Scores({"w": torch.tensor([[1.0, 1.0, 5.0], [1.0, 1.0, 5.0], [9.0, 0.0, 2.0]])})
    # blocks of 2 x 2: means 1, 5, 4.5 and 2; half of four go: the lowest two
    mask = select(scores, 0.5, granularity="block:2x2")["w"]
    assert mask.tolist() == [[False, False, True], [False, False, True], [True, True, False]]


@given(dims, st.integers(1, 4), st.integers(1, 4), st.decimals(0, 1, places=2).map(str), st.integers(0, 3))
def test_blocks_go_whole_and_by_count(shape, rows, columns, sparsity, seed):
    scores = Scores({"w": rand(shape, seed)})
    granularity = f"block:{rows}x{columns}"
    selected = selection(scores, sparsity, None, Rule(granularity=granularity))
    mask, cut = selected.mask, selected.cut
    matrix, values = mask["w"].flatten(1).numpy(), scores["w"].flatten(1).double().numpy()
    kept, removed = [], []
    for top in range(0, matrix.shape[0], rows):
        for left in range(0, matrix.shape[1], columns):
            part = (slice(top, top + rows), slice(left, left + columns))
            assert matrix[part].all() or not matrix[part].any()
            (kept if matrix[part].all() else removed).append(values[part].mean())
    assert (cut.removed, cut.entries) == (len(removed), len(kept) + len(removed))
    assert cut.removed == cut.requested_removed
    assert not kept or not removed or min(kept) >= max(removed) - 1e-12


@given(dims, st.integers(1, 3), st.integers(2, 5), st.integers(0, 3), st.booleans())
def test_a_pattern_keeps_the_highest_of_each_group(shape, keep, of, seed, equal):
    if keep >= of:
        return
    scores = torch.ones(shape) if equal else rand(shape, seed)
    mask = select(Scores({"w": scores}), f"{of - keep}/{of}", granularity=f"{keep}:{of}")["w"]
    rows, values = mask.flatten(1).numpy(), scores.flatten(1).numpy()
    for row, of_row in zip(rows, values, strict=True):
        for first in range(0, len(row), of):
            group, of_group = row[first : first + of], of_row[first : first + of]
            assert group.sum() == min(keep, len(group))
            if group.any() and not group.all():
                assert of_group[group].min() >= of_group[~group].max()


@settings(deadline=None)  # a busy machine is no fault
@given(dims, st.integers(0, 3))
def test_nothing_comes_back_under_a_pattern(shape, seed):
    scores = Scores({"w": rand(shape, seed) - 0.5})
    earlier = Mask({"w": rand(shape, seed + 10) > 0.4})
    mask = select(scores, 0.5, granularity="2:4", mask=earlier)
    assert bool((earlier["w"] | ~mask["w"]).all())
    rows, before = mask["w"].flatten(1).numpy(), earlier["w"].flatten(1).numpy()
    for row, old in zip(rows, before, strict=True):
        for first in range(0, len(row), 4):
            assert row[first : first + 4].sum() == min(2, old[first : first + 4].sum())


def test_a_dead_entry_does_not_take_the_place_of_a_living_one_of_minus_infinity():
    scores = Scores({"w": torch.full((1, 4), -torch.inf)})
    earlier = Mask({"w": torch.tensor([[False, True, False, True]])})
    mask = select(scores, 0.5, granularity="2:4", mask=earlier)
    assert mask["w"].tolist() == [[False, True, False, True]]


def test_a_pattern_with_short_groups_raises_no_alarm():
    """27 inputs: six groups of four and three more, of which two stay: 0.4815 and not 0.5 goes, as the pattern asks."""
    scores = Scores({"w": rand((8, 3, 3, 3))})
    cut = selection(scores, 0.5, None, Rule(granularity="2:4")).cut
    assert (cut.removed, cut.requested_removed, cut.ties_at_cut, cut.exact_zero_scores) == (8 * 13, 8 * 13, 0, 0)
    assert cut.requested == cut.reached == 13 / 27
    assert not reached_is_not_requested(requested=cut.requested, removed=cut.removed, entries=cut.entries)


def test_random_ties_of_a_pattern_keep_each_entry_of_a_group_equally_often():
    scores = Scores({"w": torch.tensor([[3.0, 3.0, 3.0, 9.0, 5.0, 5.0]]).repeat(500, 1)})
    one, again, other = (select(scores, 0.5, granularity="2:4", ties="random", seed=s)["w"] for s in (1, 1, 2))
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert bool(one[:, 3:].all()) and bool((one[:, :3].sum(1) == 1).all())
    counts = one[:, :3].sum(0).double()
    assert float(((counts - 500 / 3) ** 2 / (500 / 3)).sum()) < 13.8  # chi^2, 2 degrees of freedom, 0.1 %


def test_ties_of_a_pattern_are_counted_and_refused_where_the_cut_goes_through_them():
    scores = Scores({"w": torch.tensor([[1.0, 2.0, 2.0, 2.0], [1.0, 1.0, 2.0, 3.0], [0.0, 7.0, 7.0, 8.0]])})
    cut = selection(scores, 0.5, None, Rule(granularity="2:4")).cut
    assert (cut.ties_at_cut, cut.exact_zero_scores) == (3 + 2, 1)  # of the second row both ones go
    with pytest.raises(UsageError, match="2 groups of 'w' have equal scores"):
        select(scores, 0.5, granularity="2:4", ties="refuse")
    earlier = Mask({"w": torch.tensor([[True, True, True, False], [True] * 4, [True, False, True, True]])})
    assert masks.kept(select(scores, 0.5, granularity="2:4", ties="refuse", mask=earlier)) == 6


def test_a_group_with_less_than_the_pattern_keeps_it_and_what_was_asked_counts_that():
    scores, earlier = Scores({"w": rand((2, 8))}), Mask({"w": torch.ones(2, 8, dtype=torch.bool)})
    earlier["w"][0, :3] = False
    cut = selection(scores, 0.5, earlier, Rule(granularity="2:4")).cut
    assert (cut.removed, cut.requested_removed, cut.requested) == (9, 9, 9 / 16)


def test_a_share_that_has_no_decimal_may_be_a_float():
    assert masks.kept(select(Scores({"w": rand((4, 9))}), 1 - 1 / 3, granularity="1:3")) == 12
    with pytest.raises(UsageError, match="removes 2/3"):
        select(Scores({"w": rand((4, 9))}), 0.667, granularity="1:3")


def test_a_published_rule_knows_one_count_and_a_pattern_has_many():
    with pytest.raises(UsageError, match="a count for each group of 4"):
        select(Scores({"w": rand((4, 8))}), 0.5, granularity="2:4", ties="lth-google")


def test_filters_are_blocks_of_one_row():
    scores = Scores({"a": rand((6, 4, 3, 3)), "b": rand((5, 9))})
    by_filter = select(scores, 0.4, granularity="filter")
    means = numpy.concatenate([scores[name].double().flatten(1).mean(1).numpy() for name in scores])
    kept = numpy.concatenate([by_filter[name].flatten(1).all(1).numpy() for name in scores])
    assert kept.sum() == 11 - 4
    assert means[kept].min() > means[~kept].max()


@given(st.integers(0, 20))
def test_weights_are_ranked_by_order_alone(seed):
    scores = rand((5, 6), seed)
    for granularity, sparsity in (("weight", 0.3), ("1:3", "2/3")):
        one, other = (
            select(Scores({"w": values}), sparsity, granularity=granularity) for values in (scores, scores.exp() * 7)
        )
        assert masks.digest(one) == masks.digest(other)


@pytest.mark.parametrize("granularity", ["filter", "block:2x8", "block:4x4"])
@pytest.mark.parametrize("scope", ["global", "layerwise", "erk", "balanced"])
def test_scopes_and_granularities_go_together(scope, granularity):
    scores = Scores({"a": rand((8, 4, 3, 3)), "b": rand((6, 40), 1)})
    cut = selection(scores, 0.5, None, Rule(scope=scope, granularity=granularity)).cut
    assert cut.removed == cut.requested_removed
    assert abs(cut.reached - 0.5) < 0.05


def test_the_library_prunes_by_pattern():
    module = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU(), torch.nn.Linear(4, 4))
    mask = ll.prune(module, Magnitude(), 0.5, granularity="2:4")
    assert all(bool((kept.view(-1, 4).sum(1) == 2).all()) for kept in mask.values())


WRONG = [
    ("wieght", 0.5, "Did you mean 'weight'"),
    ("block:0x4", 0.5, "Known: weight, filter, block:RxC, N:M"),
    ("4:4", 0.5, "nothing goes"),
    ("2:4", 0.9, "removes 1/2 of the weights; sparsity 0.9"),
    ("2:4", {"w": 0.5}, "removes 1/2"),
]


@pytest.mark.parametrize(("granularity", "sparsity", "says"), WRONG)
def test_wrong_words_are_refused(granularity, sparsity, says):
    with pytest.raises(UsageError) as refused:
        select(Scores({"w": rand((4, 4))}), sparsity, granularity=granularity)
    assert says in str(refused.value)


@pytest.mark.parametrize("granularity", ["filter", "block:2x2", "2:4"])
def test_a_vector_has_no_such_units(granularity):
    with pytest.raises(UsageError, match="'bias' has shape"):
        select(Scores({"bias": rand((4,))}), 0.5, granularity=granularity)


def test_words_and_values():
    assert granularity_of("block:3x5") == Blocks(rows=3, columns=5)
    assert str(Blocks(rows=3, columns=5)) == "block:3x5"
    assert granularity_of("1:4") == Pattern(keep=1, of=4)


def test_scores_of_any_memory_layout_have_the_same_pattern_and_any_number_may_say_the_share():
    scores = torch.randn(8, 8, generator=torch.Generator().manual_seed(0))
    plain = select(Scores({"w": scores.contiguous()}), 0.5, granularity="2:4")
    turned = select(Scores({"w": scores.t().contiguous().t()}), numpy.float32(0.5), granularity="2:4")  # type: ignore[arg-type]
    assert torch.equal(plain["w"], turned["w"])
