"""Published data sets have training images and test images, each in a canonical order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from lotterylab.data.base import check_sizes
from lotterylab.errors import UsageError
from lotterylab.system.refusals import reading
from lotterylab.types import Dataset, Fingerprint
from lotterylab.words import ADDED_LATER, check_words

if TYPE_CHECKING:
    from lotterylab.data.arrays import ArrayDataset
    from lotterylab.data.copies import Copy


@dataclass(frozen=True, kw_only=True)
class About:
    """``About`` holds the facts that every subset shares: title, sizes, (C, H, W), classes and the normalisation."""

    called: str
    training_images: int
    test_images: int
    shape: tuple[int, int, int]
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Published(ABC):
    """``Published`` is the abstract base of published data sets, read from the user's copy, which never changes.

    It takes the first ``train`` training images, the next ``validation`` of them, and the first ``test`` test images,
    each in canonical order.

    Validation comes after training, so that asking for some does not change what is trained on.

    ``split_seed``: permutes the training images before they are divided (``splits.cut``); None leaves their order.
    ``pixels``: "standardised" to the mean 0 and the variance 1 of each channel, or "unit", from 0 to 1 as they are.
    """

    version: ClassVar[int] = 1
    name: ClassVar[str]
    about: ClassVar[About]
    train: int
    validation: int = 0
    test: int = 10_000
    split_seed: int | None = field(default=None, metadata=ADDED_LATER)
    pixels: Literal["standardised", "unit"] = field(default="standardised", metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        check_words(self)
        called, pool, tests = self.about.called, self.about.training_images, self.about.test_images
        check_sizes(called, train=self.train, validation=self.validation, test=self.test)
        if self.train + self.validation > pool:
            raise UsageError(
                f"{called} has {pool} training images, {self.train} for training and {self.validation} for "
                f"validation were asked for. Ask for {pool} or fewer in all.",
                option="train",
            )
        if self.test > tests:
            raise UsageError(
                f"{called} has {tests} test images; {self.test} were asked for. Ask for fewer.", option="test"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return self.about.shape

    @property
    def classes(self) -> int:
        """K."""
        return self.about.classes

    @property
    def title(self) -> str:
        """The name alone when whole; "CIFAR-10@5000" for a subset; "CIFAR-10@5000/1000" when the test images are
        neither all of them nor as many as the training images; then the split, where a seed drew it, and the pixels,
        where they are not standardised."""
        from lotterylab.data.splits import titled

        called, tests = self.about.called, self.about.test_images
        pixels = ", pixels from 0 to 1" if self.pixels == "unit" else ""
        if self.train + self.validation == self.about.training_images and self.test == tests:
            return titled(called, self.split_seed) + pixels
        test = "" if self.test in (self.train, tests) else f"/{self.test}"
        return titled(f"{called}@{self.train}{test}", self.split_seed) + pixels

    def load(self, data_dir: str | Path | None) -> Dataset:
        """Only the files and records that are needed.  Raises ``UsageError`` when they are missing or damaged."""
        with reading(data_dir or "."):
            return self._read(self._found(data_dir)).dataset()

    def fingerprint(self, data_dir: str | Path | None) -> Fingerprint:
        """The content used, the MD5 sums of its files, and a warning where those are not the canonical ones."""
        from lotterylab.data.copies import checksums

        with reading(data_dir or "."):
            copy = self._found(data_dir)
            names = copy.names(training=self._pool, test=self.test)
            files = checksums(copy, names, called=self.about.called)
            read = self._read(copy)
        used = sum(int(split.approximate.sum()) for split in (read.train, read.validation, read.test))
        return Fingerprint(content=read.content(), files=files, warnings=copy.warnings(files, used=used))

    def _found(self, data_dir: str | Path | None) -> Copy:
        return self._copy(None if data_dir is None else Path(data_dir))

    @abstractmethod
    def _copy(self, data_dir: Path | None) -> Copy:
        """Return the user's copy, or raise ``UsageError`` without one."""

    @property
    def _pool(self) -> int:
        """The number of training images to read: all of them if a seed chooses among them."""
        return self.train + self.validation if self.split_seed is None else self.about.training_images

    def _read(self, copy: Copy) -> ArrayDataset:
        from lotterylab.data.arrays import ArrayDataset
        from lotterylab.data.splits import cut

        standardised = self.pixels == "standardised"
        pool, test = copy.read(training=self._pool, test=self.test)
        train, validation = cut(pool, train=self.train, validation=self.validation, split_seed=self.split_seed)
        return ArrayDataset(
            train=train,
            validation=validation,
            test=test,
            classes=self.classes,
            mean=self.about.mean if standardised else (0.0,) * len(self.about.mean),
            std=self.about.std if standardised else (1.0,) * len(self.about.std),
            scale=255.0,
        )
