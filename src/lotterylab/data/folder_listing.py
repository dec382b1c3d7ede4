"""Which images are in a folder of class folders, and which of them go where."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from lotterylab import rng
from lotterylab.data.splits import stratified
from lotterylab.errors import UsageError

MOST_BYTES = 256 << 20  # of an image file
SPLIT_FOLDERS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}


@dataclass(frozen=True, kw_only=True)
class Image:
    """A file by its path below the root, with its class; size and time tell whether it has changed."""

    path: str
    label: int
    bytes: int
    modified_ns: int


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The classes, and the images of each split that has a folder; of "train" alone where none has."""

    classes: tuple[str, ...]
    splits: Mapping[str, tuple[Image, ...]]


class Wanted(Protocol):
    """How many images go where: the fields of ``folder.Folder`` that say so."""

    @property
    def path(self) -> str | Path:
        """Where the folder is, for errors."""
        ...

    @property
    def train(self) -> int | None:
        """Images for training; None for all that are left."""
        ...

    @property
    def validation(self) -> int | None:
        """Images for validation."""
        ...

    @property
    def test(self) -> int | None:
        """Images for testing."""
        ...

    @property
    def split_seed(self) -> int:
        """Draws the order of the images."""
        ...


def listed(root: Path) -> Listing:
    """What is in the folder, in the order of the names.  Names that begin with a dot are ignored, and so are files
    beside the class folders.

    Raises:
        UsageError: no folder, not one of the two layouts, fewer than two classes, an empty class, or classes that
            differ between the splits; a pipe, a device or a broken link among the images, or what the system refuses.
    """
    try:
        return _listed(root)
    except OSError as error:
        raise UsageError(f"{error.filename or root} cannot be read ({error.strerror or error}).") from error


def _listed(root: Path) -> Listing:
    if not root.is_dir():
        raise UsageError(f"no folder {root}, where images in class folders were to be read.")
    names = _folders(root)
    if not set(names) & set(SPLIT_FOLDERS):
        classes = _classes(root, names)
        return Listing(classes=classes, splits={"train": _images(root, "", classes)})
    _check_split_folders(root, names)
    classes = _classes(root / "train", _folders(root / "train"))
    splits = {}
    for name in names:
        found = _folders(root / name)
        if found != list(classes):
            differing = sorted(set(found) ^ set(classes))
            raise UsageError(
                f"{root / name} and {root / 'train'} have different classes: {', '.join(differing)} is in one of them "
                "only. Give both the same class folders."
            )
        splits[SPLIT_FOLDERS[name]] = _images(root, name, classes)
    return Listing(classes=classes, splits=splits)


def chosen(listing: Listing, wanted: Wanted) -> dict[str, list[Image]]:
    """The images of each split, by the rules that ``Folder`` describes.

    Raises:
        UsageError: more were asked for than there are, or no test images can be found.
    """
    ordered = {name: _ordered(name, images, wanted.split_seed) for name, images in listing.splits.items()}
    pool = ordered.pop("train")
    parts = {name: _first(name, images, wanted) for name, images in ordered.items()}
    test = 0 if "test" in parts else wanted.test
    validation = 0 if "validation" in parts else wanted.validation or 0
    if test is None:
        raise UsageError(
            f"{wanted.path} has no folder test/: say how many of its {len(pool)} images to test on, for example "
            f"test={max(1, len(pool) // 5)}. They are drawn by split_seed."
        )
    train = len(pool) - test - validation if wanted.train is None else wanted.train
    if train < 1 or test + train + validation > len(pool):
        asked = "the rest" if wanted.train is None else train
        raise UsageError(
            f"{wanted.path} has {len(pool)} images to divide; {asked} for training, {validation} for validation and "
            f"{test} for testing were asked for. Ask for {len(pool)} or fewer in all, at least 1 of them for training."
        )
    ends = {"test": (0, test), "train": (test, test + train), "validation": (test + train, test + train + validation)}
    return {name: parts.get(name, pool[slice(*ends[name])]) for name in ("train", "validation", "test")}


def _ordered(name: str, images: tuple[Image, ...], seed: int) -> list[Image]:
    purpose = ("split",) if name == "train" else ("split", name)
    order = stratified(np.array([image.label for image in images]), rng.stream(seed, *purpose))
    return [images[i] for i in order]


def _first(name: str, images: list[Image], wanted: Wanted) -> list[Image]:
    count: int | None = getattr(wanted, name)
    if count is not None and count > len(images):
        raise UsageError(f"{wanted.path} has {len(images)} {name} images, {count} were asked for.")
    return images[:count]


def _folders(folder: Path) -> list[str]:
    return sorted(one.name for one in os.scandir(folder) if one.is_dir() and not one.name.startswith("."))


def _check_split_folders(root: Path, names: list[str]) -> None:
    others = sorted(set(names) - set(SPLIT_FOLDERS))
    if "train" not in names or others:
        lacking = "no train/" if "train" not in names else f"also {', '.join(others)}"
        raise UsageError(
            f"{root} has {', '.join(sorted(set(names) & set(SPLIT_FOLDERS)))} and {lacking}. Either its folders are "
            "train, validation (or val) and test, or each is a class."
        )
    if {"validation", "val"} <= set(names):
        raise UsageError(f"{root} has both validation/ and val/. Keep one of them.")


def _classes(folder: Path, names: list[str]) -> tuple[str, ...]:
    if len(names) < 2:
        found = f"one class only ({names[0]})" if names else "no class folders"
        raise UsageError(f"{folder} has {found}; at least two folders of images are needed, one for each class.")
    return tuple(names)


def _images(root: Path, split: str, classes: tuple[str, ...]) -> tuple[Image, ...]:
    images = []
    for label, name in enumerate(classes):
        folder = root / split / name
        found = sorted((one for one in os.scandir(folder) if not one.name.startswith(".")), key=lambda one: one.name)
        if not found:
            raise UsageError(f"the class folder {folder} is empty. Put images in it, or remove it.")
        for one in found:
            if one.is_dir():
                raise UsageError(f"{folder} has the folder {one.name} in it; a class folder holds images alone.")
            state = one.stat()
            if not stat.S_ISREG(state.st_mode):
                raise UsageError(f"{one.path} is a pipe, a socket or a device, not a file. Move it away.")
            if state.st_size > MOST_BYTES:
                raise UsageError(f"{one.path} has {state.st_size:,} bytes; an image has at most {MOST_BYTES:,}.")
            path = (Path(split) / name / one.name).as_posix()
            images.append(Image(path=path, label=label, bytes=state.st_size, modified_ns=state.st_mtime_ns))
    return tuple(images)
