"""A folder of images, one folder a class."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from lotterylab.data.base import Dataset, Fingerprint
from lotterylab.errors import UsageError
from lotterylab.words import PLACE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lotterylab.data.arrays import ArrayDataset, Arrays

SUFFIXES = (".png", ".jpg", ".jpeg")
MODES = {1: "L", 3: "RGB"}
TEST_SHARE, VALIDATION_SHARE = 5, 10  # of a folder without its own: one image in five, one in ten


@dataclass(frozen=True, kw_only=True)
class ImageFolder:
    """PNG and JPEG images in ``PATH/CLASS/``, or in ``PATH/train/CLASS/`` and ``PATH/test/CLASS/`` (and ``validation``
    or ``val``).  Classes are numbered in the order of their names; other files are left alone.

    ``size``: every image is brought to so many pixels a side: the middle square, then bilinear.  ``channels``: 3, or 1
    for grey.  ``train``, ``validation``, ``test``: how many images; None takes all there are.  Without a folder
    ``test``, one image in five is dealt out for testing, without ``validation`` one in ten of the rest for validation,
    in an order drawn from ``split_seed``, so that the classes are mixed.

    ``path`` is where the images lie, not what they are: it is no part of a result's name, their content is.
    """

    version: ClassVar[int] = 1
    name: ClassVar[str] = "folder"
    path: str = field(metadata=PLACE)
    size: int = 32
    channels: int = 3
    train: int | None = None
    validation: int | None = None
    test: int | None = None
    split_seed: int = 0

    def __post_init__(self) -> None:
        if self.channels not in MODES:
            raise UsageError(f"channels={self.channels}: 3 for colours or 1 for grey.")
        if self.size < 1:
            raise UsageError(f"size={self.size}: images have at least one pixel a side.")

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: what was read is read again in another process."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return (self.channels, self.size, self.size)

    @property
    def classes(self) -> int:
        """K, from the folders that are there."""
        return len(self._class_names)

    @property
    def title(self) -> str:
        """The folder's name and how many images are trained on: "pets@800"."""
        return f"{Path(self.path).resolve().name}@{len(self._parts['train'])}"

    def sized(self) -> ImageFolder:
        """With numbers in place of None, as the folder has them."""
        from dataclasses import replace

        return replace(self, **{name: len(files) for name, files in self._parts.items()})

    def load(self, data_dir: Path | None) -> Dataset:
        """As tensors; ``data_dir`` is not looked at.  Raises ``UsageError`` for a file that is no image."""
        return self._arrays.dataset()

    def fingerprint(self, data_dir: Path | None) -> Fingerprint:
        """The content used; of the files no checksums are kept, there may be many."""
        return Fingerprint(content=self._arrays.content(), files=())

    @cached_property
    def _root(self) -> Path:
        root = Path(self.path).expanduser()
        if not root.is_dir():
            raise UsageError(f"no folder {root}, where images were to be read. Give --data folder:PATH.")
        return root

    @cached_property
    def _class_names(self) -> tuple[str, ...]:
        inside = self._root / "train" if (self._root / "train").is_dir() else self._root
        names = tuple(sorted(one.name for one in inside.iterdir() if one.is_dir() and not one.name.startswith(".")))
        if len(names) < 2:
            found = f"only {names[0]}" if names else "no folder"
            raise UsageError(f"{inside} should hold one folder for each of two or more classes; {found} was found.")
        return names

    @cached_property
    def _parts(self) -> dict[str, list[tuple[Path, int]]]:
        """(file, label) of each split, cut to the sizes asked for."""
        from lotterylab.data.splits import order

        own = (self._root / "train").is_dir()
        pool = self._files(self._root / "train" if own else self._root)
        pool = [pool[number] for number in order(len(pool), self.split_seed)]
        test = self._files(self._root / "test") if own and (self._root / "test").is_dir() else None
        if test is None:
            count = self.test if self.test is not None else -(-len(pool) // TEST_SHARE)
            test, pool = pool[:count], pool[count:]
        else:
            test = [test[number] for number in order(len(test), self.split_seed)]
        given = next((self._root / name for name in ("validation", "val") if (self._root / name).is_dir()), None)
        if own and given:
            validation = self._files(given)
        else:
            count = self.validation if self.validation is not None else len(pool) // VALIDATION_SHARE
            validation, pool = pool[:count], pool[count:]
        parts = {"train": pool, "validation": validation, "test": test}
        return {name: self._cut(name, files) for name, files in parts.items()}

    def _cut(self, name: str, files: list[tuple[Path, int]]) -> list[tuple[Path, int]]:
        asked = getattr(self, name)
        count = len(files) if asked is None else asked
        if count > len(files) or count < (0 if name == "validation" else 1):
            raise UsageError(f"{name}={asked} was asked for; {self._root} has {len(files)} images for it.")
        return files[:count]

    def _files(self, inside: Path) -> list[tuple[Path, int]]:
        files: list[tuple[Path, int]] = []
        strange = {one.name for one in inside.iterdir() if one.is_dir() and not one.name.startswith(".")}
        if missing := strange ^ set(self._class_names):
            raise UsageError(f"{inside} and the training images differ in their classes: {', '.join(sorted(missing))}.")
        for label, name in enumerate(self._class_names):
            found = [
                one
                for one in sorted((inside / name).iterdir())
                if one.suffix.lower() in SUFFIXES and not one.name.startswith(".")
            ]
            if not found:
                raise UsageError(
                    f"{inside / name} holds no image ({', '.join(SUFFIXES)}). Put some there or remove it."
                )
            files += [(one, label) for one in found]
        return files

    @cached_property
    def _arrays(self) -> ArrayDataset:
        from lotterylab.data.arrays import ArrayDataset

        train, validation, test = (self._read(self._parts[name]) for name in ("train", "validation", "test"))
        scaled = train.images.astype("float64") / 255
        # on the scale 0..1, four digits; a constant channel is left as it is
        mean = tuple(round(float(one), 4) for one in scaled.mean((0, 2, 3)))
        std = tuple(round(float(one), 4) or 1.0 for one in scaled.std((0, 2, 3)))
        return ArrayDataset(
            train=train, validation=validation, test=test, classes=self.classes, mean=mean, std=std, scale=255.0
        )

    def _read(self, files: Iterable[tuple[Path, int]]) -> Arrays:
        import numpy as np

        from lotterylab.data.arrays import Arrays

        chosen = list(files)
        images = np.zeros((len(chosen), *self.shape), dtype=np.uint8)
        for number, (path, _) in enumerate(chosen):
            images[number] = self._image(path)
        labels = np.array([label for _, label in chosen], dtype=np.uint8 if self.classes <= 256 else np.int64)
        return Arrays(images=images, labels=labels, approximate=np.zeros(len(chosen), dtype=np.bool_))

    def _image(self, path: Path) -> NDArray[np.uint8]:
        """One image, uint8 (C, size, size)."""
        import numpy as np
        from PIL import Image, ImageOps

        try:
            with Image.open(path) as image:
                square = ImageOps.fit(
                    image.convert(MODES[self.channels]), (self.size, self.size), Image.Resampling.BILINEAR
                )
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise UsageError(f"{path} cannot be read as an image: {error}. Remove it, or repair it.") from error
        return np.asarray(square, dtype=np.uint8).reshape(self.size, self.size, self.channels).transpose(2, 0, 1)
