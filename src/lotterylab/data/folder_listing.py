"""The images of a folder of class folders are listed and divided into splits."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from lotterylab import rng
from lotterylab.data.splits import stratified
from lotterylab.errors import UsageError
from lotterylab.formats.text import shown
from lotterylab.system.places import alike, missing, spelled
from lotterylab.system.refusals import reading

MOST_BYTES = 256 << 20  # of an image file
SPLIT_FOLDERS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}


@dataclass(frozen=True, kw_only=True)
class Image:
    """An ``Image`` is a file by its path below the root, with its class; size and time show a change."""

    path: str
    label: int
    bytes: int
    modified_ns: int


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A ``Listing`` has the classes and the images by split folder; without split folders, all images are "train"."""

    classes: tuple[str, ...]
    splits: Mapping[str, tuple[Image, ...]]


class Wanted(Protocol):
    """A ``Wanted`` has the fields of ``folder.Folder`` that set the splits' sizes."""

    @property
    def path(self) -> str | Path:
        """The folder, for errors."""
        ...

    @property
    def train(self) -> int | None:
        """The number of training images; None means all that are left."""
        ...

    @property
    def validation(self) -> int | None:
        """The number of validation images."""
        ...

    @property
    def test(self) -> int | None:
        """The number of test images."""
        ...

    @property
    def split_seed(self) -> int:
        """The seed of the images' order."""
        ...


def listed(root: Path) -> Listing:
    """Return the folder's content in the order of the names.

    Names that begin with a dot and files beside the class folders are ignored.

    Raises:
        UsageError: the folder does not exist or has neither layout, there are fewer than two classes, a class is empty,
            the splits have different classes, an image is a pipe, a device or a broken link, or the system refuses.
    """
    with reading(root):
        return _listed(root)


def _listed(root: Path) -> Listing:
    if not os.path.isdir(root):
        raise UsageError(f"{missing('folder', root)}. Name a folder with images in class folders.")
    names = _folders(root)
    if not set(names) & set(SPLIT_FOLDERS):
        classes = _classes(root, names)
        return Listing(classes=classes, splits={"train": _images(root, "", classes)})
    _check_split_folders(root, names)
    classes = _classes(root / "train", _folders(root / "train"))
    splits = {}
    for name in names:
        splits[SPLIT_FOLDERS[name]] = _images(root, name, _as_in_train(root, name, classes))
    return Listing(classes=classes, splits=splits)


def _as_in_train(root: Path, split: str, classes: tuple[str, ...]) -> list[str]:
    """Return the class folders of a split in the order of those of train/.

    A folder of the same class may have its name in another Unicode form, as a copy made on macOS has.
    """
    here = _folders(root / split)
    names = {name: name if name in here else next(iter(alike(name, here)), "") for name in classes}
    differing = sorted({name for name in classes if not names[name]} | {*here} - {*names.values()})
    if differing:
        raise UsageError(
            f"{root / split} and {root / 'train'} have different classes: only one of them has "
            f"{', '.join(map(_told_apart, differing))}. Give both the same class folders."
        )
    return list(names.values())


def _told_apart(name: str) -> str:
    return shown(name) if name.isascii() else f"{shown(name)} ({spelled(name)})"


def chosen(listing: Listing, wanted: Wanted) -> dict[str, list[Image]]:
    """Return the images of each split, by the rules that ``Folder`` describes.

    Raises:
        UsageError: more images were asked for than exist, or ``test`` is missing.
    """
    ordered = {name: _ordered(name, images, wanted.split_seed) for name, images in listing.splits.items()}
    pool = ordered.pop("train")
    parts = {name: _first(name, images, wanted) for name, images in ordered.items()}
    test = 0 if "test" in parts else wanted.test
    validation = 0 if "validation" in parts else wanted.validation or 0
    if test is None:
        raise UsageError(
            f"{wanted.path} has no folder test/. Give the number of its {len(pool)} images to test on, for example "
            f"test={max(1, len(pool) // 5)}; split_seed draws them."
        )
    train = len(pool) - test - validation if wanted.train is None else wanted.train
    if train < 1 or test + train + validation > len(pool):
        asked = "the rest" if wanted.train is None else train
        raise UsageError(
            f"{wanted.path} has {len(pool)} images to divide; {asked} for training, {validation} for validation and "
            f"{test} for testing were asked for. Ask for {len(pool)} or fewer in all, at least 1 of them for training.",
            option="train",
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
        raise UsageError(
            f"{wanted.path} has {len(images)} {name} images; {count} were asked for. Ask for fewer.", option=name
        )
    return images[:count]


def _folders(folder: Path) -> list[str]:
    entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
    for entry in entries:
        if entry.is_symlink() and not os.path.exists(entry.path):  # a class would be left out
            raise UsageError(f"{missing('class folder', entry.path)}. Or move it away.")
    return sorted(entry.name for entry in entries if entry.is_dir())


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
        classes = f"one class only ({names[0]})" if names else "no class folders"
        raise UsageError(f"{folder} has {classes}; at least two folders of images are needed, one for each class.")
    for name in names:
        if twins := alike(name, names):
            raise UsageError(
                f"{folder} has two classes that look the same: {spelled(name)} and {spelled(twins[0])}. Rename one of "
                "them, or put their images together."
            )
    return tuple(names)


def _images(root: Path, split: str, classes: Sequence[str]) -> tuple[Image, ...]:
    images = []
    for label, name in enumerate(classes):
        folder = root / split / name
        entries = (entry for entry in os.scandir(folder) if not entry.name.startswith("."))
        files = sorted(entries, key=lambda entry: entry.name)
        if not files:
            raise UsageError(f"the class folder {folder} is empty. Put images in it, or remove it.")
        for file in files:
            if file.is_dir():
                raise UsageError(
                    f"{folder} has the folder {file.name} in it; a class folder may hold only images. Move it away."
                )
            state = file.stat()
            if not stat.S_ISREG(state.st_mode):
                raise UsageError(f"{file.path} is a pipe, a socket or a device, not a file. Move it away.")
            if state.st_size > MOST_BYTES:
                raise UsageError(
                    f"{file.path} has {state.st_size:,} bytes; an image may have {MOST_BYTES:,}. Move it away."
                )
            path = (Path(split) / name / file.name).as_posix()
            images.append(Image(path=path, label=label, bytes=state.st_size, modified_ns=state.st_mtime_ns))
    return tuple(images)
