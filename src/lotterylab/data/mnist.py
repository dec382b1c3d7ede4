"""MNIST and Fashion-MNIST, from the user's own copy, gzipped or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from lotterylab.data.base import ENVIRONMENT, Dataset, Fingerprint, check_sizes, subset_title
from lotterylab.errors import UsageError
from lotterylab.words import ADDED_LATER

if TYPE_CHECKING:
    from pathlib import Path

    from lotterylab.data.arrays import ArrayDataset, Arrays

TRAINING_IMAGES, TEST_IMAGES, SIDE = 60_000, 10_000, 28
PARTS = ("train", "t10k")


@dataclass(frozen=True, kw_only=True)
class Mnist:
    """MNIST: 60,000 and 10,000 handwritten digits, 1 x 28 x 28.   [lecun1998gradient]

    The first ``train`` of the training images, the next ``validation``, the first ``test`` of the test images;
    ``split_seed``: None takes the canonical order of the training images, a number an order drawn from it.
    """

    version: ClassVar[int] = 1
    name: ClassVar[str] = "mnist"
    called: ClassVar[str] = "MNIST"
    places: ClassVar[tuple[str, ...]] = ("mnist", "MNIST/raw", ".")
    # over the 60,000 training images, on the scale 0..1, to four digits (a test computes them)
    mean: ClassVar[float] = 0.1307
    std: ClassVar[float] = 0.3081
    # MD5 of the gzipped files, as torchvision lists them
    canonical: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
            "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
            "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
        }
    )

    train: int = TRAINING_IMAGES
    validation: int = 0
    test: int = TEST_IMAGES
    split_seed: int | None = field(default=None, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        check_sizes(self.called, train=self.train, validation=self.validation, test=self.test)
        if self.train + self.validation > TRAINING_IMAGES or self.test > TEST_IMAGES:
            raise UsageError(
                f"{self.called} has {TRAINING_IMAGES} training and {TEST_IMAGES} test images; {self.train} for "
                f"training, {self.validation} for validation and {self.test} for testing were asked for."
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return (1, SIDE, SIDE)

    @property
    def classes(self) -> int:
        """K."""
        return 10

    @property
    def title(self) -> str:
        """See ``base.subset_title``."""
        return subset_title(self.called, self, TRAINING_IMAGES, TEST_IMAGES)

    def load(self, data_dir: Path | None) -> Dataset:
        """As tensors.  Raises ``UsageError`` when files are missing or damaged."""
        return self._read(data_dir).dataset()

    def fingerprint(self, data_dir: Path | None) -> Fingerprint:
        """The content used, the MD5 sums of the gzipped files, and a warning where those are not the canonical ones.

        Unpacked files have no published checksum: theirs are SHA-256.
        """
        import hashlib

        read = self._read(data_dir)
        files, differing = [], []
        for path in self._files(data_dir).values():
            kind = "md5" if path.suffix == ".gz" else "sha256"
            found = hashlib.new(kind, path.read_bytes(), usedforsecurity=False).hexdigest()
            files.append((path.name, f"{kind}:{found}"))
            if kind == "md5" and found != self.canonical[path.name]:
                differing.append(f"{path.name} md5:{found[:8]}...")
        warnings = (
            (f"This copy of {self.called} is not the canonical copy: checksums differ ({', '.join(differing)}).",)
            if differing
            else ()
        )
        return Fingerprint(content=read.content(), files=tuple(files), warnings=warnings)

    def _read(self, data_dir: Path | None) -> ArrayDataset:
        from lotterylab.data.arrays import ArrayDataset
        from lotterylab.data.splits import taken

        files = self._files(data_dir)
        pool, test = (self._part(files, part) for part in PARTS)
        train, validation = taken(pool, self.split_seed, train=self.train, validation=self.validation)
        return ArrayDataset(
            train=train,
            validation=validation,
            test=test[: self.test],
            classes=self.classes,
            mean=(self.mean,),
            std=(self.std,),
            scale=255.0,
        )

    def _part(self, files: Mapping[str, Path], part: str) -> Arrays:
        import numpy as np

        from lotterylab.data import idx
        from lotterylab.data.arrays import Arrays

        images = idx.read(files[f"{part}-images-idx3-ubyte"], 3)
        labels = idx.read(files[f"{part}-labels-idx1-ubyte"], 1)
        expected = TRAINING_IMAGES if part == "train" else TEST_IMAGES
        if images.shape != (expected, SIDE, SIDE) or labels.shape != (expected,) or labels.max() > 9:
            raise UsageError(
                f"{self.called} is damaged: {part} should be {expected} images of {SIDE} x {SIDE} with labels 0 to 9; "
                f"images {images.shape} and labels {labels.shape} up to {labels.max()} were found. Fetch it again."
            )
        return Arrays(images=images[:, None], labels=labels, approximate=np.zeros(expected, dtype=np.bool_))

    def _files(self, data_dir: Path | None) -> dict[str, Path]:
        """The four files by their plain names, in the first place that has them."""
        advice = f"Run lotterylab data fetch {self.name}, or use --data digits, which ships inside the package."
        if data_dir is None:
            raise UsageError(f"{self.called} needs a local copy: pass --data-dir FOLDER or set {ENVIRONMENT}. {advice}")
        plain = [name.removesuffix(".gz") for name in self.canonical]
        missing: list[str] = []
        for place in self.places:
            found = {
                name: path
                for name in plain
                for suffix in ("", ".gz")
                if (path := data_dir / place / f"{name}{suffix}").is_file()
            }
            if len(found) == len(plain):
                return found
            if found:
                missing = [f"{place}/{name}" for name in plain if name not in found]
        what = f"{', '.join(missing)} missing" if missing else f"looked in {', '.join(self.places)}"
        raise UsageError(f"no whole {self.called} in {data_dir} ({what}). {advice}")


@dataclass(frozen=True, kw_only=True)
class FashionMnist(Mnist):
    """Fashion-MNIST: 60,000 and 10,000 pictures of clothes of 10 kinds, 1 x 28 x 28.   [xiao2017fashion]"""

    name: ClassVar[str] = "fashion-mnist"
    called: ClassVar[str] = "Fashion-MNIST"
    places: ClassVar[tuple[str, ...]] = ("fashion-mnist", "FashionMNIST/raw")
    # over the 60,000 training images, as its users publish them; not computed here, where there is no copy
    mean: ClassVar[float] = 0.2860
    std: ClassVar[float] = 0.3530
    canonical: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
        }
    )
