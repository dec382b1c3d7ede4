"""Where the files of CIFAR-10 are, which images in them are approximate, and whether they are the canonical ones."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lotterylab.data import cifar_layouts
from lotterylab.data.arrays import Arrays
from lotterylab.data.base import ENVIRONMENT
from lotterylab.data.cifar_layouts import RECORDS
from lotterylab.errors import UsageError

PLACES = (
    ".",
    "cifar10",
    "cifar-10-batches-py",
    "cifar-10-batches-bin",
    "cifar10/cifar-10-batches-py",
    "cifar10/cifar-10-batches-bin",
)
TRAINING = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5")
TEST = "test_batch"
LIST = "approximate_images.csv"

# MD5 of the files in cifar-10-python.tar.gz, as torchvision lists them, and in cifar-10-binary.tar.gz, as the CIFAR-10
# loaders of prabhuomkar/pytorch-cpp and rai-project/dldataset list them
CANONICAL = {
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
}

ADVICE = "Put cifar-10-binary or cifar-10-python there, unpacked, or use --data digits, which ships inside the package."


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder that holds CIFAR-10; ``suffix`` ".bin" for the binary layout, "" for the python one."""

    path: Path
    suffix: str

    def file(self, batch: str) -> Path:
        """The file of a batch, which must be there."""
        path = self.path / f"{batch}{self.suffix}"
        if not path.is_file():
            raise UsageError(f"CIFAR-10 in {self.path} is not whole: {path.name} is missing. Unpack it there again.")
        return path


def find(data_dir: Path | None) -> Folder:
    """The first of ``PLACES`` that holds a file of CIFAR-10; the binary layout before the python one.

    Raises:
        UsageError: no folder was given, or none of them holds one.
    """
    if data_dir is None:
        raise UsageError(
            f"CIFAR-10 needs a local copy: pass --data-dir FOLDER or set {ENVIRONMENT}, where FOLDER holds "
            "cifar-10-binary or cifar-10-python, unpacked; or use --data digits, which ships inside the package."
        )
    if not data_dir.is_dir():
        raise UsageError(f"no folder {data_dir}, where CIFAR-10 was to be read. {ADVICE}")
    for place in PLACES:
        for suffix in (".bin", ""):
            if any((data_dir / place / f"{batch}{suffix}").is_file() for batch in (*TRAINING, TEST)):
                return Folder(path=data_dir / place, suffix=suffix)
    raise UsageError(f"no CIFAR-10 in {data_dir} (looked in {', '.join(PLACES)}). {ADVICE}")


def needed(*, training: int, test: int) -> dict[str, int]:
    """How many records to read from which batch, in canonical order."""
    counts = {batch: min(RECORDS, training - i * RECORDS) for i, batch in enumerate(TRAINING) if training > i * RECORDS}
    return {**counts, TEST: test}


def read(folder: Folder, batches: dict[str, int]) -> tuple[Arrays, Arrays]:
    """The training and the test images, the approximate ones marked."""
    marks = _listed(folder)
    reader = cifar_layouts.binary if folder.suffix else cifar_layouts.python
    parts: dict[str, Arrays] = {}
    for batch, count in batches.items():
        images, labels = reader(folder.file(batch), count)
        approximate = np.isin(np.arange(count), marks.get(batch, []))
        parts[batch] = Arrays(images=images, labels=labels, approximate=approximate)
    return _joined([parts[batch] for batch in batches if batch != TEST]), parts[TEST]


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
    differing = [(name, found) for name, found in files if found != f"md5:{CANONICAL[name]}"]
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
    return (f"This copy of CIFAR-10 {state}; {approximate}.",)


def _listed(folder: Folder) -> dict[str, list[int]]:
    """Batch -> indices of its approximate images, from the list beside the files, if there is one."""
    path = folder.path / LIST
    marks: dict[str, list[int]] = {}
    if not path.is_file():
        return marks
    with path.open(newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            batch, index = Path(row.get("file") or "").stem, row.get("index_in_file") or ""
            if batch not in (*TRAINING, TEST) or not index.isdecimal() or int(index) >= RECORDS:
                raise UsageError(
                    f"{path}, line {number}: columns file and index_in_file must name a batch of CIFAR-10 and an index "
                    f"below {RECORDS}; found {row.get('file')!r} and {row.get('index_in_file')!r}."
                )
            marks.setdefault(batch, []).append(int(index))
    return marks


def _joined(parts: list[Arrays]) -> Arrays:
    return Arrays(
        images=np.concatenate([part.images for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        approximate=np.concatenate([part.approximate for part in parts]),
    )
