"""Deep-R against its update written out with numpy, and signs that never change in a training."""

from __future__ import annotations

from dataclasses import replace

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from interventions.some_moments import moment, sparse_moment
from lotterylab import attach
from lotterylab.errors import UsageError
from lotterylab.interventions import DeepR
from some_views import mlp


def rewirable(step: int = 5, density: float = 0.5, seed: int = 0, **fields):
    return sparse_moment(step, density, seed, **{"lr": 0.1, **fields})


def flipped(view, carry):
    """A view whose optimizer has carried a third of the weights across 0."""
    state = dict(view.state)
    for name in view.mask:
        state[name] = state[name] * torch.where(
            torch.arange(state[name].numel()).view(state[name].shape) % 3 == 0, -1, 1
        )
    return replace(view, state=state)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.2, 0.8), st.floats(0.0, 3.0), st.sampled_from([0.0, 1e-3, 0.1]))
def test_it_is_its_update(seed, density, alpha, temperature):
    rule, begun = DeepR(alpha=alpha, temperature=temperature), rewirable(0, density, seed)
    carry = dict(rule.begin(begun))
    view = flipped(rewirable(5, density, seed), carry)
    change = rule(view, carry)
    stayed, active = 0, 0
    for name, kept in view.mask.items():
        kept, weight = kept.numpy(), view.state[name].numpy()
        sign = numpy.where(carry[f"positive/{name}"].numpy(), 1.0, -1.0)
        assert (sign * begun.state[name].numpy() >= 0).all(), "theta >= 0 at the beginning"
        noise = view.stream("noise", name).standard_normal(weight.size).reshape(weight.shape)
        theta = sign * weight - 0.1 * alpha + numpy.sqrt(2 * 0.1 * temperature) * noise
        stay = kept & (theta >= 0)
        assert numpy.allclose(change.state[name].numpy(), numpy.where(stay, sign * theta, 0.0), rtol=1e-12, atol=0)
        if change.mask is not None:
            after = change.mask[name].numpy()
            assert (after | ~stay).all(), "all with theta >= 0 stay"
            slot = change.optimizer[f"momentum/{name}"].numpy()
            assert not slot[~stay].any() and slot[stay].all()
        stayed, active = stayed + int(stay.sum()), active + int(kept.sum())
    assert (change.mask is None) == (stayed == active)
    if change.mask is not None:
        assert sum(int(kept.sum()) for kept in change.mask.values()) == active


def test_dormant_connections_of_all_layers_take_places_equally_often():
    rule, counts = DeepR(alpha=1.0), {}
    view = rewirable()
    carry = dict(rule.begin(rewirable(0)))
    for seed in range(500):
        stream = lambda *names, seed=seed: numpy.random.default_rng([seed, *map(len, map(str, names))])  # noqa: E731
        change = rule(replace(view, stream=stream), carry)
        for name, kept in change.mask.items():
            counts[name] = counts.get(name, 0) + (kept & (change.state[name] == 0)).double()
    often = torch.cat([count[change.state[name] == 0] for name, count in counts.items()])
    assert often.min() > 0.6 * often.mean() and often.max() < 1.5 * often.mean()


def test_the_noise_has_the_variance_2_eta_t():
    module = torch.nn.Sequential(torch.nn.Linear(4, 20000, bias=False)).double()
    mask = {"0.weight": torch.ones(20000, 4, dtype=torch.bool)}
    mask["0.weight"][0] = False
    with torch.no_grad():
        module[0].weight.copy_(torch.full((20000, 4), 100.0)).mul_(mask["0.weight"])
    view = replace(_bare(module, mask), lr=0.1)
    rule = DeepR(alpha=0.0, temperature=0.2)
    change = rule(view, rule.begin(view))
    moved = (change.state["0.weight"] - view.state["0.weight"])[mask["0.weight"]].numpy()
    assert kstest(moved / numpy.sqrt(2 * 0.1 * 0.2), "norm").pvalue > 0.01


def _bare(module, mask):
    from some_views import batch_for, view

    return view(module, batch_for(module), mask=mask, step=1, total_steps=9)


def test_in_a_training_no_sign_changes_and_the_number_stays():
    module = mlp("tanh").float()
    names = ("0.weight", "2.weight")
    draw = torch.Generator().manual_seed(3)
    mask = {name: torch.rand(dict(module.named_parameters())[name].shape, generator=draw) < 0.4 for name in names}
    optimizer = torch.optim.SGD(module.parameters(), lr=0.3)
    held = attach(module, optimizer, mask, during=[DeepR(alpha=0.01, temperature=1e-5)], total_steps=80)
    carry, active = held.state_dict(), sum(int(kept.sum()) for kept in mask.values())
    inputs, labels = torch.randn(40, 4, generator=draw), torch.randint(3, (40,), generator=draw)
    rewired = 0
    for _ in range(80):
        before = held.mask
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(module(inputs), labels).backward()
        optimizer.step()
        held.verify()
        weights = dict(module.named_parameters())
        for name in names:
            positive = carry[f"during/carry/0/positive/{name}"]
            assert ((weights[name] >= 0) | ~positive).all() and ((weights[name] <= 0) | positive).all()
            rewired += int((held.mask[name] & ~before[name]).sum())
        assert sum(int(kept.sum()) for kept in held.mask.values()) == active
    assert rewired > 10


def test_after_its_end_it_does_nothing():
    rule = DeepR(alpha=1.0, until=0.05)
    view = rewirable()
    carry = dict(rule.begin(view))
    assert rule(view, carry).state and not rule(replace(view, step=6), carry).state


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: DeepR().begin(moment(mlp("relu"), lr=0.1)), "DeepR: the training begins with 42 of 42"),
        (lambda: DeepR().begin(rewirable(0, density=0.0)), "DeepR: the training begins with 0 of"),
        (lambda: DeepR().begin(rewirable(0, total_steps=None)), "Give total_steps"),
        (lambda: DeepR().begin(rewirable(0, lr=None)), "DeepR: it needs the learning rate"),
        (lambda: DeepR(alpha=-1), "DeepR: alpha=-1"),
        (lambda: DeepR(temperature=-1), "DeepR: temperature=-1"),
        (lambda: DeepR(until=2), "DeepR: until=2"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(make, words):
    with pytest.raises(UsageError, match=words):
        make()
