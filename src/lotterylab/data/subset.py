"""Parts of a training split let one plan train on different images."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from lotterylab import rng
from lotterylab.data.derived import Derived
from lotterylab.errors import UsageError
from lotterylab.words import ADDED_LATER

if TYPE_CHECKING:
    from pathlib import Path

    from lotterylab.types import Dataset


@dataclass(frozen=True, kw_only=True)
class Subset(Derived):
    """``Subset`` is the data of ``spec`` with a part of its training images; validation and test are as they were.

    Args:
        spec: the data.
        train: the number of training images.
        first: the place of the first of them among the training images of ``spec``, from 0.
        seed: draws the order of those training images in which the part lies, by ``rng.stream(seed, "subset")``; None
            leaves their order.  Parts of one seed that do not overlap share no image, and a larger one contains a
            smaller one.

    Raises:
        UsageError: ``spec`` has fewer training images.

    Examples:
        >>> from lotterylab.data import Digits
        >>> halves = [Subset(spec=Digits(train=1_000), train=500, first=first) for first in (0, 500)]
        >>> [half.title for half in halves]
        ['digits@1000/400, images 0-499', 'digits@1000/400, images 500-999']
        >>> Subset(spec=Digits(train=1_000), train=500, seed=3).title
        'digits@1000/400, images 0-499 (drawn by 3)'
    """

    version: ClassVar[int] = 1
    train: int
    first: int = 0
    seed: int | None = field(default=None, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.train > 0 and self.first >= 0 and self.first + self.train <= self.spec.train):
            raise UsageError(
                f"{self.train} training images from number {self.first} on were asked for, and {self.spec.title} has "
                f"{self.spec.train}. Ask for at least one, and for no more than there are.",
                option="train",
            )

    @property
    def title(self) -> str:
        """Return the title of the data, with the places of the training images."""
        drawn = "" if self.seed is None else f" (drawn by {self.seed})"
        return f"{self.spec.title}, images {self.first}-{self.first + self.train - 1}{drawn}"

    def load(self, data_dir: Path | None) -> Dataset:
        """Return the data with this part of the training split."""
        dataset = self.spec.load(data_dir)
        split = dataset.train
        part: Any = slice(self.first, self.first + self.train)
        if self.seed is not None:
            import torch

            part = torch.from_numpy(rng.stream(self.seed, "subset").permutation(len(split))[part])
        images, labels, approximate = (tensor[part] for tensor in (split.images, split.labels, split.approximate))
        return replace(dataset, train=replace(split, images=images, labels=labels, approximate=approximate))
