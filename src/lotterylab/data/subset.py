"""Parts of a training split let one plan train on different images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from lotterylab.data.derived import Derived
from lotterylab.errors import UsageError

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

    Raises:
        UsageError: ``spec`` has fewer training images.

    Examples:
        >>> from lotterylab.data import Digits
        >>> halves = [Subset(spec=Digits(train=1_000), train=500, first=first) for first in (0, 500)]
        >>> [half.title for half in halves]
        ['digits@1000/400, images 0-499', 'digits@1000/400, images 500-999']
    """

    version: ClassVar[int] = 1
    train: int
    first: int = 0

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
        return f"{self.spec.title}, images {self.first}-{self.first + self.train - 1}"

    def load(self, data_dir: Path | None) -> Dataset:
        """Return the data with this part of the training split."""
        dataset = self.spec.load(data_dir)
        part, split = slice(self.first, self.first + self.train), dataset.train
        return replace(
            dataset,
            train=replace(
                split, images=split.images[part], labels=split.labels[part], approximate=split.approximate[part]
            ),
        )
