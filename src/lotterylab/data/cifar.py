"""CIFAR-10 (Krizhevsky, 2009), from the user's own copy; nothing is ever downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lotterylab.data.base import Dataset, Fingerprint, check_sizes
from lotterylab.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from lotterylab.data.arrays import ArrayDataset

# per channel over the 50,000 training images, as most publications on CIFAR-10 use them
MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2470, 0.2435, 0.2616)
TRAINING_IMAGES, TEST_IMAGES = 50_000, 10_000


@dataclass(frozen=True, kw_only=True)
class Cifar10:
    """The first ``train`` images of the training files in their canonical order, the next ``validation`` of the same
    files, and the first ``test`` images of the test file.

    Validation comes after training, so that asking for some does not change what is trained on.
    """

    version: ClassVar[int] = 1
    name: ClassVar[str] = "cifar10"
    train: int = TRAINING_IMAGES
    validation: int = 0
    test: int = TEST_IMAGES

    def __post_init__(self) -> None:
        check_sizes("CIFAR-10", train=self.train, validation=self.validation, test=self.test)
        if self.train + self.validation > TRAINING_IMAGES:
            raise UsageError(
                f"CIFAR-10 has {TRAINING_IMAGES} training images, {self.train} for training and {self.validation} for "
                f"validation were asked for. Ask for {TRAINING_IMAGES} or fewer in all."
            )
        if self.test > TEST_IMAGES:
            raise UsageError(f"CIFAR-10 has {TEST_IMAGES} test images, {self.test} were asked for.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return (3, 32, 32)

    @property
    def classes(self) -> int:
        """K."""
        return 10

    @property
    def title(self) -> str:
        """The name alone when whole; "CIFAR-10@5000" for a subset; "CIFAR-10@5000/1000" when the test images are
        neither all of them nor as many as the training images."""
        if self.train + self.validation == TRAINING_IMAGES and self.test == TEST_IMAGES:
            return "CIFAR-10"
        return f"CIFAR-10@{self.train}" + ("" if self.test in (self.train, TEST_IMAGES) else f"/{self.test}")

    def load(self, data_dir: Path | None) -> Dataset:
        """Only the files and records that are needed.  Raises ``UsageError`` when they are missing or damaged."""
        return self._read(data_dir).dataset()

    def fingerprint(self, data_dir: Path | None) -> Fingerprint:
        """The content used, the MD5 sums of its files, and a warning where those are not the canonical ones."""
        from lotterylab.data import cifar_files

        folder = cifar_files.find(data_dir)
        files = cifar_files.checksums(folder, self._batches)
        read = self._read(data_dir)
        used = sum(int(split.approximate.sum()) for split in (read.train, read.validation, read.test))
        return Fingerprint(content=read.content(), files=files, warnings=cifar_files.warnings(folder, files, used))

    @property
    def _batches(self) -> dict[str, int]:
        """How many records of which file."""
        from lotterylab.data import cifar_files

        return cifar_files.needed(training=self.train + self.validation, test=self.test)

    def _read(self, data_dir: Path | None) -> ArrayDataset:
        from lotterylab.data import cifar_files
        from lotterylab.data.arrays import ArrayDataset

        training, test = cifar_files.read(cifar_files.find(data_dir), self._batches)
        return ArrayDataset(
            train=training[: self.train],
            validation=training[self.train :],
            test=test,
            classes=self.classes,
            mean=MEAN,
            std=STD,
            scale=255.0,
        )
