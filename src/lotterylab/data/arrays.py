"""A data set as it was read, in NumPy: all that a fingerprint needs, before torch is imported."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lotterylab.data.base import Dataset, Split


@dataclass(frozen=True, kw_only=True, eq=False)
class Arrays:
    """Images uint8 ``(n, C, H, W)``, labels ``(n,)`` and approximate bool ``(n,)``.

    Labels are uint8, uint16 where there are more than 256 classes.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.unsignedinteger]
    approximate: NDArray[np.bool_]

    def __len__(self) -> int:
        """n."""
        return len(self.labels)

    def __getitem__(self, part: slice | NDArray[np.integer]) -> Arrays:
        """A part of them, in order, or those of the given indices."""
        return Arrays(images=self.images[part], labels=self.labels[part], approximate=self.approximate[part])

    def split(self) -> Split:
        """As tensors on the CPU, in memory of their own."""
        import torch

        return Split(
            images=torch.from_numpy(self.images.copy()),
            labels=torch.from_numpy(self.labels.astype(np.int64)),
            approximate=torch.from_numpy(self.approximate.copy()),
        )


def exact(images: NDArray[np.uint8], labels: NDArray[np.unsignedinteger]) -> Arrays:
    """Images none of which is approximate."""
    return Arrays(images=images, labels=labels, approximate=np.zeros(len(labels), dtype=np.bool_))


def joined(parts: list[Arrays]) -> Arrays:
    """One after another."""
    return Arrays(
        images=np.concatenate([part.images for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        approximate=np.concatenate([part.approximate for part in parts]),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class ArrayDataset:
    """A ``Dataset`` before it is tensors."""

    train: Arrays
    validation: Arrays
    test: Arrays
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    scale: float

    def dataset(self) -> Dataset:
        """As tensors."""
        return Dataset(
            train=self.train.split(),
            validation=self.validation.split(),
            test=self.test.split(),
            classes=self.classes,
            mean=self.mean,
            std=self.std,
            scale=self.scale,
        )

    def content(self) -> str:
        """SHA-256 of everything here, each array after its name and shape."""
        total = hashlib.sha256(f"lotterylab.data/{self.classes}|{self.mean}|{self.std}|{self.scale}|".encode())
        for name in ("train", "validation", "test"):
            part: Arrays = getattr(self, name)
            total.update(f"{name}|{part.images.shape}|".encode())
            for array in (part.images, part.labels, part.approximate):
                total.update(np.ascontiguousarray(array).ravel().data)
        return total.hexdigest()
