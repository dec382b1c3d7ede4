"""Batched crops, flips and normalisation against one image at a time."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lotterylab.data import Augment
from lotterylab.data.augment import crops, windows
from lotterylab.data.draws import EpochDraws
from lotterylab.data.normalise import Normalise
from lotterylab.errors import UsageError
from lotterylab.types import Dataset, Split


def dataset(images: torch.Tensor, *, scale: float = 255.0) -> Dataset:
    n, channels = images.shape[:2]
    split = Split(images=images, labels=torch.zeros(n, dtype=torch.int64), approximate=torch.zeros(n, dtype=torch.bool))
    mean = tuple(0.4 + 0.05 * c for c in range(channels))
    std = tuple(0.25 - 0.02 * c for c in range(channels))
    return Dataset(train=split, validation=split, test=split, classes=10, mean=mean, std=std, scale=scale)


def one_at_a_time(data: Dataset, draws: EpochDraws, padding: int) -> torch.Tensor:
    """Pad with black, crop, flip and normalise, image by image, pixel by pixel of the crop, in float64."""
    _, channels, height, width = data.train.images.shape
    out = torch.zeros(len(draws), channels, height, width, dtype=torch.float64)
    for i, (image, row, col, flip) in enumerate(
        zip(draws.order.tolist(), draws.rows.tolist(), draws.cols.tolist(), draws.flips.tolist(), strict=True)
    ):
        for y in range(height):
            for x in range(width):
                source_y, source_x = row + y - padding, col + (width - 1 - x if flip else x) - padding
                inside = 0 <= source_y < height and 0 <= source_x < width
                for c in range(channels):
                    raw = int(data.train.images[image, c, source_y, source_x]) if inside else 0
                    out[i, c, y, x] = (raw / data.scale - data.mean[c]) / data.std[c]
    return out


@settings(max_examples=25, deadline=None)
@given(
    padding=st.integers(0, 3),
    flip=st.booleans(),
    shape=st.sampled_from([(1, 4, 4), (3, 5, 4), (3, 3, 6)]),
    scale=st.sampled_from([255.0, 16.0]),
    seed=st.integers(0, 2**32),
)
def test_a_batch_is_what_padding_cropping_flipping_and_normalising_each_image_gives(padding, flip, shape, scale, seed):
    generator = torch.Generator().manual_seed(seed)
    augment = Augment(crop_padding=padding, flip=flip)
    images = torch.randint(0, int(scale) + 1, (6, *shape), generator=generator, dtype=torch.uint8)
    data = dataset(images, scale=scale)
    draws = EpochDraws(
        order=torch.randint(0, 6, (5,), generator=generator),
        rows=torch.randint(0, augment.places, (5,), generator=generator),
        cols=torch.randint(0, augment.places, (5,), generator=generator),
        flips=(torch.rand(5, generator=generator) < 0.5) & flip,
    )
    batch = Normalise.of(data)(crops(windows(images, augment), draws, augment))
    assert batch.dtype == torch.float32 and batch.shape == (5, *shape)
    torch.testing.assert_close(batch.double(), one_at_a_time(data, draws, padding), rtol=1e-6, atol=1e-6)


def test_all_256_values_are_normalised_bit_for_bit_as_by_the_usual_float32_steps():
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).repeat(1, 3, 1, 1)
    data = dataset(images)
    normalised = Normalise.of(data)(images.permute(0, 2, 3, 1))
    mean, std = torch.tensor(data.mean).view(3, 1, 1), torch.tensor(data.std).view(3, 1, 1)
    assert torch.equal(normalised, images.to(torch.float32).div(255).sub(mean).div(std))


def test_batches_are_channels_last_in_memory_and_the_stored_images_stay_as_they_were():
    images = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8)
    before, augment, index = images.clone(), Augment(crop_padding=2, flip=True), torch.arange(4)
    draws = EpochDraws(order=index, rows=index, cols=index, flips=index % 2 == 0)
    batch = Normalise.of(dataset(images))(crops(windows(images, augment), draws, augment))
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(images, before)


def test_negative_padding_is_refused():
    with pytest.raises(UsageError, match="crop_padding=-1"):
        Augment(crop_padding=-1)
