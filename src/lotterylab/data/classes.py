"""Some classes of a data set are a task of their own, with images of the same kind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from lotterylab.data.derived import Derived
from lotterylab.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from lotterylab.types import Dataset, Split


@dataclass(frozen=True, kw_only=True)
class Classes(Derived):
    """``Classes`` is the data of ``spec`` with the images of some classes alone, which are numbered anew from 0.

    Two disjoint choices of equal size are two tasks of one shape and one number of classes, so that a ticket of one can
    be trained on the other.   [morcos2019one: there two halves of the images of all classes, too]

    Args:
        spec: the data.
        kept: the numbers of the classes in ``spec``; the first becomes class 0.
        sizes: the numbers of training, validation and test images, the first of these classes in each split.

    Raises:
        UsageError: a class is not in ``spec`` or is named twice; when it loads, a split has fewer of these images.

    Examples:
        >>> from lotterylab.data import Digits
        >>> even = Classes(spec=Digits(train=1_000), kept=(0, 2, 4, 6, 8), sizes=(400, 0, 100))
        >>> even.title, even.classes
        ('digits@1000/400, classes 0 2 4 6 8 (400 images)', 5)
        >>> sorted(set(even.load(None).train.labels.tolist()))
        [0, 1, 2, 3, 4]
    """

    version: ClassVar[int] = 1
    kept: tuple[int, ...]
    sizes: tuple[int, int, int]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.kept or len(set(self.kept)) < len(self.kept) or not set(self.kept) <= set(range(self.spec.classes)):
            raise UsageError(
                f"the classes {self.kept} of {self.spec.title} were asked for, which has the classes 0 to "
                f"{self.spec.classes - 1}. Name each class once."
            )

    @property
    def classes(self) -> int:
        """Return the number of classes that are kept."""
        return len(self.kept)

    @property
    def train(self) -> int:
        """Return the number of training images."""
        return self.sizes[0]

    @property
    def validation(self) -> int:
        """Return the number of validation images."""
        return self.sizes[1]

    @property
    def test(self) -> int:
        """Return the number of test images."""
        return self.sizes[2]

    @property
    def title(self) -> str:
        """Return the title of the data, with the classes and the number of training images."""
        return f"{self.spec.title}, classes {' '.join(map(str, self.kept))} ({self.train} images)"

    def load(self, data_dir: Path | None) -> Dataset:
        """Return the images of the classes."""
        dataset = self.spec.load(data_dir)
        splits = {name: self._part(getattr(dataset, name), name) for name in ("train", "validation", "test")}
        return replace(dataset, classes=self.classes, **splits)

    def _part(self, split: Split, name: str) -> Split:
        """Return the first images of the classes in a split, with their new labels."""
        import torch

        number = torch.full((self.spec.classes,), -1, device=split.labels.device)
        number[list(self.kept)] = torch.arange(len(self.kept), device=number.device)
        labels = number[split.labels]
        found, wanted = (labels >= 0).nonzero()[:, 0], getattr(self, name)
        if len(found) < wanted:
            raise UsageError(
                f"{wanted} images were asked for in the split '{name}' of {self.title}, which has {len(found)} of "
                "these classes. Ask for fewer, or give data with more images."
            )
        places = found[:wanted]
        return replace(
            split,
            images=split.images[places],
            labels=labels[places].to(split.labels.dtype),
            approximate=split.approximate[places],
        )
