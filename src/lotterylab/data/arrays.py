"""Data sets are read as NumPy arrays, so that a fingerprint needs no torch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lotterylab.types import Dataset, Split


@dataclass(frozen=True, kw_only=True, eq=False)
class Arrays:
    """An ``Arrays`` holds images uint8 ``(n, C, H, W)``, labels ``(n,)`` and approximate bool ``(n,)``.

    Labels are uint8, or uint16 with more than 256 classes.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.unsignedinteger]
    approximate: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return n, the number of images."""
        return len(self.labels)

    def __getitem__(self, part: slice | NDArray[np.integer]) -> Arrays:
        """Return the images of a slice or of an array of indices."""
        return Arrays(images=self.images[part], labels=self.labels[part], approximate=self.approximate[part])

    def split(self) -> Split:
        """Return a copy as tensors on the CPU."""
        import torch

        return Split(
            images=torch.from_numpy(self.images.copy()),
            labels=torch.from_numpy(self.labels.astype(np.int64)),
            approximate=torch.from_numpy(self.approximate.copy()),
        )


def exact(images: NDArray[np.uint8], labels: NDArray[np.unsignedinteger]) -> Arrays:
    """Return arrays without approximate images."""
    return Arrays(images=images, labels=labels, approximate=np.zeros(len(labels), dtype=np.bool_))


def joined(parts: list[Arrays]) -> Arrays:
    """Return the parts concatenated."""
    return Arrays(
        images=np.concatenate([part.images for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        approximate=np.concatenate([part.approximate for part in parts]),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class ArrayDataset:
    """An ``ArrayDataset`` is a ``Dataset`` of arrays instead of tensors."""

    train: Arrays
    validation: Arrays
    test: Arrays
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    scale: float

    def dataset(self) -> Dataset:
        """Return the data set as tensors."""
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
        """Return the SHA-256 of all fields, each array after its name and shape."""
        total = hashlib.sha256(f"lotterylab.data/{self.classes}|{self.mean}|{self.std}|{self.scale}|".encode())
        for name in ("train", "validation", "test"):
            part: Arrays = getattr(self, name)
            total.update(f"{name}|{part.images.shape}|".encode())
            for array in (part.images, part.labels, part.approximate):
                total.update(np.ascontiguousarray(array).ravel().data)
        return total.hexdigest()
