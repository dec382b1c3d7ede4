"""Corrupted training data are a control for methods that look at data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from lotterylab import rng
from lotterylab.data.derived import Derived

if TYPE_CHECKING:
    from pathlib import Path

    from lotterylab.types import Dataset


@dataclass(frozen=True, kw_only=True)
class Corrupted(Derived):
    """The data of ``spec`` with a training split that is spoilt; validation and test are as they were.
    [su2020sanity, section 3]

    ``what``: "labels" go to other images, each class as often as before; "pixels" change places within each image, in
    an order of each image's own, so that its values stay.
    """

    version: ClassVar[int] = 1
    what: Literal["labels", "pixels"]
    seed: int

    @property
    def title(self) -> str:
        """Return the title of the data, with the corruption."""
        return f"{self.spec.title}, random {self.what}"

    @property
    def train(self) -> int:
        """Return the number of training images."""
        return self.spec.train

    def load(self, data_dir: Path | None) -> Dataset:
        """Return the data with the corrupted training split."""
        import torch

        dataset = self.spec.load(data_dir)
        split = dataset.train
        if self.what == "labels":
            order = rng.stream(self.seed, "corrupted", "labels").permutation(len(split))
            return replace(dataset, train=replace(split, labels=split.labels[torch.from_numpy(order)]))
        n, pixels = len(split), split.images[0].numel()
        drawn = rng.stream(self.seed, "corrupted", "pixels").random((n, pixels), dtype="float32")
        order = torch.from_numpy(drawn).argsort(dim=1)
        images = split.images.flatten(1).gather(1, order).view(split.images.shape)
        return replace(dataset, train=replace(split, images=images))
