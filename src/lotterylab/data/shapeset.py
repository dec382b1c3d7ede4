"""Shapeset-3x2 is an endless stream of small images of one or two shapes, made here and not downloaded.

[glorot2010understanding]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lotterylab.data.base import check_sizes
from lotterylab.data.drawn import Drawn
from lotterylab.errors import UsageError

if TYPE_CHECKING:
    from lotterylab.data.arrays import Arrays

MOST = 10_000_000  # images of a split, 10 GB of memory
STARTS = {"train": 0, "validation": 1 << 40, "test": 1 << 41}  # the number of the first image of each split
# values over a million images of seed 0, on the scale 0..1
MEAN = (0.5001,)
STD = (0.2988,)


@dataclass(frozen=True, kw_only=True)
class Shapeset(Drawn):
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
    label: ClassVar[str] = "Shapeset-3x2"
    mean: ClassVar[tuple[float, ...]] = MEAN
    std: ClassVar[tuple[float, ...]] = STD
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

    def _split(self, name: str) -> Arrays:
        from lotterylab.data.arrays import exact
        from lotterylab.data.shapes import images

        return exact(*images(self.seed, STARTS[name], getattr(self, name)))
