"""Early-Bird against SciPy's Hamming distance, a queue made by hand, and masks that are random."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import hamming

from interventions.some_moments import moment
from lotterylab.errors import UsageError
from lotterylab.interventions import EarlyBird
from lotterylab.masks.pairs import differing
from some_views import mlp, with_norm


def scales(values, epoch: int):
    """A view at the end of an epoch of a network with one norm of these scales."""
    state = {"norm.weight": torch.as_tensor(values, dtype=torch.float64)}
    net = SimpleNamespace(scales=("norm.weight",))
    return replace(moment(with_norm()), net=net, state=state, step=4 * epoch, total_steps=400)


def run(bird: EarlyBird, sequence):
    """The changes over epochs, until it stops."""
    carry, changes = dict(bird.begin(scales(sequence[0], 0))), []
    for epoch, values in enumerate(sequence, start=1):
        change = bird(scales(values, epoch), carry)
        carry |= change.carry
        changes.append(change)
        if change.stop:
            break
    return changes, carry


def by_hand(masks, memory, distance):
    """The epoch, from 1, at which the newest mask is within ``distance`` of each of the memory - 1 before it."""
    for epoch in range(memory, len(masks) + 1):
        newest, *others = reversed(masks[epoch - memory : epoch])
        if all(hamming(newest, other) <= distance for other in others):
            return epoch
    return None


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5), st.sampled_from([0.1, 0.2, 0.3, 0.5]))
def test_it_emerges_where_scipys_distances_say(seed, memory, distance):
    draw = numpy.random.default_rng(seed)
    steps = draw.standard_normal((12, 20)).cumsum(axis=0) * 0.4 ** numpy.arange(12)[:, None]
    sequence = abs(draw.standard_normal(20) * 2 + steps)
    bird = EarlyBird(sparsity=0.5, masks=memory, distance=distance)
    changes, carry = run(bird, sequence)
    masks = [values >= numpy.sort(values)[10] for values in sequence]
    expected = by_hand(masks, memory, distance)
    assert bird.summary(carry)[bird.name]["step"] == (None if expected is None else 4 * expected)
    assert changes[-1].stop == (expected is not None)
    found = changes[-1].found[bird.name]["norm.weight"]
    assert found.tolist() == masks[len(changes) - 1].tolist()
    distances = bird.summary(carry)[bird.name]["distances"]
    for epoch in range(1, len(changes)):
        others = masks[max(0, epoch - memory + 1) : epoch]
        assert distances[epoch] == max(hamming(masks[epoch], other) for other in others)


def test_masks_of_equal_size_differ_in_an_even_number_of_channels():
    draw = numpy.random.default_rng(0)
    _, carry = run(EarlyBird(sparsity=0.3, masks=2, distance=0.0), draw.random((30, 20)))
    counts = differing(carry["masks"])["differing"]
    assert all(count % 2 == 0 for row in counts for count in row)


@pytest.mark.parametrize(("sparsity", "fires"), [(0.05, True), (0.5, False)])
def test_it_fires_on_random_masks_where_chance_is_below_the_distance(sparsity, fires):
    """At p = 0.05 two random masks differ in at most 2p = 0.1 of the channels, so that the paper's rule says yes."""
    draw = numpy.random.default_rng(1)
    bird = EarlyBird(sparsity=sparsity)
    changes, _ = run(bird, draw.random((40, 1000)))
    assert (len(changes) == 5) == fires and changes[-1].stop == fires
    relative, _ = run(replace(bird, relative=True), draw.random((40, 1000)))
    assert not relative[-1].stop


def test_at_equal_scales_half_of_the_channels_stay():
    """The published code compares strictly, which removes all of them at the beginning."""
    changes, _ = run(EarlyBird(sparsity=0.5), [numpy.full(20, 0.5)])
    assert int(changes[0].found["early-bird-0.5"]["norm.weight"].sum()) == 10


def test_between_two_epochs_and_after_the_emergence_nothing_happens():
    bird, values = EarlyBird(sparsity=0.5, masks=2, stop=False), numpy.arange(20.0)
    view = scales(values, 1)
    assert not bird(replace(view, step=5), bird.begin(view)).carry
    changes, _ = run(bird, [values] * 5)
    assert [bool(change.events) for change in changes] == [False, True, False, False, False]
    assert list(changes[1].kept) == ["early-bird-0.5"] and list(changes[3].found) == ["newest-0.5"]


def test_a_training_that_goes_on_compares_the_masks_of_all_epochs_and_keeps_those_of_the_end():
    draw, epochs = numpy.random.default_rng(2), 9
    bird = EarlyBird(sparsity=0.5, masks=3, distance=0.2, stop=False)
    sequence = abs(draw.random(20) + 0.4 ** numpy.arange(epochs)[:, None] * draw.standard_normal((epochs, 20)))
    carry, changes = dict(bird.begin(scales(sequence[0], 0))), []
    for epoch, values in enumerate(sequence, start=1):
        changes.append(bird(replace(scales(values, epoch), total_steps=4 * epochs), carry))
        carry |= changes[-1].carry
    masks = [values >= numpy.sort(values)[10] for values in sequence]
    found = bird.summary(carry)[bird.name]
    assert found["entries"] == 20
    assert [[share / 20 for share in row] for row in found["differing"]] == [
        [hamming(one, other) for other in masks[:place]] for place, one in enumerate(masks)
    ]
    assert found["step"] == (expected := 4 * by_hand(masks, 3, 0.2)) < 4 * epochs
    kept = {name: 4 * epoch for epoch, change in enumerate(changes, start=1) for name in change.kept}
    assert kept == {"early-bird-0.5": expected, "newest-0.5": 4 * epochs} and kept.keys() == set(bird.keeps)
    assert changes[-1].found["newest-0.5"]["norm.weight"].tolist() == masks[-1].tolist()
    last_found = [change.found["early-bird-0.5"] for change in changes if "early-bird-0.5" in change.found][-1]
    assert last_found["norm.weight"].tolist() == masks[expected // 4 - 1].tolist()


def test_without_norms_the_filters_are_ranked_by_their_l1_norms():
    view = moment(with_norm(), step=4)
    bird = EarlyBird(sparsity=0.34, scores="filters", masks=2)
    found = bird(view, bird.begin(view)).found[bird.name]["0.weight"]
    norms = view.state["0.weight"].abs().sum(dim=(1, 2, 3))
    assert found.tolist() == [norm != norms.min() for norm in norms]


def test_layer_by_layer_each_layer_loses_the_same_share():
    """Filters of a larger fan-in have larger L1 norms, so that one cut over all layers empties the first."""
    view = moment(with_norm(), step=4)
    scores = {"a": torch.tensor([0.1, 0.2, 0.3, 0.4]), "b": torch.tensor([10.0, 20.0, 30.0, 40.0])}
    net = SimpleNamespace(scales=tuple(scores))
    view = replace(view, net=net, state=scores)
    for scope, expected in (("global", [[False] * 4, [True] * 4]), ("layerwise", [[False, False, True, True]] * 2)):
        bird = EarlyBird(sparsity=0.5, scope=scope)
        found = bird(view, bird.begin(view)).found[bird.name]
        assert [kept.tolist() for kept in found.values()] == expected


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: EarlyBird(sparsity=0.5).begin(moment(mlp("relu"))), "EarlyBird: the network has no batch norm"),
        (lambda: EarlyBird(sparsity=0.5, scores="filters").begin(moment(mlp("relu"))), "no convolution"),
        (lambda: EarlyBird(sparsity=1.0), "EarlyBird: sparsity=1.0"),
        (lambda: EarlyBird(sparsity=0.5, scope="erk"), "scope"),
        (lambda: EarlyBird(sparsity=0.5, masks=1), "EarlyBird: masks=1"),
        (lambda: EarlyBird(sparsity=0.5).begin(moment(with_norm(), steps_per_epoch=None)), "steps_per_epoch"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(make, words):
    with pytest.raises(UsageError, match=words):
        make()
