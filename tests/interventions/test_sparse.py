"""Gradual pruning, SET and RigL against the counts that their papers give, and algorithms written out by hand."""

from __future__ import annotations

import math

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from interventions.some_moments import moment, sparse_moment
from lotterylab.errors import UsageError
from lotterylab.interventions import Gradual, RigL, Set
from lotterylab.masks.select import select
from some_views import conv, mlp


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.2, 0.8), st.floats(0.05, 1.0), st.sampled_from([Set, RigL]))
def test_counts_stay_what_grows_was_inactive_and_starts_at_0(seed, density, fraction, kind):
    view = sparse_moment(10, density, seed)
    change = kind(every=10, fraction=fraction, until=1.0)(view, {})
    for name, before in view.mask.items():
        after = change.mask[name]
        assert int(after.sum()) == int(before.sum())
        grown = after & ~before
        assert not change.state[name][grown].any()
        assert not change.optimizer[f"momentum/{name}"][grown].any()
        stayed = after & before
        assert torch.equal(change.state[name][stayed], view.state[name][stayed])
        assert change.optimizer[f"momentum/{name}"][stayed].all(), "also of one that leaves and grows again"


@pytest.mark.parametrize("seed", range(8))
def test_rigl_is_its_algorithm(seed):
    """Written out with numpy: drop the smallest |w|, grow the largest |gradient| among all that are not left."""
    view = sparse_moment(20, 0.5, seed)
    share = 0.3 / 2 * (1 + math.cos(math.pi * 20 / 75))
    change = RigL(every=10)(view, {})
    for name, before in view.mask.items():
        weight, slope = (tensors[name].numpy().ravel() for tensors in (view.state, view.gradients))
        active = numpy.flatnonzero(before.numpy().ravel())
        leaving = int(len(active) * share)
        left = set(active[numpy.argsort(-abs(weight[active]), kind="stable")][: len(active) - leaving])
        others = [place for place in numpy.argsort(-abs(slope), kind="stable") if place not in left]
        assert set(numpy.flatnonzero(change.mask[name].numpy().ravel())) == left | set(others[:leaving])


def test_set_grows_every_inactive_weight_equally_often():
    counts = torch.zeros(6, 4)
    view = sparse_moment(10)
    for seed in range(400):
        again = sparse_moment(10, seed=0)
        stream = lambda *names, seed=seed: numpy.random.default_rng([seed, *map(len, map(str, names))])  # noqa: E731
        change = Set(every=10, fraction=0.5, until=1.0)(type(view)(**{**vars(again), "stream": stream}), {})
        counts += change.mask["0.weight"] & ~view.mask["0.weight"]
    places = counts[~view.mask["0.weight"]]
    assert places.min() > 0.6 * places.mean() and places.max() < 1.5 * places.mean()


def test_the_share_falls_as_a_cosine_and_is_0_from_its_end_on():
    rule = RigL(fraction=0.3, until=0.75)
    assert rule.share_at(0, 100) == pytest.approx(0.3)
    assert rule.share_at(37, 100) == pytest.approx(0.15 * (1 + math.cos(math.pi * 37 / 75)))
    assert rule.share_at(75, 100) == rule.share_at(99, 100) == 0.0
    assert not RigL(every=10)(sparse_moment(80), {}).mask and not RigL(every=10)(sparse_moment(15), {}).mask


@pytest.mark.parametrize(("shape", "sparsity", "ones"), [((30, 4), 0.5, 60), ((1, 2, 1, 4), 0.8, 2), ((30,), 0.1, 27)])
def test_random_masks_have_the_counts_of_rigls_unit_tests(shape, sparsity, ones):
    """floor(s N) zeros.   [google-research/rigl, sparse_utils_test.py]"""
    scores = {"weight": torch.rand(shape, generator=torch.Generator().manual_seed(0))}
    assert int(select(scores, sparsity)["weight"].sum()) == ones


def test_gradual_has_the_counts_of_its_schedule_and_nested_masks():
    rule = Gradual(sparsity=0.9, begin_step=4, end_step=24, every=5, scope="global")
    view = moment(mlp("tanh"))
    mask = {name: torch.ones_like(view.state[name], dtype=torch.bool) for name in ("0.weight", "2.weight")}
    entries = sum(kept.numel() for kept in mask.values())
    for step in range(1, 31):
        change = rule(type(view)(**{**vars(view), "step": step, "mask": mask}), {})
        if step not in (9, 14, 19, 24):
            assert change.mask is None
            continue
        expected = 0.9 * (1 - (1 - (step - 4) / 20) ** 3)
        removed = sum(int((~kept).sum()) for kept in change.mask.values())
        assert abs(removed - expected * entries) <= 1
        assert not any((change.mask[name] & ~mask[name]).any() for name in mask)
        mask = change.mask
    assert removed == round(0.9 * entries)


def test_gradual_with_one_step_at_the_end_is_one_shot_pruning():
    rule = Gradual(sparsity=0.7, begin_step=0, end_step=100, every=100, scope="global")
    view = moment(mlp("tanh"), step=100)
    names = ("0.weight", "2.weight")
    mask = {name: torch.ones_like(view.state[name], dtype=torch.bool) for name in names}
    change = rule(type(view)(**{**vars(view), "mask": mask}), {})
    expected = select({name: view.state[name].abs() for name in names}, 0.7)
    assert all(torch.equal(change.mask[name], expected[name]) for name in names)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: RigL().begin(moment(conv("relu"))), "RigL: the training begins with 48 of 48 weights active"),
        (lambda: Set().begin(sparse_moment(0, density=0.0)), "Set: the training begins with 0 of"),
        (lambda: Set().begin(sparse_moment(0, total_steps=None)), "Give total_steps"),
        (lambda: Set(fraction=1.5), "Set: fraction=1.5"),
        (lambda: Gradual(sparsity=0.9, begin_step=0, end_step=50, every=20), "Gradual: steps 0 to 50, every 20"),
        (lambda: Gradual(sparsity=90, begin_step=0, end_step=50, every=25), "Gradual: sparsity=90"),
        (lambda: Gradual(sparsity=0.9, begin_step=0, end_step=200).begin(moment(mlp("relu"))), "has 100 steps"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(make, words):
    with pytest.raises(UsageError, match=words):
        make()
