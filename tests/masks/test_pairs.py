"""Distances of all pairs of masks against SciPy, and their short form in a record."""

from __future__ import annotations

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

from lotterylab.analysis import MaskDistances
from lotterylab.errors import UsageError
from lotterylab.masks import distances
from lotterylab.masks.pairs import differing, square


def masks(seed: int, count: int):
    draw = numpy.random.default_rng(seed)
    return [{name: torch.from_numpy(draw.random(shape) < 0.4) for name, shape in SHAPES.items()} for _ in range(count)]


SHAPES = {"a": (3, 4), "b": (5,)}


def flat(mask) -> numpy.ndarray:
    return numpy.concatenate([mask["a"].numpy().ravel(), mask["b"].numpy()])


@given(st.integers(0, 10**6), st.integers(1, 7))
def test_they_are_scipys_hamming_distances(seed, count):
    sequence = masks(seed, count)
    expected = squareform(pdist(numpy.stack([flat(mask) for mask in sequence]), "hamming"))
    assert numpy.array_equal(distances(sequence).numpy(), expected)
    rows = torch.from_numpy(numpy.stack([flat(mask) for mask in sequence]))
    assert numpy.array_equal(square(differing(rows)), expected)


def test_masks_of_other_shapes_are_refused_by_name():
    first, second = masks(0, 2)
    with pytest.raises(UsageError, match=r"mask 1 .* 'b' of shape None, and the first mask \(5,\)"):
        distances([first, {"a": second["a"]}])
    assert distances([]).shape == (0, 0)


def test_a_measurement_takes_names_in_the_order_of_their_numbers():
    """The digest of a plan sorts names, so that the order of a dict may decide nothing."""
    of = dict(zip(("round 10", "round 2", "dense"), masks(1, 3), strict=True))
    found = MaskDistances()(of, {}, None)
    assert found["names"] == ["dense", "round 2", "round 10"]
    assert found == MaskDistances()(dict(reversed(of.items())), {}, None)
    assert found["differing"][1][0] == int((flat(of["dense"]) != flat(of["round 2"])).sum())


def test_two_random_masks_lie_at_chance():
    draw = numpy.random.default_rng(3)
    of = {name: {"w": torch.from_numpy(draw.random(200_000) < share)} for name, share in (("a", 0.5), ("b", 0.3))}
    found = MaskDistances()(of, {}, None)
    assert abs(found["differing"][1][0] / found["entries"] - found["chance"]) < 0.004
    assert abs(found["chance"] - (0.5 * 0.7 + 0.3 * 0.5)) < 0.004
