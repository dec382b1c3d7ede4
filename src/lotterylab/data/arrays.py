"""A data set as it was read, in NumPy: all that a fingerprint needs, before torch is imported."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lotterylab.data.base import Dataset, Split


@dataclass(frozen=True, kw_only=True, eq=False)
class Arrays:
    """Images uint8 ``(n, C, H, W)``, labels, whole numbers from 0, ``(n,)`` and approximate bool ``(n,)``."""

    images: NDArray[np.uint8]
    labels: NDArray[np.integer]
    approximate: NDArray[np.bool_]

    def __getitem__(self, part: slice) -> Arrays:
        """A part of them, in order."""
        return Arrays(images=self.images[part], labels=self.labels[part], approximate=self.approximate[part])

    def at(self, chosen: NDArray[np.int64]) -> Arrays:
        """Those with these indices, in their order."""
        return Arrays(images=self.images[chosen], labels=self.labels[chosen], approximate=self.approximate[chosen])

    def split(self) -> Split:
        """As tensors on the CPU, in memory of their own."""
        import torch

        return Split(
            images=torch.from_numpy(self.images.copy()),
            labels=torch.from_numpy(self.labels.astype(np.int64)),
            approximate=torch.from_numpy(self.approximate.copy()),
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
