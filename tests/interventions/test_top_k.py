"""Top-k after each step against a training written out with numpy, and the count of each matrix and unit."""

from __future__ import annotations

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from interventions.some_moments import moment, sparse_moment
from lotterylab import attach
from lotterylab.errors import UsageError
from lotterylab.interventions import TopK
from some_views import conv, mlp

NAMES = ("0.weight", "2.weight")


def largest_by_hand(weight: numpy.ndarray, sparsity: float, per_unit: int, kept: numpy.ndarray) -> set[int]:
    """The places of the j largest of each row and then of the largest of all, among the kept ones."""
    row = weight.reshape(len(weight), -1).shape[1]
    order = [int(place) for place in numpy.argsort(-abs(weight.ravel()), kind="stable") if kept.ravel()[place]]
    chosen = {place for unit in range(len(weight)) for place in [p for p in order if p // row == unit][:per_unit]}
    count = max(weight.size - int(sparsity * weight.size + 0.5), len(chosen))
    return chosen | set([place for place in order if place not in chosen][: count - len(chosen)])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.1, 0.5, 0.8, 1.0]), st.integers(0, 3), st.booleans())
def test_the_largest_of_each_matrix_and_of_each_unit_stay(seed, sparsity, per_unit, masked):
    view = sparse_moment(9, 0.6, seed) if masked else moment(mlp("tanh", seed), step=9)
    change = TopK(sparsity=sparsity, end_step=9, per_unit=per_unit)(view, {})
    assert change.mask is None and not change.optimizer, "nobody holds the mask, and the optimizer's state stays"
    for name in NAMES:
        weight = view.state[name].numpy()
        kept = view.mask[name].numpy() if masked else numpy.ones(weight.shape, dtype=bool)
        largest = numpy.zeros(weight.size, dtype=bool)
        largest[list(largest_by_hand(weight, sparsity, per_unit, kept))] = True
        largest = largest.reshape(weight.shape)
        assert numpy.array_equal(change.found["top-k"][name].numpy(), largest)
        assert numpy.array_equal(change.state[name].numpy(), numpy.where(largest, weight, 0.0))
        assert not numpy.signbit(change.state[name].numpy()[~largest]).any()


def test_a_training_with_momentum_is_the_one_written_out_with_numpy_and_weights_come_back():
    """Mean squared error of a linear layer: dense gradient, dense momentum, and zeros after each step."""
    draw = numpy.random.default_rng(0)
    torch.manual_seed(0)
    layer = torch.nn.Linear(12, 5, bias=False).double()
    weight, velocity = layer.weight.detach().numpy().copy(), numpy.zeros((5, 12))
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.05, momentum=0.8, weight_decay=0.01)
    rule = TopK(sparsity=0.8, begin_step=5, end_step=25, per_unit=1)
    dense = {"weight": torch.ones(5, 12, dtype=torch.bool)}
    held, masks = attach(layer, optimizer, dense, during=[rule], total_steps=60), []
    for step in range(1, 61):
        inputs, targets = draw.standard_normal((8, 12)), draw.standard_normal((8, 5))
        loss = (layer(torch.from_numpy(inputs)) - torch.from_numpy(targets)).square().sum() / 16
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        slope = (inputs @ weight.T - targets).T @ inputs / 8 + 0.01 * weight
        velocity = 0.8 * velocity + slope
        weight = weight - 0.05 * velocity
        sparsity = 0.8 * min(max((step - 5) / 20, 0.0), 1.0)
        largest = largest_by_hand(weight, round(sparsity, 12), 1, numpy.ones_like(weight))
        weight.ravel()[[place not in largest for place in range(weight.size)]] = 0.0
        assert numpy.allclose(layer.weight.detach().numpy(), weight, rtol=1e-10, atol=1e-12)
        masks.append(held.found["top-k"]["weight"].clone())
        assert numpy.array_equal(masks[-1].numpy(), weight != 0)
    assert [int(mask.sum()) for mask in (masks[4], masks[14], masks[24], masks[59])] == [60, 36, 12, 12]
    back = [step for step in range(25, 60) if (masks[step] & ~masks[step - 1]).any()]
    assert back, "a weight that left has come back"


def test_the_sparsity_rises_linearly_between_its_steps():
    rule = TopK(sparsity=0.6, begin_step=10, end_step=40, per_unit=0)
    counts = []
    for step in (1, 10, 20, 30, 40, 99):
        found = rule(moment(conv("tanh"), step=step), {}).found["top-k"]
        counts.append([int(kept.sum()) for kept in found.values()])
    entries = [12, 36]
    expected = [[n - int(s * n + 0.5) for n in entries] for s in (0, 0, 0.2, 0.4, 0.6, 0.6)]
    assert counts == expected


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TopK(sparsity=90, end_step=5), "TopK: sparsity=90"),
        (lambda: TopK(sparsity=0.9, begin_step=5, end_step=5), "TopK: end_step=5. Give at least 6"),
        (lambda: TopK(sparsity=0.9, end_step=5, per_unit=-1), "TopK: per_unit=-1"),
        (lambda: TopK(sparsity=0.9, end_step=200).begin(moment(mlp("relu"))), "TopK: end_step=200, .*has 100 steps"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(make, words):
    with pytest.raises(UsageError, match=words):
        make()
