"""Dynamic sparse reparameterization against its algorithm written out with numpy."""

from __future__ import annotations

from dataclasses import replace

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from interventions.some_moments import moment, sparse_moment
from lotterylab.errors import UsageError
from lotterylab.interventions import Dsr
from some_views import mlp


def carried(threshold: float):
    return {"threshold": torch.tensor(threshold, dtype=torch.float64)}


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.1, 0.9), st.floats(0.0, 1.0), st.floats(0.01, 1.0), st.floats(0.0, 0.5))
def test_it_is_its_algorithm(seed, density, threshold, fraction, tolerance):
    view = sparse_moment(10, density, seed)
    rule = Dsr(every=10, fraction=fraction, tolerance=tolerance)
    change = rule(view, carried(threshold))
    before = {name: kept.numpy() for name, kept in view.mask.items()}
    weights = {name: view.state[name].numpy() for name in before}
    stay = {name: before[name] & ~(abs(weights[name]) < threshold) for name in before}
    active, left = (sum(int(part.sum()) for part in parts.values()) for parts in (before, stay))
    gone = active - left
    wanted, adapted = fraction * active, threshold
    if gone < (1 - tolerance) * wanted:
        adapted = 2 * threshold
    elif gone > (1 + tolerance) * wanted:
        adapted = threshold / 2
    assert float(change.carry["threshold"]) == adapted
    if not gone:
        assert change.mask is None and not change.state
        return
    after = {name: kept.numpy() for name, kept in change.mask.items()}
    assert sum(int(kept.sum()) for kept in after.values()) == active, "the number over all layers is constant"
    shares = {name: max(int(kept.sum()), 1) for name, kept in stay.items()}
    for name, kept in stay.items():
        grown = after[name] & ~kept
        assert (after[name] & kept).sum() == kept.sum(), "all that stay, stay"
        quota, room = gone * shares[name] / sum(shares.values()), int((~kept).sum())
        full = any(gone * shares[other] / sum(shares.values()) > (~stay[other]).sum() for other in stay)
        assert full or abs(int(grown.sum()) - min(quota, room)) < 1
        assert not change.state[name].numpy()[~kept].any()
        assert numpy.array_equal(change.state[name].numpy()[kept], weights[name][kept])
        slot = change.optimizer[f"momentum/{name}"].numpy()
        assert not slot[~kept].any() and slot[kept].all()


def test_the_threshold_moves_until_the_number_that_leaves_is_the_one_that_was_asked():
    view = sparse_moment(0, 0.8)
    rule, carry, left = Dsr(every=1, fraction=0.2, threshold=1e-4, tolerance=0.9), None, []
    carry = dict(rule.begin(view))
    for step in range(1, 25):
        change = rule(replace(view, step=step), carry)
        carry |= change.carry
        threshold = float(carry["threshold"])
        left.append(sum(int((view.state[n].abs() < threshold)[kept].sum()) for n, kept in view.mask.items()))
    active = sum(int(kept.sum()) for kept in view.mask.values())
    assert left[0] == 0 and 0.1 * 0.2 * active <= left[-1] <= 1.9 * 0.2 * active
    assert rule.summary(carry) == {"dsr_threshold": threshold}


def test_every_inactive_weight_grows_equally_often():
    counts, view = torch.zeros(6, 4), sparse_moment(10)
    for seed in range(400):
        stream = lambda *names, seed=seed: numpy.random.default_rng([seed, *map(len, map(str, names))])  # noqa: E731
        change = Dsr(every=10)(replace(view, stream=stream), carried(0.2))
        counts += change.mask["0.weight"]
    stay = view.mask["0.weight"] & (view.state["0.weight"].abs() >= 0.2)
    assert (counts[stay] == 400).all()
    places = counts[~stay]
    assert places.min() > 0.6 * places.mean() and places.max() < 1.5 * places.mean()


def test_where_all_weights_leave_the_layers_grow_as_many_each():
    view = sparse_moment(10)
    change = Dsr(every=10)(view, carried(1e9))
    assert sum(int(kept.sum()) for kept in change.mask.values()) == sum(int(k.sum()) for k in view.mask.values())
    sizes = [int(kept.sum()) for kept in change.mask.values()]
    assert abs(sizes[0] - sizes[1]) <= 1


def test_between_two_steps_nothing_happens():
    assert not Dsr(every=10)(sparse_moment(15), carried(1e9)).mask


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Dsr().begin(moment(mlp("relu"))), "Dsr: the training begins with 42 of 42 weights active"),
        (lambda: Dsr().begin(sparse_moment(0, density=0.0)), "Dsr: the training begins with 0 of"),
        (lambda: Dsr(fraction=1.5), "Dsr: fraction=1.5"),
        (lambda: Dsr(threshold=-1), "Dsr: threshold=-1"),
        (lambda: Dsr(tolerance=2), "Dsr: tolerance=2"),
        (lambda: Dsr(every=0), "Dsr: every=0"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(make, words):
    with pytest.raises(UsageError, match=words):
        make()
