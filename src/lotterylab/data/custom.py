"""A user's own data come from a function that returns arrays, named by its reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from lotterylab.errors import UsageError
from lotterylab.own_code.references import check_options, described, find
from lotterylab.types import Dataset, Fingerprint
from lotterylab.words import ADDED_LATER, PLACE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lotterylab.data.arrays import ArrayDataset, Arrays

ENOUGH = 5  # with so many images a class, a part lacks a class only if the images are sorted
FROM_THE_STUDY = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class CustomData:
    """``CustomData`` holds the arrays of a user's function: ``(images, labels, test_images, test_labels)``.

    Images are uint8 (n, C, H, W), or (n, H, W) for one channel; labels are whole numbers from 0.  The first ``train``
    images are for training and the next ``validation`` for validation; None takes nine and one in ten.

    ``split_seed``: draws training and validation images from all images of the function; default its own order.

    ``source`` is called with ``options``.  Only the content of the images is part of a result's name.
    """

    version: ClassVar[int] = 1
    name: ClassVar[str] = "custom"
    source: str = field(metadata=PLACE)
    options: tuple[tuple[str, Any], ...] = field(default=(), metadata=PLACE)
    train: int | None = None
    validation: int | None = None
    test: int | None = None
    split_seed: int | None = field(default=None, metadata=ADDED_LATER)

    def __getstate__(self) -> dict[str, Any]:
        """Return only the fields: another process reads the arrays again."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return the shape (C, H, W) of an image."""
        return self._arrays.train.images.shape[1:]

    @property
    def classes(self) -> int:
        """Return K, the highest label plus one."""
        return self._arrays.classes

    @property
    def title(self) -> str:
        """Return the function's name and the number of training images."""
        from lotterylab.data.splits import titled

        return titled(f"{self.source.partition(':')[2]}@{len(self._arrays.train.labels)}", self.split_seed)

    def sized(self) -> CustomData:
        """Return the same data with numbers in place of None."""
        from dataclasses import replace

        return replace(self, **{name: len(getattr(self._arrays, name).labels) for name in FROM_THE_STUDY})

    def load(self, data_dir: Path | None) -> Dataset:
        """Return the data as tensors; ``data_dir`` is not used."""
        return self._arrays.dataset()

    def fingerprint(self, data_dir: Path | None) -> Fingerprint:
        """Return the hash of the images and labels in use."""
        return Fingerprint(content=self._arrays.content(), files=())

    @cached_property
    def _arrays(self) -> ArrayDataset:
        from lotterylab.data.arrays import ArrayDataset
        from lotterylab.data.splits import cut

        try:
            returned = find(self.source)(**dict(self.options))
        except UsageError:
            raise
        except Exception as error:
            raise UsageError(f"'{self.source}' failed: {described(error)}.") from error
        if not isinstance(returned, tuple | list) or len(returned) != 4:
            raise UsageError(
                f"'{self.source}' returned {type(returned).__name__}; it must return (images, labels, test_images, "
                "test_labels)."
            )
        pool, test = self._checked("images", *returned[:2]), self._checked("test_images", *returned[2:])
        train, validation = self._sizes(len(pool.labels))
        count = len(test.labels) if self.test is None else self.test
        if not 1 <= count <= len(test.labels):
            raise UsageError(
                f"test={count} was asked for; '{self.source}' gives {len(test.labels)} test images. Ask for 1 to "
                f"{len(test.labels)}.",
                option="test",
            )
        used, validating = cut(pool, train=train, validation=validation, split_seed=self.split_seed)
        self._check_classes(pool, used, validating)
        scaled = used.images.astype("float64") / 255
        return ArrayDataset(
            train=used,
            validation=validating,
            test=test[:count],
            classes=int(max(pool.labels.max(), test.labels.max())) + 1,
            mean=tuple(round(float(mean), 4) for mean in scaled.mean((0, 2, 3))),
            std=tuple(round(float(std), 4) or 1.0 for std in scaled.std((0, 2, 3))),
            scale=255.0,
        )

    def _sizes(self, n: int) -> tuple[int, int]:
        validation = n // 10 if self.validation is None else self.validation
        train = n - validation if self.train is None else self.train
        if train < 1 or validation < 0 or train + validation > n:
            raise UsageError(
                f"train={train} and validation={validation} were asked for; '{self.source}' gives {n} images. Ask for "
                f"{n} or fewer in all, and for at least 1 to train on.",
                option="train",
            )
        return train, validation

    def _check_classes(self, pool: Arrays, train: Arrays, validation: Arrays) -> None:
        """Refuse parts that lack whole classes, as happens when the images are sorted by class."""
        import numpy as np

        classes = np.unique(pool.labels)
        for name, part in (("training", train), ("validation", validation)):
            count, lacking = len(part.labels), np.setdiff1d(classes, part.labels)
            if count >= ENOUGH * len(classes) and len(lacking):
                raise UsageError(
                    f"the {count} {name} images of '{self.source}' lack {len(lacking)} of its {len(classes)} classes "
                    f"(the first: {int(lacking[0])}). The images seem to be sorted by class: draw the parts with "
                    "--data.split-seed 0, or return the images in another order."
                )

    def _checked(self, what: str, images: NDArray[np.uint8], labels: NDArray[np.integer]) -> Arrays:
        import numpy as np

        from lotterylab.data.arrays import Arrays

        images, labels = np.asarray(images), np.asarray(labels)
        images = images[:, None] if images.ndim == 3 else images
        if images.dtype != np.uint8 or images.ndim != 4 or labels.shape != images.shape[:1] or not len(labels):
            raise UsageError(
                f"'{self.source}' returned {what} {images.dtype} {images.shape} with labels {labels.shape}; uint8 "
                "(n, C, H, W) with labels (n,) are needed, n at least 1."
            )
        if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
            raise UsageError(f"'{self.source}' returned labels of {what} that are not whole numbers from 0.")
        return Arrays(images=images, labels=labels.astype(np.uint32), approximate=np.zeros(len(labels), dtype=np.bool_))


def custom_data(source: str, *, options: Mapping[str, Any] | None = None, **sizes: int | None) -> CustomData:
    """The spec for a reference, its options checked against its signature."""
    return CustomData(source=source, options=check_options(source, dict(options or {}), skip=FROM_THE_STUDY), **sizes)
