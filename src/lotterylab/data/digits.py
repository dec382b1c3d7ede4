"""Handwritten digits of 8 x 8 pixels, shipped inside the package (digits-source.txt): real data without a download."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lotterylab.data.base import Dataset, Fingerprint, check_sizes
from lotterylab.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from lotterylab.data.arrays import ArrayDataset

FILE = "digits.npz"
IMAGES = 1_797
# over the first 1,197 images, the default training split, on the scale 0..1
MEAN = (0.3063,)
STD = (0.3755,)


@dataclass(frozen=True, kw_only=True)
class Digits:
    """In the order of the source: the first ``train`` images, the next ``validation``, the next ``test``."""

    version: ClassVar[int] = 1
    name: ClassVar[str] = "digits"
    train: int = 1_197
    validation: int = 200
    test: int = 400

    def __post_init__(self) -> None:
        check_sizes("digits", train=self.train, validation=self.validation, test=self.test)
        if self.train + self.validation + self.test > IMAGES:
            raise UsageError(
                f"digits has {IMAGES} images; {self.train} for training, {self.validation} for validation and "
                f"{self.test} for testing were asked for. Ask for {IMAGES} or fewer in all."
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
        """The name alone when all are used, else with training and test images: "digits@600/100"."""
        whole = self.train + self.validation + self.test == IMAGES
        return "digits" if whole else f"digits@{self.train}/{self.test}"

    def load(self, data_dir: Path | None) -> Dataset:
        """From the package; ``data_dir`` is not looked at."""
        return self._read().dataset()

    def fingerprint(self, data_dir: Path | None) -> Fingerprint:
        """The content used, and the SHA-256 of the shipped file."""
        import hashlib

        return Fingerprint(
            content=self._read().content(), files=((FILE, f"sha256:{hashlib.sha256(_shipped()).hexdigest()}"),)
        )

    def _read(self) -> ArrayDataset:
        import io

        import numpy as np

        from lotterylab.data.arrays import ArrayDataset, Arrays

        with np.load(io.BytesIO(_shipped())) as shipped:
            all_of_them = Arrays(
                images=shipped["images"], labels=shipped["labels"], approximate=np.zeros(IMAGES, dtype=np.bool_)
            )
        tested_from = self.train + self.validation
        return ArrayDataset(
            train=all_of_them[: self.train],
            validation=all_of_them[self.train : tested_from],
            test=all_of_them[tested_from : tested_from + self.test],
            classes=self.classes,
            mean=MEAN,
            std=STD,
            scale=16.0,
        )


def _shipped() -> bytes:
    from importlib.resources import files

    return files("lotterylab.data").joinpath(FILE).read_bytes()
