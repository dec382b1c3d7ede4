"""Shapeset-3x2: a pure function of (seed, k), judged by an independent rasteriser."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import scipy.stats
import torch
from matplotlib.path import Path as Outline

from lotterylab.asking.choices import data_spec
from lotterylab.data import SPECS, Shapeset
from lotterylab.data.shapes import CHUNK, CONTRAST, ELLIPSE, GRID, NONE, PAIRS, SIDE, TRIANGLE, images, scenes
from lotterylab.data.shapeset import MOST, STARTS
from lotterylab.errors import UsageError
from lotterylab.studies.glorot import STUDY

SAMPLE = 300


def outline(kind: int, corners: np.ndarray) -> Outline:
    """The shape as a closed polygon in pixels; of an ellipse, one of 720 corners."""
    corners = corners / GRID
    if kind == TRIANGLE:
        points = corners[:3]
    elif kind == ELLIPSE:
        centre, u, v = (corners[0] + corners[2]) / 2, (corners[0] - corners[2]) / 2, (corners[1] - corners[3]) / 2
        angles = np.linspace(0, 2 * np.pi, 720, endpoint=False)[:, None]
        points = centre + np.cos(angles) * u + np.sin(angles) * v
    else:
        points = corners
    return Outline(np.vstack([points, points[:1]]), closed=True)


def rasterised(kind: int, corners: np.ndarray, fine: int) -> np.ndarray:
    """Which centres of a grid of ``fine`` cells a pixel lie inside, by matplotlib."""
    centres = (np.arange(SIDE * fine) + 0.5) / fine
    x, y = np.meshgrid(centres, centres)
    inside = outline(kind, corners).contains_points(np.column_stack([x.ravel(), y.ravel()]))
    return inside.reshape(SIDE * fine, SIDE * fine)


@pytest.fixture(scope="module")
def sample():
    return scenes(3, 0, SAMPLE)


def test_every_mask_is_that_of_an_independent_rasteriser(sample):
    wrong = 0
    for kinds, corners, masks in zip(sample.kinds, sample.corners, sample.masks, strict=True):
        for kind, points, mask in zip(kinds, corners, masks, strict=True):
            if kind == NONE:
                assert not mask.any()
            else:
                wrong += int((rasterised(kind, points, 1) != mask).sum())
    assert wrong <= SAMPLE // 100  # pixels whose centre lies on an edge, or between an ellipse and its polygon


def hidden(behind: np.ndarray, front: np.ndarray) -> float:
    """The share of the smaller shape that both cover."""
    return (behind & front).sum() / min(behind.sum(), front.sum())


def test_no_image_hides_more_than_half_of_either_shape(sample):
    two = [k for k in range(SAMPLE) if sample.kinds[k, 1] != NONE]
    pixels = [hidden(*sample.masks[k]) for k in two]
    fine = [hidden(*(rasterised(sample.kinds[k, n], sample.corners[k, n], 4) for n in (0, 1))) for k in two]
    assert 0.4 < max(pixels) <= 0.5
    assert max(fine) < 0.56  # of 4 x 4 cells a pixel, between which a small shape may lie differently
    assert np.abs(np.subtract(pixels, fine)).mean() < 0.01


def test_the_picture_is_the_front_over_the_back_over_the_background(sample):
    pictures = sample.images()
    assert pictures.shape == (SAMPLE, 1, SIDE, SIDE) and pictures.dtype == np.uint8
    for (picture,), greys, (behind, front) in zip(pictures, sample.greys, sample.masks, strict=True):
        assert set(picture[front]) <= {greys[2]} and set(picture[behind & ~front]) == {greys[1]}
        assert set(picture[~behind & ~front]) == {greys[0]}


def test_grey_levels_differ_and_use_the_whole_range():
    greys = scenes(0, 0, 4_000).greys.astype(int)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(greys[:, a] - greys[:, b]).min() == CONTRAST
    assert greys.min() == 0 and greys.max() == 255
    assert scipy.stats.kruskal(*greys.T).pvalue > 1e-3, "no part is brighter than another"


def test_shapes_lie_within_the_image_and_have_the_kinds_of_their_class(sample):
    assert sample.corners.min() >= -1 and sample.corners.max() <= SIDE * GRID + 1  # rounded to 256ths of a pixel
    for label, kinds in zip(sample.labels, sample.kinds, strict=True):
        assert sorted(kinds) == sorted(PAIRS[label])
    assert sample.masks[:, 0].sum((1, 2)).min() >= 20


def test_classes_are_equally_frequent_and_neither_kind_is_always_in_front():
    drawn = scenes(1, 0, 9_000)
    assert scipy.stats.chisquare(np.bincount(drawn.labels, minlength=9)).pvalue > 1e-3
    for label, (a, b) in enumerate(PAIRS):
        if b not in (NONE, a):
            kinds = drawn.kinds[drawn.labels == label]
            assert scipy.stats.binomtest(int((kinds[:, 0] == a).sum()), len(kinds)).pvalue > 1e-4


def test_an_image_is_a_function_of_its_seed_and_number_alone():
    count = CHUNK + 40  # more than are drawn at a time
    whole, labels = images(5, 0, count)
    for first in (1, 17, CHUNK - 1, CHUNK + 9):
        part, classes = images(5, first, 3)
        assert np.array_equal(part, whole[first : first + 3]) and np.array_equal(classes, labels[first : first + 3])
    other, _ = images(6, 0, 40)
    assert not any(np.array_equal(a, b) for a, b in zip(whole[:40], other, strict=True))
    assert len({picture.tobytes() for picture in whole}) == count


def test_more_images_contain_the_fewer_and_the_splits_never_meet():
    small, large = Shapeset(train=20, validation=8, test=10).load(None), Shapeset(train=40, test=10).load(None)
    assert torch.equal(small.train.images, large.train.images[:20]) and torch.equal(
        small.test.labels, large.test.labels
    )
    assert torch.equal(small.validation.images, large.validation.images[:8])
    assert min(np.diff(sorted(STARTS.values()))) > MOST
    splits = (small.train, small.validation, small.test)
    assert len({image.numpy().tobytes() for split in splits for image in split.images}) == 38


def test_mean_and_std_are_those_of_the_stream():
    loaded = Shapeset(train=20_000, validation=1, test=1).load(None)
    values = loaded.train.images.double() / loaded.scale
    assert loaded.mean == pytest.approx([values.mean().item()], abs=0.004)  # of a million: 0.5001 and 0.2988
    assert loaded.std == pytest.approx([values.std(correction=0).item()], abs=0.002)


def test_the_content_is_pinned_and_needs_no_torch():
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from lotterylab.data import Shapeset\n"
        "print(Shapeset(train=50, validation=10, test=20).fingerprint(None).content)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "c93e5059c8cf7c96cbd2a6d9f9985f0d4ff9b02f11a1cb7f67caa7f7f8b844f7"
    assert Shapeset(train=50, validation=10, test=20, seed=1).fingerprint(None).content != done.stdout.strip()


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"train": 0}, "with train=0: give at least 1"),
        ({"test": 0}, "with test=0: give at least 1"),
        ({"train": MOST + 1}, "train=10,000,001: the images are held in memory"),
    ],
)
def test_sizes_that_cannot_be_are_refused(sizes, words):
    with pytest.raises(UsageError, match=words):
        Shapeset(**sizes)


def test_it_is_on_by_name_and_its_title_says_what_is_used():
    assert SPECS["shapeset-3x2"] is Shapeset
    spec = data_spec("shapeset-3x2", {"seed": 3}, {"train": 100, "validation": None, "test": None}, None)
    assert spec == Shapeset(train=100, validation=1_000, test=5_000, seed=3)
    assert spec.title == "Shapeset-3x2@100/5000 (seed 3)"


@pytest.mark.parametrize(("steps", "train"), [(500, 5_000), (20_000, 200_000), (5_000_000, 200_000)])
def test_the_glorot_study_sees_each_image_once_while_there_are_enough(steps, train):
    options = STUDY.options(data="shapeset-3x2", steps=steps, size="quick")
    assert STUDY.data(options) == Shapeset(train=train)
