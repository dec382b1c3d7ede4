"""The idx files of MNIST and Fashion-MNIST are found, checked against canonical checksums, and read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lotterylab.data import copies, idx
from lotterylab.data.arrays import Arrays, exact
from lotterylab.data.copies import Checksums
from lotterylab.errors import UsageError

TRAINING, TEST = ("train", 60_000), ("t10k", 10_000)
NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@dataclass(frozen=True, kw_only=True)
class Files:
    """A ``Files`` describes a published data set by its usual folders and its ``canonical`` MD5 sums."""

    called: str
    name: str
    places: tuple[str, ...]
    canonical: Mapping[str, str]


# sources: torchvision for the gzipped files, our unpacking for MNIST's, several public loaders for Fashion-MNIST's
MNIST = Files(
    called="MNIST",
    name="mnist",
    places=("mnist", "MNIST/raw", "mnist/MNIST/raw", "."),
    canonical={
        "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
)
FASHION = Files(
    called="Fashion-MNIST",
    name="fashion-mnist",
    places=("fashion-mnist", "FashionMNIST/raw", "fashion-mnist/FashionMNIST/raw", "."),
    canonical={
        "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
)


@dataclass(frozen=True, kw_only=True)
class IdxCopy:
    """An ``IdxCopy`` is a folder with some of the four files, each plain or gzipped; plain files come first."""

    path: Path
    published: Files

    def names(self, *, training: int, test: int) -> tuple[str, ...]:
        """Return the names of all four files in this folder."""
        return tuple(name if (self.path / name).is_file() else f"{name}.gz" for name in NAMES)

    def read(self, *, training: int, test: int) -> tuple[Arrays, Arrays]:
        """Return the first images of the training and of the test files, which are read whole."""
        return self._part(*TRAINING)[:training], self._part(*TEST)[:test]

    def warnings(self, files: Checksums, *, used: int) -> tuple[str, ...]:
        """Return a line if a checksum is not canonical."""
        differing = copies.differing(files, self.published.canonical)
        called = self.published.called
        return (f"This copy of {called} is not the canonical copy: checksums differ ({differing}).",) * bool(differing)

    def _part(self, part: str, count: int) -> Arrays:
        images = idx.read(self._file(f"{part}-images-idx3-ubyte"), (count, 28, 28))
        path = self._file(f"{part}-labels-idx1-ubyte")
        labels = idx.read(path, (count,))
        wrong = np.flatnonzero(labels > 9)
        if len(wrong):
            raise UsageError(
                f"{path} is damaged: label {wrong[0]} is {labels[wrong[0]]}, labels are 0 to 9 in "
                f"{self.published.called}. Download it again."
            )
        return exact(images[:, None], labels)

    def _file(self, name: str) -> Path:
        plain = (self.path / name).is_file()
        return copies.file(self.path, name if plain else f"{name}.gz", called=self.published.called)


def standing(data_dir: Path, published: Files) -> IdxCopy | None:
    """Return the first of the known folders with a file of the data set, or None.

    Raises:
        UsageError: the files belong to the other data set, whose files have the same names.
    """
    for place in published.places:
        path = data_dir / place
        present = [name for plain in NAMES for name in (plain, f"{plain}.gz") if (path / name).is_file()]
        if present:
            _refuse_the_other(path, present, published)
            return IdxCopy(path=path, published=published)
    return None


def find(data_dir: Path | None, published: Files) -> IdxCopy:
    """Return the copy in the user's folder.

    Raises:
        UsageError: no folder was given, or the known places in it have no file or the other data set.
    """
    copy = standing(data_dir, published) if data_dir is not None else None
    if copy is None:
        what = f"the four files of {published.called} (train-images-idx3-ubyte and the others, gzipped or not)"
        raise copies.not_found(published.called, data_dir, places=published.places, name=published.name, what=what)
    return copy


def _refuse_the_other(path: Path, present: list[str], published: Files) -> None:
    other = FASHION if published.name == MNIST.name else MNIST
    for name in present:
        if "labels" in name and copies.md5(path / name) == other.canonical[name]:  # label files are small
            raise UsageError(
                f"{path} holds {other.called}, not {published.called}: {name} has its checksum. "
                f"Keep {published.called} in a separate folder {published.name}."
            )
