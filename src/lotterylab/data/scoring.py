"""A scoring batch, on which a criterion scores a network, is a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lotterylab.errors import UsageError, a_type
from lotterylab.rng import stream
from lotterylab.types import Batch

if TYPE_CHECKING:
    from lotterylab.types import Dataset


def most_of_rarest(train: int, classes: int) -> int:
    """Return the largest possible number of images of the rarest class."""
    return train // classes


@dataclass(frozen=True, kw_only=True)
class PerClass:
    """``PerClass`` draws ``count`` training images of each class, without replacement or augmentation.

    It is GraSP's balanced batch (10 per class on CIFAR-10), which its authors take from the augmented training loader.
    [wang2020picking, appendix]
    """

    version: ClassVar[int] = 1
    count: int = 10

    def check(self, *, train: int, classes: int) -> None:
        """Refuse a count that is too large for any labels, before they are read.

        Raises:
            UsageError: even equal classes would have fewer images.
        """
        most = most_of_rarest(train, classes)
        if self.count > most:
            raise UsageError(
                f"scoring_images is {self.count}, but the rarest class has at most {most} of {train} training images "
                f"in {classes} classes. Ask for fewer, or for more training images (--train).",
                option="scoring_images",
            )

    def images(self, classes: int) -> int:
        """Return the number of images of the batch."""
        return self.count * classes

    def draw(self, dataset: Dataset, seed: int) -> Batch:
        """The batch of that seed: (classes * count, C, H, W), sorted by class."""
        import numpy
        import torch

        from lotterylab.data.normalise import Normalise

        labels = dataset.train.labels.cpu().numpy()
        chosen = []
        for label in range(dataset.classes):
            members = numpy.flatnonzero(labels == label)
            if len(members) < self.count:
                raise UsageError(
                    f"the scoring batch needs {self.count} images of class {label}; there are {len(members)}. Ask for "
                    "fewer scoring images, or for more training images."
                )
            chosen.append(stream(seed, "scoring", label).choice(members, self.count, replace=False))
        index = torch.from_numpy(numpy.concatenate(chosen))
        images = dataset.train.images[index].permute(0, 2, 3, 1)
        return Batch(inputs=Normalise.of(dataset)(images), targets=dataset.train.labels[index])


@dataclass(frozen=True, kw_only=True)
class FirstOfStream:
    """The first ``size`` images that a data stream draws, augmented as it draws them: the published study's batch.

    ``stream``, ``augment``: specs of ``data.streams`` and ``data.augment``.
    """

    version: ClassVar[int] = 1
    size: int
    stream: Any
    augment: Any

    def __post_init__(self) -> None:
        if not hasattr(self.stream, "scoring_draws"):
            raise UsageError(
                f"{a_type(self.stream)} draws no scoring batch: use TorchGlobalStream, or PerClass(count=...)."
            )

    def images(self, classes: int) -> int:
        """Return the number of images of the batch."""
        return self.size

    def draw(self, dataset: Dataset, seed: int) -> Batch:
        """The batch of that seed: (size, C, H, W), in the order drawn."""
        import torch

        from lotterylab.data.augment import crops, windows
        from lotterylab.data.draws import EpochDraws
        from lotterylab.data.normalise import Normalise

        drawn = self.stream.scoring_draws(seed, n=len(dataset.train), size=self.size, augment=self.augment)
        chosen = windows(dataset.train.images[drawn.order], self.augment)  # windows of the batch, not of the whole set
        draws = EpochDraws(order=torch.arange(self.size), rows=drawn.rows, cols=drawn.cols, flips=drawn.flips)
        images = crops(chosen, draws, self.augment)
        return Batch(inputs=Normalise.of(dataset)(images), targets=dataset.train.labels[drawn.order])
