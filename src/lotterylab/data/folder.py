"""A folder of the user's own images has a folder for each class."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from lotterylab.errors import UsageError, a_type
from lotterylab.formats.text import shown
from lotterylab.system.places import place
from lotterylab.types import Dataset, Fingerprint
from lotterylab.words import PLACE

if TYPE_CHECKING:
    from lotterylab.data.arrays import ArrayDataset
    from lotterylab.data.folder_listing import Listing

CHANNELS = (1, 3)


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder of the user's own PNG and JPEG images, one folder a class.

    Images lie in ``train/<class>/``, with ``validation/`` (or ``val/``) and ``test/`` beside ``train/`` where there are
    any; or in ``<class>/`` alone.  Classes are numbered in the sorted order of their names.  Images load as uint8
    (n, C, size, size).

    Images that have no folder of their own are taken from the training images: test first, so that nothing else moves
    it, then train, then validation.  So ``test`` must be given where there is no ``test/``.  Images are taken in an
    order drawn by ``split_seed`` in which the classes are mixed by their shares (``splits.stratified``): each part has
    nearly the same share of each class.

    Normalised by mean and standard deviation of the training images in use.  PNG files give the same bytes everywhere;
    a JPEG may be decoded differently by another version of the library, which changes the content's hash.

    Args:
        path: where it is, which is part of no result's name; the content is.
        size: pixels a side; images of another size are resized (``folder_pixels.decoded`` says how).
        channels: 3 for RGB, 1 for grey.
        train: training images; None for all of a folder of their own, or all that are left.
        validation: validation images; None for all of a folder of their own, or none.
        test: test images; None for all of a folder of their own.
        split_seed: draws which images are for testing, for validation and for training.

    Raises:
        UsageError: a size below its least; when it loads, a folder that is not as described.

    Examples:
        >>> Folder(path="flowers", size=16, channels=1).shape
        (1, 16, 16)
    """

    version: ClassVar[int] = 1
    name: ClassVar[str] = "folder"
    path: str | Path = field(metadata=PLACE)
    size: int = 32
    channels: int = 3
    train: int | None = None
    validation: int | None = None
    test: int | None = None
    split_seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.path, str | Path):
            raise UsageError(f"path is {a_type(self.path)}: give the folder's path, a text.", option="data.path")
        if self.size < 1:
            raise UsageError(f"size={self.size}: images need at least 1 pixel a side.", option="data.size")
        if self.channels not in CHANNELS:
            raise UsageError(f"channels={self.channels}: give 3 (RGB) or 1 (grey).", option="data.channels")
        for name, least in (("train", 1), ("validation", 0), ("test", 1)):
            count = getattr(self, name)
            if count is not None and count < least:
                told = f"{name}={count} of the images in {self.path}: at least {least} is needed."
                raise UsageError(told, option=name)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return (self.channels, self.size, self.size)

    @property
    def classes(self) -> int:
        """K: how many class folders there are.  Raises ``UsageError`` as ``load`` does."""
        return len(self._listing.classes)

    @property
    def title(self) -> str:
        """The folder's name with training and test images: "flowers@300/60"; then the split, unless its seed is 0."""
        from lotterylab.data.folder_listing import chosen
        from lotterylab.data.splits import titled

        parts = chosen(self._listing, self)
        name = shown(self._root.resolve().name, most=80)
        return titled(f"{name}@{len(parts['train'])}/{len(parts['test'])}", self.split_seed or None)

    def load(self, data_dir: Path | None) -> Dataset:
        """The images; ``data_dir`` is not looked at.

        Raises:
            UsageError: the folder or what is in it is not as described, an image cannot be read, or more images were
                asked for than there are.
        """
        return self._read()[0].dataset()

    def fingerprint(self, data_dir: Path | None) -> Fingerprint:
        """The content used, and one SHA-256 over the names and bytes of the files used."""
        read, files = self._read()
        return Fingerprint(content=read.content(), files=files)

    @property
    def _root(self) -> Path:
        return place(self.path, "folder of images")

    @cached_property
    def _listing(self) -> Listing:
        # cached for the properties; load and fingerprint list the folder again
        from lotterylab.data.folder_listing import listed

        return listed(self._root)

    def _read(self) -> tuple[ArrayDataset, tuple[tuple[str, str], ...]]:
        from lotterylab.data.arrays import ArrayDataset
        from lotterylab.data.folder_listing import chosen, listed
        from lotterylab.data.folder_pixels import arrays, mean_and_std

        root = self._root
        listing = listed(root)
        classes = len(listing.classes)
        parts, checksum = arrays(root, chosen(listing, self), classes=classes, size=self.size, channels=self.channels)
        mean, std = mean_and_std(root, parts["train"].images)
        dataset = ArrayDataset(**parts, classes=classes, mean=mean, std=std, scale=255.0)
        count = sum(map(len, parts.values()))
        return dataset, ((f"{shown(root.resolve().name)} ({count} files)", f"sha256:{checksum}"),)
