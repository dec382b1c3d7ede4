"""Data that are drawn and not read: what their specs share."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lotterylab.types import Dataset, Fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    from lotterylab.data.arrays import ArrayDataset, Arrays


class Drawn:
    """Abstract: a spec whose splits are drawn in bytes; there are no files."""

    label: ClassVar[str]
    mean: ClassVar[tuple[float, ...]]
    std: ClassVar[tuple[float, ...]]
    train: int
    test: int
    seed: int

    @property
    def classes(self) -> int:
        """K."""
        raise NotImplementedError

    @property
    def title(self) -> str:
        """The name with training and test images, "Shapeset-3x2@5000/10000"; then the seed, if it is not 0."""
        test = "" if self.test == self.train else f"/{self.test}"
        seed = f" (seed {self.seed})" if self.seed else ""
        return f"{self.label}@{self.train}{test}{seed}"

    def load(self, data_dir: Path | None) -> Dataset:
        """Return the images; ``data_dir`` is not used."""
        return self._drawn().dataset()

    def fingerprint(self, data_dir: Path | None) -> Fingerprint:
        """Return the hash of the images in use, which are drawn for it; there are no files."""
        return Fingerprint(content=self._drawn().content(), files=())

    def _split(self, name: str) -> Arrays:
        """Return the images of a split."""
        raise NotImplementedError

    def _drawn(self) -> ArrayDataset:
        from lotterylab.data.arrays import ArrayDataset

        splits = {name: self._split(name) for name in ("train", "validation", "test")}
        return ArrayDataset(**splits, classes=self.classes, mean=self.mean, std=self.std, scale=255.0)
