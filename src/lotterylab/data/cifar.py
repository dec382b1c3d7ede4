"""CIFAR-10 and CIFAR-100 (Krizhevsky, 2009), from the user's own copy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from lotterylab.data.base import Dataset, Fingerprint, check_sizes, subset_title
from lotterylab.errors import UsageError
from lotterylab.words import ADDED_LATER

if TYPE_CHECKING:
    from pathlib import Path

    from lotterylab.data.arrays import ArrayDataset
    from lotterylab.data.cifar_files import CifarFiles

TRAINING_IMAGES, TEST_IMAGES = 50_000, 10_000


@dataclass(frozen=True, kw_only=True)
class Cifar:
    """Abstract.  The first ``train`` of the training images, the next ``validation`` of the same files, and the first
    ``test`` images of the test file.

    Validation comes after training, so that asking for some does not change what is trained on.

    ``split_seed``: None takes the canonical order of the files; a number takes the training images in an order drawn
    from it.
    """

    version: ClassVar[int] = 1
    name: ClassVar[str]
    called: ClassVar[str]
    classes: ClassVar[int]
    mean: ClassVar[tuple[float, float, float]]
    std: ClassVar[tuple[float, float, float]]

    train: int = TRAINING_IMAGES
    validation: int = 0
    test: int = TEST_IMAGES
    split_seed: int | None = field(default=None, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        check_sizes(self.called, train=self.train, validation=self.validation, test=self.test)
        if self.train + self.validation > TRAINING_IMAGES:
            raise UsageError(
                f"{self.called} has {TRAINING_IMAGES} training images, {self.train} for training and {self.validation} "
                f"for validation were asked for. Ask for {TRAINING_IMAGES} or fewer in all."
            )
        if self.test > TEST_IMAGES:
            raise UsageError(f"{self.called} has {TEST_IMAGES} test images, {self.test} were asked for.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return (3, 32, 32)

    @property
    def title(self) -> str:
        """See ``base.subset_title``."""
        return subset_title(self.called, self, TRAINING_IMAGES, TEST_IMAGES)

    def load(self, data_dir: Path | None) -> Dataset:
        """Only the files and records that are needed.  Raises ``UsageError`` when they are missing or damaged."""
        return self._read(data_dir).dataset()

    def fingerprint(self, data_dir: Path | None) -> Fingerprint:
        """The content used, the MD5 sums of its files, and a warning where those are not the canonical ones."""
        from lotterylab.data import cifar_files

        folder = cifar_files.find(data_dir, self._files())
        files = cifar_files.checksums(folder, self._batches())
        read = self._read(data_dir)
        used = sum(int(split.approximate.sum()) for split in (read.train, read.validation, read.test))
        return Fingerprint(content=read.content(), files=files, warnings=cifar_files.warnings(folder, files, used))

    def _files(self) -> CifarFiles:
        raise NotImplementedError

    def _batches(self) -> dict[str, int]:
        """How many records of which file."""
        from lotterylab.data import cifar_files

        training = self.train + self.validation if self.split_seed is None else TRAINING_IMAGES
        return cifar_files.needed(training=training, test=self.test, cifar=self._files())

    def _read(self, data_dir: Path | None) -> ArrayDataset:
        from lotterylab.data import cifar_files
        from lotterylab.data.arrays import ArrayDataset
        from lotterylab.data.splits import taken

        training, test = cifar_files.read(cifar_files.find(data_dir, self._files()), self._batches())
        train, validation = taken(training, self.split_seed, train=self.train, validation=self.validation)
        return ArrayDataset(
            train=train,
            validation=validation,
            test=test,
            classes=self.classes,
            mean=self.mean,
            std=self.std,
            scale=255.0,
        )


@dataclass(frozen=True, kw_only=True)
class Cifar10(Cifar):
    """CIFAR-10: 50,000 and 10,000 photographs of 10 classes, 3 x 32 x 32.   [krizhevsky2009learning]"""

    name: ClassVar[str] = "cifar10"
    called: ClassVar[str] = "CIFAR-10"
    classes: ClassVar[int] = 10
    # per channel over the 50,000 training images, as most publications on CIFAR-10 use them
    mean: ClassVar[tuple[float, float, float]] = (0.4914, 0.4822, 0.4465)
    std: ClassVar[tuple[float, float, float]] = (0.2470, 0.2435, 0.2616)

    def _files(self) -> CifarFiles:
        from lotterylab.data.cifar_files import CIFAR10

        return CIFAR10


@dataclass(frozen=True, kw_only=True)
class Cifar100(Cifar):
    """CIFAR-100: 50,000 and 10,000 photographs of 100 fine classes, 3 x 32 x 32.   [krizhevsky2009learning]"""

    name: ClassVar[str] = "cifar100"
    called: ClassVar[str] = "CIFAR-100"
    classes: ClassVar[int] = 100
    # per channel over the 50,000 training images, as publications on CIFAR-100 use them
    mean: ClassVar[tuple[float, float, float]] = (0.5071, 0.4866, 0.4409)
    std: ClassVar[tuple[float, float, float]] = (0.2673, 0.2564, 0.2762)

    def _files(self) -> CifarFiles:
        from lotterylab.data.cifar_files import CIFAR100

        return CIFAR100
