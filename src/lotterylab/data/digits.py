"""Handwritten digits of 8 x 8 pixels are shipped inside the package (digits-source.txt), without a download.

[alpaydin1998optical]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from lotterylab.data.base import check_sizes
from lotterylab.errors import UsageError
from lotterylab.types import Dataset, Fingerprint
from lotterylab.words import ADDED_LATER

if TYPE_CHECKING:
    from pathlib import Path

    from lotterylab.data.arrays import ArrayDataset

FILE = "digits.npz"
IMAGES = 1_797
TESTED_FROM = 1_397  # the first test image of the default sizes
# values over the first 1,197 images, the default training split, on the scale 0..1
MEAN = (0.3063,)
STD = (0.3755,)


@dataclass(frozen=True, kw_only=True)
class Digits:
    """1,797 real handwritten digits, 8 x 8 in grey, inside the package: no download.   [alpaydin1998optical]

    In the order of the source: the first ``train`` images, the next ``validation``, the next ``test``.  They load as
    uint8 (n, 1, 8, 8).

    Args:
        train: training images.
        validation: validation images.
        test: test images.
        split_seed: draws training and validation images (``splits.cut``) from those before the last 400, whatever the
            sizes are; the first ``test`` of these are for testing, as with the default sizes.

    Raises:
        UsageError: more images are asked for than there are, or none to train or test on.

    Examples:
        >>> spec = Digits(train=100, validation=20, test=50)
        >>> spec.title, tuple(spec.load(None).train.images.shape)
        ('digits@100/50', (100, 1, 8, 8))
    """

    version: ClassVar[int] = 1
    name: ClassVar[str] = "digits"
    train: int = 1_197
    validation: int = 200
    test: int = 400
    split_seed: int | None = field(default=None, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        check_sizes("digits", train=self.train, validation=self.validation, test=self.test)
        if self.train + self.validation + self.test > IMAGES:
            raise UsageError(
                f"digits has {IMAGES} images; {self.train} for training, {self.validation} for validation and "
                f"{self.test} for testing were asked for. Ask for {IMAGES} or fewer in all.",
                option="train",
            )
        if self.split_seed is not None and self.tested_from + self.test > IMAGES:
            raise UsageError(
                f"digits has {IMAGES - TESTED_FROM} test images with a split_seed, and {self.test} were asked for. "
                "Ask for fewer, or leave split_seed out.",
                option="test",
            )
        if self.split_seed is not None and self.train + self.validation > TESTED_FROM:
            raise UsageError(
                f"digits has {TESTED_FROM} images to train and validate on with a split_seed, and {self.train} and "
                f"{self.validation} were asked for. Ask for fewer, or leave split_seed out.",
                option="train",
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return (1, 8, 8)

    @property
    def classes(self) -> int:
        """K."""
        return 10

    @property
    def title(self) -> str:
        """The name alone when all are used, else with training and test images: "digits@600/100"; then the split,
        where a seed drew it."""
        from lotterylab.data.splits import titled

        whole = self.train + self.validation + self.test == IMAGES
        return titled("digits" if whole else f"digits@{self.train}/{self.test}", self.split_seed)

    @property
    def tested_from(self) -> int:
        """Return the place of the first test image in the order of the source."""
        return self.train + self.validation if self.split_seed is None else TESTED_FROM

    def load(self, data_dir: Path | None) -> Dataset:
        """Return the images of the package; ``data_dir`` is not used."""
        return self._read().dataset()

    def fingerprint(self, data_dir: Path | None) -> Fingerprint:
        """Return the hash of the images in use, and the SHA-256 of the shipped file."""
        import hashlib

        return Fingerprint(
            content=self._read().content(), files=((FILE, f"sha256:{hashlib.sha256(_shipped()).hexdigest()}"),)
        )

    def _read(self) -> ArrayDataset:
        import io

        import numpy as np

        from lotterylab.data.arrays import ArrayDataset, exact
        from lotterylab.data.splits import cut

        with np.load(io.BytesIO(_shipped())) as shipped:
            images = exact(shipped["images"], shipped["labels"])
        train, validation = cut(
            images[: self.tested_from], train=self.train, validation=self.validation, split_seed=self.split_seed
        )
        return ArrayDataset(
            train=train,
            validation=validation,
            test=images[self.tested_from : self.tested_from + self.test],
            classes=self.classes,
            mean=MEAN,
            std=STD,
            scale=16.0,
        )


def _shipped() -> bytes:
    from importlib.resources import files

    return files("lotterylab.data").joinpath(FILE).read_bytes()
