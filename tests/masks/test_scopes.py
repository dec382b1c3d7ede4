"""Scopes: exact totals, RigL's budgets, and what an earlier mask changes."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lotterylab import masks
from lotterylab.errors import UsageError
from lotterylab.masks.counts import removal_count
from lotterylab.masks.scopes import SCOPES, Layer, balanced, erk, uniform
from lotterylab.masks.select import select
from lotterylab.types import Mask, Scores

SHAPES = {"conv1": (64, 3, 3, 3), "conv2": (128, 64, 3, 3), "fc1": (256, 128), "fc2": (10, 256)}
sizes = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=2, max_size=5)
shares = st.decimals(0, 1, places=2).map(str)


def layers(shapes=None):
    shapes = shapes or SHAPES
    return {name: Layer(units=math.prod(s), alive=math.prod(s), shape=s) for name, s in shapes.items()}


def densities(rule, sparsity):
    return {name: 1 - float(share) for name, share in rule(Fraction(str(sparsity)), layers()).items()}


def test_erk_by_hand():
    """Density eps * sum(shape) / prod(shape), dense where that is above 1, eps such that the total fits.

    RigL's own code on the same shapes: the tolerance of its unit test is 2 entries.   [evci2020rigging]
    """
    found = densities(erk, "0.9")
    n = {name: math.prod(shape) for name, shape in SHAPES.items()}
    raw = {name: sum(shape) / math.prod(shape) for name, shape in SHAPES.items()}
    dense: set[str] = set()
    while True:
        eps = (0.1 * sum(n.values()) - sum(n[name] for name in dense)) / sum(
            raw[name] * n[name] for name in n if name not in dense
        )
        over = {name for name in n if name not in dense and eps * raw[name] >= 1}
        if not over:
            break
        dense |= over
    assert dense == {"fc2"}
    for name, density in found.items():
        assert density == pytest.approx(1.0 if name in dense else eps * raw[name], abs=2 / n[name])
    assert sum(density * n[name] for name, density in found.items()) == pytest.approx(0.1 * sum(n.values()), abs=0.5)


@pytest.mark.parametrize(("shape", "sparsity", "kept"), [((30, 4), 0.5, 60), ((1, 2, 1, 4), 0.8, 2), ((30,), 0.1, 27)])
@pytest.mark.parametrize("scope", ["global", "layerwise", "erk"])
def test_one_tensor_keeps_the_counts_that_rigls_unit_tests_expect(shape, sparsity, kept, scope):
    mask = select(Scores({"w": torch.rand(shape, generator=torch.Generator().manual_seed(0))}), sparsity, scope=scope)
    assert masks.kept(mask) == kept


@given(st.lists(st.tuples(st.integers(20, 60), st.integers(20, 60)), min_size=2, max_size=5), st.integers(50, 95))
def test_erks_densities_are_in_proportion_wherever_they_are_not_capped(shapes, percent):
    """(density of one) / (sum(shape) / prod(shape)) is the same number for all, within one entry of rounding."""
    named = {str(number): shape for number, shape in enumerate(shapes)}
    share = erk(Fraction(percent, 100), layers(named))
    kept = {name: (1 - share[name]) * math.prod(shape) for name, shape in named.items()}
    free = {name: shape for name, shape in named.items() if kept[name] < math.prod(shape)}
    rates = [(kept[name] / sum(shape), Fraction(1, sum(shape))) for name, shape in free.items()]
    assert all(abs(a - b) <= one + other for a, one in rates for b, other in rates)


def test_uniform_keeps_the_first_and_takes_the_same_of_the_others():
    found = densities(uniform, "0.8")
    assert found["conv1"] == 1.0
    others = [found[name] for name in ("conv2", "fc1", "fc2")]
    assert max(others) - min(others) < 1e-3
    with pytest.raises(UsageError, match=r"leaves the first tensor, 'conv1', as it is"):
        uniform(Fraction(999, 1000), layers())


def test_balanced_keeps_one_number_in_each_tensor_but_the_small_ones():
    """An equal split is a water level: the number that a tensor keeps is min(n, level), found here by bisection."""
    n = {name: math.prod(shape) for name, shape in SHAPES.items()}
    for sparsity in ("0.5", "0.9", "0.99"):
        total = sum(n.values()) - removal_count(sparsity, sum(n.values()))
        low, high = 0.0, float(max(n.values()))
        for _ in range(100):
            level = (low + high) / 2
            low, high = (low, level) if sum(min(size, level) for size in n.values()) > total else (level, high)
        found = densities(balanced, sparsity)
        for name, size in n.items():
            assert found[name] * size == pytest.approx(min(size, level), abs=1)
        assert sum(round(found[name] * size) for name, size in n.items()) == total


@given(sizes, shares, st.sampled_from(("uniform", "erk", "balanced")), st.integers(0, 5))
def test_the_total_is_exact_and_the_lowest_of_each_tensor_go(shapes, sparsity, scope, seed):
    draw = torch.Generator().manual_seed(seed)
    scores = Scores({str(number): torch.rand(shape, generator=draw) for number, shape in enumerate(shapes)})
    n = sum(one.numel() for one in scores.values())
    try:
        mask = select(scores, sparsity, scope=scope)
    except UsageError:
        alone = scope == "uniform" and scores["0"].numel() > n - removal_count(sparsity, n)
        assert alone or float(sparsity) == 1
        return
    assert masks.kept(mask) == n - removal_count(sparsity, n)
    for name, kept in mask.items():
        if bool(kept.any()) and not bool(kept.all()):
            assert float(scores[name][kept].min()) >= float(scores[name][~kept].max())
    if scope == "uniform":
        assert bool(mask["0"].all())


@given(sizes, st.lists(st.integers(0, 99), min_size=2, max_size=2), st.integers(0, 5))
def test_erk_after_an_earlier_mask_takes_the_rest_from_the_others(shapes, percents, seed):
    """A layer that has lost more than its share keeps what it has; the total is exact all the same."""
    first, second = (Fraction(one, 100) for one in sorted(percents))
    draw = torch.Generator().manual_seed(seed)
    scores = Scores({str(number): torch.rand(shape, generator=draw) for number, shape in enumerate(shapes)})
    n = sum(one.numel() for one in scores.values())
    earlier = select(scores, str(first))  # global: not in ERK's proportions
    mask = select(scores, str(second), scope="erk", mask=earlier)
    assert masks.kept(mask) == n - removal_count(str(second), n)
    assert all(bool((earlier[name] | ~mask[name]).all()) for name in mask)


def test_less_than_the_mask_removes_is_refused():
    scores = Scores({"a": torch.rand(4, 4), "b": torch.rand(4, 4)})
    earlier = Mask({"a": torch.zeros(4, 4, dtype=torch.bool), "b": torch.ones(4, 4, dtype=torch.bool)})
    for scope in ("uniform", "erk", "balanced"):
        with pytest.raises(UsageError, match="already removes 16"):
            select(scores, 0.25, scope=scope, mask=earlier)


def test_the_names_of_scopes():
    assert list(SCOPES) == ["global", "layerwise", "uniform", "erk", "balanced"]
    with pytest.raises(UsageError, match="Did you mean 'uniform'"):
        select(Scores({"a": torch.rand(2)}), 0.5, scope="unifrom")
