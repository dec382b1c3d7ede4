"""The Cubist Spiral is a task in the plane for which very sparse networks are known.   [zhang2024sparsest]"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lotterylab.data.base import check_sizes
from lotterylab.data.drawn import Drawn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lotterylab.data.arrays import Arrays

CORNERS = 17  # of an arm: two turns of an octagon
HALF_GAP = 15.0  # between an arm and the middle of both
# values over both arms, on the scale 0..1
MEAN = (0.4482, 0.5115)
STD = (0.2409, 0.2323)


@dataclass(frozen=True, kw_only=True)
class CubistSpiral(Drawn):
    """Points on the two arms of an octagonal spiral, told apart by their place in the plane.

    [zhang2024sparsest, section 2]  Corner k of an arm, k = 0..16, lies at the angle t = pi (1.4 + k / 4) and the radius
    10 t + pi +- 15; the arms are straight between corners.  Points are uniform on the arms, half of them on each.  A
    point loads as an image of two channels, x and y, and one pixel, uint8 (n, 2, 1, 1): steps of 1 / 255 of the square
    around the spiral, of which the arms are 17 or more apart.

    No minimum is known by construction.  The paper's sparsest networks, of three hidden layers, are the best of a
    search among masks, each trained, that reach 95 or 99.5 % of the points.  ``tests/data/test_cubist.py`` has a
    network of 27 weights, by another search, that is right at every point.  It bounds the minimum from above.

    Differs from the authors' code: theirs has 50,000 equally spaced points, which are also those for testing, as
    standardised numbers in float32.

    Args:
        train: training points.
        validation: validation points.
        test: test points.
        seed: draws the points.

    Raises:
        UsageError: no point to train or to test on.

    Examples:
        >>> spec = CubistSpiral(train=100, validation=20, test=50)
        >>> spec.title, tuple(spec.load(None).train.images.shape)
        ('Cubist Spiral@100/50', (100, 2, 1, 1))
    """

    version: ClassVar[int] = 1
    label: ClassVar[str] = "Cubist Spiral"
    mean: ClassVar[tuple[float, ...]] = MEAN
    std: ClassVar[tuple[float, ...]] = STD
    name: ClassVar[str] = "cubist-spiral"
    train: int = 5_000
    validation: int = 1_000
    test: int = 5_000
    seed: int = 0

    def __post_init__(self) -> None:
        check_sizes("Cubist Spiral", train=self.train, validation=self.validation, test=self.test)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return (2, 1, 1)

    @property
    def classes(self) -> int:
        """K."""
        return 2

    def _split(self, name: str) -> Arrays:
        import numpy as np

        from lotterylab.data.arrays import exact
        from lotterylab.rng import stream

        count = getattr(self, name)
        labels = (np.arange(count) % 2).astype(np.uint8)
        places = stream(self.seed, "cubist-spiral", name).random(count)
        points = np.empty((count, 2), dtype=np.uint8)
        for label in (0, 1):
            points[labels == label] = in_bytes(on_arm(label, places[labels == label]))
        return exact(points[:, :, None, None], labels)


def corners(arm: int) -> NDArray[np.float64]:
    """Return the corners (x, y) of arm 0, the outer, or 1: ``(17, 2)``, in the units of the authors' code."""
    import numpy as np

    angle = np.pi * (1.4 + np.arange(CORNERS) / 4)
    radius = 10 * angle + np.pi + (HALF_GAP if arm == 0 else -HALF_GAP)
    return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def on_arm(arm: int, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the points (x, y) ``(n, 2)`` at these shares ``(n,)`` of the length of an arm."""
    import numpy as np

    ends = corners(arm)
    reached = np.cumsum(np.concatenate([[0.0], np.linalg.norm(np.diff(ends, axis=0), axis=1)]))
    return np.stack([np.interp(places * reached[-1], reached, ends[:, axis]) for axis in (0, 1)], axis=1)


def in_bytes(points: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return coordinates ``(n, 2)`` in 255ths of the square around both arms."""
    import numpy as np

    reach = np.abs(corners(0)).max()
    return np.rint((points / reach + 1) / 2 * 255).astype(np.uint8)
