"""A loader indexes batches in a data set that is wholly on the device."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from torch import Tensor, arange

from lotterylab.data.augment import Augment, crops, windows
from lotterylab.data.draws import EpochDraws
from lotterylab.data.normalise import Normalise
from lotterylab.data.streams import Stream
from lotterylab.errors import UsageError, unknown
from lotterylab.types import Batch, Dataset, Split

SPLITS = ("train", "validation", "test")


class Loader:
    """Training batches in a seeded order, and the splits as they are.

    Inputs are float32 ``(B, C, H, W)``, normalised, channels last in memory, on the device of ``dataset``.
    """

    def __init__(self, dataset: Dataset, *, augment: Augment, stream: Stream, seed: int, batch_size: int) -> None:
        if batch_size < 1:
            raise UsageError(f"batch_size={batch_size}: at least 1 is needed.")
        self.dataset = dataset
        self.augment = augment
        self.stream = stream
        self.seed = seed
        self.batch_size = batch_size
        self._normalise = Normalise.of(dataset)

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch; the last one may be smaller than the others."""
        return -(-len(self.dataset.train) // self.batch_size)

    def batches(self, epoch: int, *, start: int = 0) -> Iterator[Batch]:
        """The training batches of epoch 0, 1, ..., from batch ``start`` on: a function of seed and epoch alone."""
        n = len(self.dataset.train)
        draws = self.stream.epoch(self.seed, epoch, n=n, augment=self.augment).to(self.dataset.train.images.device)
        for first in range(start * self.batch_size, n, self.batch_size):
            self.alive()
            yield self.batch(draws[first : first + self.batch_size])

    def order(self, epoch: int) -> Tensor:
        """The images of an epoch in the order of ``batches``, int64 ``(n,)``."""
        draws = self.stream.epoch(self.seed, epoch, n=len(self.dataset.train), augment=self.augment)
        return draws.order.to(self.dataset.train.images.device).contiguous()

    def meanings(self) -> Tensor:
        """The number that each raw byte means in each channel, float32 ``(C, 256)``, as in ``batches`` to the bit."""
        images = self.dataset.train.images
        raw = arange(256, dtype=images.dtype, device=images.device).view(256, 1, 1, 1)
        rows = raw.expand(256, 1, images.shape[3], images.shape[1])
        return self._normalise(rows)[:, :, 0, 0].t().contiguous()

    def alive(self) -> None:
        """Called for each batch, as a sign of life."""

    def batch(self, draws: EpochDraws) -> Batch:
        """The training images that ``draws`` names, as it augments them, in one batch."""
        draws = draws.to(self.dataset.train.images.device)
        return Batch(
            inputs=self._normalise(crops(self._windows, draws, self.augment)),
            targets=self.dataset.train.labels[draws.order],
        )

    def split(self, name: str) -> Split:
        """The split "train", "validation" or "test".

        Raises:
            UsageError: for another name, or a split without images.
        """
        if name not in SPLITS:
            raise unknown("split", name, SPLITS)
        split: Split = getattr(self.dataset, name)
        if not len(split):
            raise UsageError(f"the {name} split has no images. Give the data spec {name}=N with N above 0.")
        return split

    def evaluation_batches(self, name: str, size: int = 500) -> Iterator[Batch]:
        """A split in its own order, without augmentation."""
        split = self.split(name)
        for images, labels in zip(split.images.split(size), split.labels.split(size), strict=True):
            self.alive()
            yield Batch(inputs=self._normalise(images.permute(0, 2, 3, 1)), targets=labels)

    @cached_property
    def _windows(self) -> Tensor:
        # cached when training begins; a loader that only evaluates needs no windows
        return windows(self.dataset.train.images, self.augment)
