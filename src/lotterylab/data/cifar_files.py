"""Where the files of CIFAR-10 and CIFAR-100 are, which images are approximate, and whether they are canonical."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lotterylab.data import cifar_layouts
from lotterylab.data.arrays import Arrays
from lotterylab.data.base import ENVIRONMENT
from lotterylab.data.cifar_layouts import Records
from lotterylab.errors import UsageError

LIST = "approximate_images.csv"


@dataclass(frozen=True, kw_only=True)
class CifarFiles:
    """The files of CIFAR-10 or of CIFAR-100.

    ``training``: names of the training batches without suffix; ``per_batch``: records in each; ``test``: 10,000.
    ``canonical``: MD5 of each file by its name, of both layouts.  ``places``: where they are looked for.
    """

    records: Records
    places: tuple[str, ...]
    training: tuple[str, ...]
    per_batch: int
    test: str
    canonical: Mapping[str, str]
    option: str

    @property
    def name(self) -> str:
        """ "CIFAR-10"."""
        return self.records.name

    @property
    def advice(self) -> str:
        """What to do when they are not there."""
        one, other = self.records.archives
        return (
            f"Run lotterylab data fetch {self.option}, or put {one} or {other} there, unpacked, or use --data digits, "
            "which ships inside the package."
        )

    def size(self, batch: str) -> int:
        """How many records a batch has."""
        return TEST_RECORDS if batch == self.test else self.per_batch


TEST_RECORDS = 10_000
CIFAR10 = CifarFiles(
    records=Records(
        name="CIFAR-10",
        label_bytes=1,
        label_key="labels",
        classes=10,
        archives=("cifar-10-binary", "cifar-10-python"),
    ),
    option="cifar10",
    places=(
        ".",
        "cifar10",
        "cifar-10-batches-py",
        "cifar-10-batches-bin",
        "cifar10/cifar-10-batches-py",
        "cifar10/cifar-10-batches-bin",
    ),
    training=("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"),
    per_batch=10_000,
    test="test_batch",
    # MD5 of the files in cifar-10-python.tar.gz, as torchvision lists them, and in cifar-10-binary.tar.gz, as the
    # CIFAR-10 loaders of prabhuomkar/pytorch-cpp and rai-project/dldataset list them
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
CIFAR100 = CifarFiles(
    records=Records(
        name="CIFAR-100",
        label_bytes=2,  # coarse, then fine
        label_key="fine_labels",
        classes=100,
        archives=("cifar-100-binary", "cifar-100-python"),
    ),
    option="cifar100",
    places=(
        ".",
        "cifar100",
        "cifar-100-python",
        "cifar-100-binary",
        "cifar100/cifar-100-python",
        "cifar100/cifar-100-binary",
    ),
    training=("train",),
    per_batch=50_000,
    test="test",
    # as torchvision (python) and rai-project/dldataset (binary) list them
    canonical={
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
        "train.bin": "6172c7755cfe09b2fe270c85cebc1b15",
        "test.bin": "4499cfba6c016c1be1438163640a0898",
    },
)


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder that holds the files; ``suffix`` ".bin" for the binary layout, "" for the python one."""

    path: Path
    suffix: str
    cifar: CifarFiles

    def file(self, batch: str) -> Path:
        """The file of a batch, which must be there."""
        path = self.path / f"{batch}{self.suffix}"
        if not path.is_file():
            raise UsageError(
                f"{self.cifar.name} in {self.path} is not whole: {path.name} is missing. Unpack it there again."
            )
        return path


def find(data_dir: Path | None, cifar: CifarFiles = CIFAR10) -> Folder:
    """The first of its places that holds one of its files; the binary layout before the python one.

    Raises:
        UsageError: no folder was given, or none of them holds one.
    """
    if data_dir is None:
        raise UsageError(
            f"{cifar.name} needs a local copy: pass --data-dir FOLDER or set {ENVIRONMENT}. {cifar.advice}"
        )
    if not data_dir.is_dir():
        raise UsageError(f"no folder {data_dir}, where {cifar.name} was to be read. {cifar.advice}")
    for place in cifar.places:
        for suffix in (".bin", ""):
            if any((data_dir / place / f"{batch}{suffix}").is_file() for batch in (*cifar.training, cifar.test)):
                return Folder(path=data_dir / place, suffix=suffix, cifar=cifar)
    raise UsageError(f"no {cifar.name} in {data_dir} (looked in {', '.join(cifar.places)}). {cifar.advice}")


def needed(*, training: int, test: int, cifar: CifarFiles = CIFAR10) -> dict[str, int]:
    """How many records to read from which batch, in canonical order."""
    size = cifar.per_batch
    counts = {
        batch: min(size, training - number * size)
        for number, batch in enumerate(cifar.training)
        if training > number * size
    }
    return {**counts, cifar.test: test}


def read(folder: Folder, batches: dict[str, int]) -> tuple[Arrays, Arrays]:
    """The training and the test images, the approximate ones marked."""
    marks, cifar = _listed(folder), folder.cifar
    reader = cifar_layouts.binary if folder.suffix else cifar_layouts.python
    parts: dict[str, Arrays] = {}
    for batch, count in batches.items():
        images, labels = reader(folder.file(batch), count, of=cifar.size(batch), records=cifar.records)
        approximate = np.isin(np.arange(count), marks.get(batch, []))
        parts[batch] = Arrays(images=images, labels=labels, approximate=approximate)
    return _joined([parts[batch] for batch in batches if batch != cifar.test]), parts[cifar.test]


def checksums(folder: Folder, batches: dict[str, int]) -> tuple[tuple[str, str], ...]:
    """(file name, "md5:...") of each whole file."""
    sums = []
    for batch in batches:
        with folder.file(batch).open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
        sums.append((f"{batch}{folder.suffix}", f"md5:{digest.hexdigest()}"))
    return tuple(sums)


def warnings(folder: Folder, files: tuple[tuple[str, str], ...], used: int) -> tuple[str, ...]:
    """One line when a checksum is not the canonical one or an image in use is listed as approximate.

    It does not say where the copy lies: it goes into pages that are shared.
    """
    listed = sum(len(indices) for indices in _listed(folder).values())
    differing = [(name, found) for name, found in files if found != f"md5:{folder.cifar.canonical[name]}"]
    if not differing and not used:
        return ()
    if differing:
        shown = ", ".join(f"{name} {found[:12]}..." for name, found in differing)
        state = f"is not the canonical copy: checksums differ ({shown})"
    else:
        state = f"has the canonical checksums, but {LIST} stands beside it"
    approximate = (
        f"{listed} images are listed as approximate, {used} of them in use; accuracy is given with and without them"
        if listed
        else f"no {LIST} beside it says which images differ"
    )
    return (f"This copy of {folder.cifar.name} {state}; {approximate}.",)


def _listed(folder: Folder) -> dict[str, list[int]]:
    """Batch -> indices of its approximate images, from the list beside the files, if there is one."""
    path, cifar = folder.path / LIST, folder.cifar
    marks: dict[str, list[int]] = {}
    if not path.is_file():
        return marks
    with path.open(newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            batch, index = Path(row.get("file") or "").stem, row.get("index_in_file") or ""
            known = batch in (*cifar.training, cifar.test)
            if not known or not index.isdecimal() or int(index) >= cifar.size(batch):
                raise UsageError(
                    f"{path}, line {number}: columns file and index_in_file must name a batch of {cifar.name} and an "
                    f"index below {cifar.per_batch}; found {row.get('file')!r} and {row.get('index_in_file')!r}."
                )
            marks.setdefault(batch, []).append(int(index))
    return marks


def _joined(parts: list[Arrays]) -> Arrays:
    return Arrays(
        images=np.concatenate([part.images for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        approximate=np.concatenate([part.approximate for part in parts]),
    )
