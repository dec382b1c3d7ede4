"""How near the inputs of a unit lie: hand-made fields, closed forms, simulation, and the random masks behind them."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy
import pytest
import torch

from lotterylab.analysis import LocalFields
from lotterylab.errors import UsageError
from lotterylab.masks.trades import traded

SIDE = 12
SHAPE = (1, SIDE, SIDE)


def squares(side: int, seed: int = 0, units: int = 60) -> numpy.ndarray:
    """Units that each keep a square of pixels somewhere."""
    draw = numpy.random.default_rng(seed)
    kept = numpy.zeros((units, SIDE, SIDE), bool)
    for unit in kept:
        top, left = draw.integers(0, SIDE - side + 1, 2)
        unit[top : top + side, left : left + side] = True
    return kept.reshape(units, -1)


def scattered(count: int, seed: int = 0, units: int = 60) -> numpy.ndarray:
    draw = numpy.random.default_rng(seed)
    kept = numpy.zeros((units, SIDE * SIDE), bool)
    for unit in kept:
        unit[draw.choice(SIDE * SIDE, count, replace=False)] = True
    return kept


def measured(kept: numpy.ndarray, shape=SHAPE, **options):
    return LocalFields(shape=shape, **options)({"mask": {"fc.0.weight": torch.from_numpy(kept)}}, {}, None)


@pytest.mark.parametrize("side", [2, 3, 5])
def test_squares_have_the_neighbours_and_the_spread_of_the_closed_form(side):
    found = measured(squares(side))
    assert found["neighbours"] == 60 * 2 * side * (side - 1) and found["units"] == 60
    assert found["spread"] == pytest.approx(numpy.sqrt((side**2 - 1) / 6))  # the variance of 0..k-1, twice
    size, pairs = SIDE**2, 2 * SIDE * (SIDE - 1)
    expected = 60 * pairs * side**2 * (side**2 - 1) / (size * (size - 1))
    assert found["over_places"] == pytest.approx(found["neighbours"] / expected)
    assert found["over_pixels"] > 1.5 and found["spread_over_pixels"] < 0.8


def test_random_places_have_the_neighbours_that_are_expected():
    """Simulation: the ratios of random masks scatter around 1 as their numbers of pairs allow."""
    found = [measured(scattered(20, seed)) for seed in range(8)]
    for name in ("over_places", "over_pixels", "spread_over_pixels"):
        values = [one[name] for one in found]
        assert abs(numpy.mean(values) - 1) < 4 * numpy.std(values, ddof=1) / numpy.sqrt(8) + 0.01, name


def test_units_that_all_keep_one_field_are_local_by_places_and_not_by_pixels():
    found = measured(numpy.repeat(squares(4, units=1), 30, axis=0))
    assert found["over_places"] > 3 and found["over_pixels"] == 1.0 and found["spread_over_pixels"] == pytest.approx(1)


def test_the_neighbours_are_those_of_the_image_and_vanish_if_its_pixels_change_places():
    kept = squares(4)
    other = kept[:, numpy.random.default_rng(5).permutation(SIDE * SIDE)]
    assert abs(measured(other)["over_pixels"] - 1) < 0.25 < measured(kept)["over_pixels"] - 1


def test_channels_are_no_neighbours_and_single_inputs_count_nothing():
    kept = numpy.zeros((2, 2, 2, 2), bool)
    kept[0, :, 0, 0] = True  # one place of two channels
    kept[1, 0, 1, 1] = True
    found = measured(kept.reshape(2, 8), shape=(2, 2, 2))
    assert (found["neighbours"], found["units"], found["spread"]) == (0, 1, 0.0) and found["over_pixels"] is None


def test_what_is_no_layer_of_such_images_is_refused():
    with pytest.raises(UsageError, match=r"has the shape \(60, 144\); a layer that reads images of shape \(1, 3, 3\)"):
        measured(squares(2), shape=(1, 3, 3))
    with pytest.raises(UsageError, match="has no layer 'conv'; it has fc"):
        measured(squares(2), layer="conv")


def test_traded_masks_keep_all_sums_and_every_mask_with_them_is_equally_frequent():
    """All masks of 3 x 3 with these sums are counted by brute force; chi-squared over 600 masks of the chain."""
    kept = numpy.array([[1, 1, 0], [1, 0, 0], [0, 1, 1]], bool)
    every = [
        numpy.array(bits, bool).reshape(3, 3)
        for bits in product((0, 1), repeat=9)
        if (numpy.array(bits).reshape(3, 3).sum(0) == kept.sum(0)).all()
        and (numpy.array(bits).reshape(3, 3).sum(1) == kept.sum(1)).all()
    ]
    drawn = Counter(mask.tobytes() for mask in traded(kept, numpy.random.default_rng(0), 600))
    assert drawn.keys() == {mask.tobytes() for mask in every} and len(every) > 3
    expected = 600 / len(every)
    chi = sum((count - expected) ** 2 / expected for count in drawn.values())
    assert chi < len(every) - 1 + 4 * numpy.sqrt(2 * (len(every) - 1))
