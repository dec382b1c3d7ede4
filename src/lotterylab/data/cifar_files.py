"""The files of CIFAR-10 and CIFAR-100 are found, checked against canonical checksums, and read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lotterylab.data import cifar_layouts, copies
from lotterylab.data.arrays import Arrays, joined
from lotterylab.data.cifar_layouts import Records
from lotterylab.data.copies import Checksums
from lotterylab.errors import UsageError
from lotterylab.formats.foreign import text
from lotterylab.formats.text import shown

LIST = "approximate_images.csv"
MOST_LIST, MOST_DIGITS = 8 << 20, 9  # bytes of a list of at most 60,000 images; digits of an index


@dataclass(frozen=True, kw_only=True)
class Files:
    """A ``Files`` describes a published data set: its files in order, their records, and the folders of its archives.

    ``canonical`` holds the MD5 sums of the files in both layouts.
    """

    called: str
    name: str
    training: tuple[str, ...]
    test: str
    records: Records
    places: tuple[str, ...]
    canonical: Mapping[str, str]

    @property
    def batches(self) -> tuple[str, ...]:
        """The names of all files, without the binary layout's suffix."""
        return (*self.training, self.test)

    def needed(self, *, training: int, test: int) -> dict[str, int]:
        """Return the number of records to read from each batch, in canonical order."""
        counts = {}
        for batch in self.training:
            if training > 0:
                counts[batch] = min(self.records.of[batch], training)
                training -= counts[batch]
        return {**counts, self.test: test}


CIFAR10 = Files(
    called="CIFAR-10",
    name="cifar10",
    training=("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"),
    test="test_batch",
    records=Records(
        called="CIFAR-10",
        archive="cifar-10",
        of={**{f"data_batch_{i}": 10_000 for i in range(1, 6)}, "test_batch": 10_000},
        label_bytes=1,
        label_key="labels",
        classes=10,
    ),
    places=(
        ".",
        "cifar10",
        "cifar-10-batches-py",
        "cifar-10-batches-bin",
        "cifar10/cifar-10-batches-py",
        "cifar10/cifar-10-batches-bin",
    ),
    # sources: torchvision for cifar-10-python.tar.gz; prabhuomkar/pytorch-cpp and rai-project/dldataset for
    # cifar-10-binary.tar.gz
    canonical={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
        "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
        "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
        "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
        "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
        "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
        "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
    },
)
CIFAR100 = Files(
    called="CIFAR-100",
    name="cifar100",
    training=("train",),
    test="test",
    records=Records(
        called="CIFAR-100",
        archive="cifar-100",
        of={"train": 50_000, "test": 10_000},
        label_bytes=2,  # coarse, then fine
        label_key="fine_labels",
        classes=100,
    ),
    places=(
        "cifar100",
        "cifar-100-python",
        "cifar-100-binary",
        "cifar100/cifar-100-python",
        "cifar100/cifar-100-binary",
        ".",  # last, since files called "train" and "test" may belong to any data set
    ),
    # sources: torchvision for the python files, rai-project/dldataset for the binary files
    canonical={
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
        "train.bin": "6172c7755cfe09b2fe270c85cebc1b15",
        "test.bin": "4499cfba6c016c1be1438163640a0898",
    },
)


@dataclass(frozen=True, kw_only=True)
class CifarCopy:
    """A ``CifarCopy`` is a folder of CIFAR; ``suffix`` is ".bin" for the binary layout, "" for the python layout."""

    path: Path
    suffix: str
    published: Files

    def names(self, *, training: int, test: int) -> tuple[str, ...]:
        """Return the names of the files with the first ``training`` and ``test`` images."""
        return tuple(f"{batch}{self.suffix}" for batch in self.published.needed(training=training, test=test))

    def read(self, *, training: int, test: int) -> tuple[Arrays, Arrays]:
        """Return the training and the test images, with approximate images marked."""
        marks = self._listed()
        reader = cifar_layouts.binary if self.suffix else cifar_layouts.python
        parts: dict[str, Arrays] = {}
        for batch, count in self.published.needed(training=training, test=test).items():
            path = copies.file(self.path, f"{batch}{self.suffix}", called=self.published.called)
            images, labels = reader(path, count, self.published.records)
            approximate = np.isin(np.arange(count), marks.get(batch, []))
            parts[batch] = Arrays(images=images, labels=labels, approximate=approximate)
        tests = parts.pop(self.published.test)
        return joined(list(parts.values())), tests

    def warnings(self, files: Checksums, *, used: int) -> tuple[str, ...]:
        """Return a line if a checksum is not canonical or an image in use is listed as approximate."""
        listed = sum(len(indices) for indices in self._listed().values())
        differing = copies.differing(files, self.published.canonical)
        if not differing and not used:
            return ()
        state = (
            f"is not the canonical copy: checksums differ ({differing})"
            if differing
            else f"has the canonical checksums, but {LIST} stands beside it"
        )
        approximate = (
            f"{listed} images are listed as approximate, {used} of them in use; accuracy is given with and without them"
            if listed
            else f"no {LIST} beside it says which images differ"
        )
        return (f"This copy of {self.published.called} {state}; {approximate}.",)

    def _listed(self) -> dict[str, list[int]]:
        """Return batch -> indices of its approximate images, from the list beside the files if it exists."""
        path = self.path / LIST
        marks: dict[str, list[int]] = {}
        if not path.is_file():
            return marks
        lines = io.StringIO(text(path, most=MOST_LIST), newline="")
        try:
            rows = list(csv.DictReader(lines))
        except csv.Error as error:
            raise UsageError(f"{path} is not CSV ({error}).") from error
        for number, row in enumerate(rows, start=2):
            batch, index = Path(row.get("file") or "").stem, row.get("index_in_file") or ""
            count = self.published.records.of.get(batch, 0)
            if not index.isdecimal() or len(index) > MOST_DIGITS or int(index) >= count:
                raise UsageError(
                    f"{path}, line {number}: columns file and index_in_file must name a batch of "
                    f"{self.published.called} and an index of a record in it; found {shown(repr(row.get('file')))} and "
                    f"{shown(repr(row.get('index_in_file')))}."
                )
            marks.setdefault(batch, []).append(int(index))
        return marks


def standing(data_dir: Path, published: Files) -> CifarCopy | None:
    """Return the first of the known folders with a file of the data set, or None; the binary layout comes first."""
    for place in published.places:
        for suffix in (".bin", ""):
            if _any(data_dir / place / f"{batch}{suffix}" for batch in published.batches):
                return CifarCopy(path=data_dir / place, suffix=suffix, published=published)
    return None


def find(data_dir: Path | None, published: Files) -> CifarCopy:
    """Return the copy in the user's folder.

    Raises:
        UsageError: no folder was given, or the known places in it have no file of the data set.
    """
    copy = standing(data_dir, published) if data_dir is not None else None
    if copy is None:
        archive = published.records.archive
        what = f"{archive}-binary or {archive}-python, unpacked"
        raise copies.not_found(published.called, data_dir, places=published.places, name=published.name, what=what)
    return copy


def _any(paths: Iterable[Path]) -> bool:
    return any(path.is_file() for path in paths)
