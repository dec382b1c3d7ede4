"""Shapeset-3x2 is an endless stream of small images of one or two shapes, made here and not downloaded.

[glorot2010understanding]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lotterylab.data.base import check_sizes
from lotterylab.errors import UsageError
from lotterylab.types import Dataset, Fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    from lotterylab.data.arrays import ArrayDataset, Arrays

MOST = 10_000_000  # images of a split, 10 GB of memory
STARTS = {"train": 0, "validation": 1 << 40, "test": 1 << 41}  # the number of the first image of each split
# values over a million images of seed 0, on the scale 0..1
MEAN = (0.5001,)
STD = (0.2988,)


@dataclass(frozen=True, kw_only=True)
class Shapeset:
    """Triangles, parallelograms and ellipses, one or two an image, 32 x 32 in grey.   [glorot2010understanding, 2.1]

    The nine classes are the three single shapes and the six unordered pairs, in the order t, p, e, tt, tp, te, pp, pe,
    ee.  Form, size, turn, place and grey levels are random; of two shapes at most half of either is hidden.  Images
    load as uint8 (n, 1, 32, 32).

    The stream has no end: image k of a seed is a pure function of seed and k, and more images of a split contain the
    fewer.  The splits are ranges of k that never meet, whatever their sizes are.  A training makes passes over the
    first ``train`` images; one pass is the paper's online learning.

    Differs from the paper: it gives no ranges.  Here the circle around a shape has a radius of 6 to 12 pixels and lies
    within the image, grey levels differ by 32 of 256 or more, a pixel takes the level of the shape at its centre, and
    the class is drawn before the shapes, so that all classes are equally frequent.

    Args:
        train: training images.
        validation: validation images.
        test: test images.
        seed: the stream.

    Raises:
        UsageError: no image to train or to test on, or more than fit in memory.

    Examples:
        >>> spec = Shapeset(train=100, validation=20, test=50)
        >>> spec.title, tuple(spec.load(None).train.images.shape)
        ('Shapeset-3x2@100/50', (100, 1, 32, 32))
    """

    version: ClassVar[int] = 1
    name: ClassVar[str] = "shapeset-3x2"
    train: int = 50_000
    validation: int = 10_000
    test: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        check_sizes("Shapeset-3x2", train=self.train, validation=self.validation, test=self.test)
        for split in STARTS:
            if (size := getattr(self, split)) > MOST:
                raise UsageError(
                    f"Shapeset-3x2 with {split}={size:,}: the images are held in memory, 1 KB each. Ask for {MOST:,} "
                    "or fewer.",
                    option=split,
                )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return (1, 32, 32)

    @property
    def classes(self) -> int:
        """K."""
        return 9

    @property
    def title(self) -> str:
        """The name with training and test images, "Shapeset-3x2@5000/10000"; then the seed, if it is not 0."""
        test = "" if self.test == self.train else f"/{self.test}"
        seed = f" (seed {self.seed})" if self.seed else ""
        return f"Shapeset-3x2@{self.train}{test}{seed}"

    def load(self, data_dir: Path | None) -> Dataset:
        """Return the images; ``data_dir`` is not used."""
        return self._drawn().dataset()

    def fingerprint(self, data_dir: Path | None) -> Fingerprint:
        """Return the hash of the images in use, which are drawn for it; there are no files."""
        return Fingerprint(content=self._drawn().content(), files=())

    def _drawn(self) -> ArrayDataset:
        from lotterylab.data.arrays import ArrayDataset

        return ArrayDataset(
            train=self._split("train"),
            validation=self._split("validation"),
            test=self._split("test"),
            classes=self.classes,
            mean=MEAN,
            std=STD,
            scale=255.0,
        )

    def _split(self, name: str) -> Arrays:
        from lotterylab.data.arrays import exact
        from lotterylab.data.shapes import images

        return exact(*images(self.seed, STARTS[name], getattr(self, name)))
