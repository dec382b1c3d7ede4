"""A user's own data: a function by its reference that returns arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from lotterylab.data.base import Dataset, Fingerprint
from lotterylab.errors import UsageError
from lotterylab.user_code import check_options, described, find
from lotterylab.words import PLACE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lotterylab.data.arrays import ArrayDataset, Arrays

FROM_THE_STUDY = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class CustomData:
    """What ``source`` returns, called with ``options``: ``(images, labels, test_images, test_labels)``.

    Images are uint8 (n, C, H, W), or (n, H, W) for one channel; labels are whole numbers from 0.  The first ``train``
    images are for training and the next ``validation`` for validation, None taking nine and one in ten.

    ``source`` and ``options`` say where the images come from; what names a result is their content.
    """

    version: ClassVar[int] = 1
    name: ClassVar[str] = "custom"
    source: str = field(metadata=PLACE)
    options: tuple[tuple[str, Any], ...] = field(default=(), metadata=PLACE)
    train: int | None = None
    validation: int | None = None
    test: int | None = None

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: what was read is read again in another process."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return self._arrays.train.images.shape[1:]

    @property
    def classes(self) -> int:
        """K: the highest label and one."""
        return self._arrays.classes

    @property
    def title(self) -> str:
        """The function's name and how many images are trained on."""
        return f"{self.source.partition(':')[2]}@{len(self._arrays.train.labels)}"

    def sized(self) -> CustomData:
        """With numbers in place of None."""
        from dataclasses import replace

        return replace(self, **{name: len(getattr(self._arrays, name).labels) for name in FROM_THE_STUDY})

    def load(self, data_dir: Path | None) -> Dataset:
        """As tensors; ``data_dir`` is not looked at."""
        return self._arrays.dataset()

    def fingerprint(self, data_dir: Path | None) -> Fingerprint:
        """The content used."""
        return Fingerprint(content=self._arrays.content(), files=())

    @cached_property
    def _arrays(self) -> ArrayDataset:
        from lotterylab.data.arrays import ArrayDataset

        try:
            found = find(self.source)(**dict(self.options))
        except UsageError:
            raise
        except Exception as error:
            raise UsageError(f"'{self.source}' failed: {described(error)}.") from error
        if not isinstance(found, tuple | list) or len(found) != 4:
            raise UsageError(
                f"'{self.source}' returned {type(found).__name__}; return (images, labels, test_images, test_labels)."
            )
        pool, test = self._checked("images", *found[:2]), self._checked("test_images", *found[2:])
        train, validation = self._sizes(len(pool.labels))
        count = len(test.labels) if self.test is None else self.test
        if not 1 <= count <= len(test.labels):
            raise UsageError(f"test={count} was asked for; '{self.source}' gives {len(test.labels)} test images.")
        used = pool[:train]
        scaled = used.images.astype("float64") / 255
        return ArrayDataset(
            train=used,
            validation=pool[train : train + validation],
            test=test[:count],
            classes=int(max(pool.labels.max(), test.labels.max())) + 1,
            mean=tuple(round(float(one), 4) for one in scaled.mean((0, 2, 3))),
            std=tuple(round(float(one), 4) or 1.0 for one in scaled.std((0, 2, 3))),
            scale=255.0,
        )

    def _sizes(self, n: int) -> tuple[int, int]:
        validation = n // 10 if self.validation is None else self.validation
        train = n - validation if self.train is None else self.train
        if train < 1 or validation < 0 or train + validation > n:
            raise UsageError(
                f"train={train} and validation={validation} were asked for; '{self.source}' gives {n} images."
            )
        return train, validation

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
