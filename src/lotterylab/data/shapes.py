"""Images of one or two shapes, drawn from an endless stream: image k is a pure function of a seed and k.

Corners are rounded to 256ths of a pixel and all that follows is integer arithmetic, so that the images do not depend on
how a machine rounds sines.   [glorot2010understanding, section 2.1]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lotterylab import rng

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 32  # pixels
GRID = 256  # places a pixel
TRIANGLE, PARALLELOGRAM, ELLIPSE, NONE = 0, 1, 2, -1
PAIRS = np.array([(0, NONE), (1, NONE), (2, NONE), (0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)])  # by class
RADII = (6.0, 12.0)  # pixels, of the circle around a shape, which lies within the image
SHORTER = {PARALLELOGRAM: 0.45, ELLIPSE: 0.4}  # the least ratio of the two diagonals, or axes
LEAST_ANGLE = np.deg2rad(60)  # between the diagonals of a parallelogram
LEAST_ARC = np.deg2rad(75)  # between two corners of a triangle, on its circle
CONTRAST = 32  # the least difference of any two grey levels of an image
CHUNK = 2_048  # images that are drawn at a time
OF_IMAGE, OF_SHAPES = 8, 12  # draws: of an image, and of one attempt at the shapes in it


@dataclass(frozen=True, kw_only=True, eq=False)
class Scenes:
    """``Scenes`` are n images as geometry.

    Attributes:
        labels: classes, uint8 ``(n,)``.
        kinds: the shapes behind and in front, ``(n, 2)``; ``NONE`` where there is no second.
        corners: int64 ``(n, 2, 4, 2)``, as (x, y) in 256ths of a pixel.  A triangle repeats its last corner.  The
            corners of a parallelogram, and the ends of the axes of an ellipse, are in the order c + u, c + v, c - u,
            c - v.
        greys: the levels of the background, of the shape behind and of the shape in front, uint8 ``(n, 3)``.
        masks: the pixels whose centre each shape covers, also where the other hides it, bool ``(n, 2, H, W)``.
    """

    labels: NDArray[np.uint8]
    kinds: NDArray[np.int64]
    corners: NDArray[np.int64]
    greys: NDArray[np.uint8]
    masks: NDArray[np.bool_]

    def images(self) -> NDArray[np.uint8]:
        """Return the images, uint8 ``(n, 1, H, W)``."""
        background, behind, front = (level[:, None, None] for level in self.greys.T)
        picture = np.where(self.masks[:, 0], behind, background)
        return np.where(self.masks[:, 1], front, picture)[:, None]


def images(seed: int, first: int, count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return ``count`` images of a seed from number ``first`` on, uint8 ``(n, 1, H, W)``, and their classes ``(n,)``.

    Examples:
        >>> pictures, classes = images(0, 1_000_000, 3)
        >>> pictures.shape, classes.shape
        ((3, 1, 32, 32), (3,))
    """
    pictures = np.empty((count, 1, SIDE, SIDE), dtype=np.uint8)
    labels = np.empty(count, dtype=np.uint8)
    for start in range(0, count, CHUNK):
        part = slice(start, min(start + CHUNK, count))
        drawn = scenes(seed, first + part.start, part.stop - part.start)
        pictures[part], labels[part] = drawn.images(), drawn.labels
    return pictures, labels


def scenes(seed: int, first: int, count: int) -> Scenes:
    """Return ``count`` scenes of a seed, from number ``first`` on.

    The class comes before the shapes, and is uniform.  Two shapes that hide more than half of either are drawn anew,
    both of them, from the next attempt's draws.
    """
    draws = rng.rows(seed, "shapes", first=first, count=count, width=OF_IMAGE)
    labels = (draws[:, 0] * len(PAIRS)).astype(np.uint8)
    turned = draws[:, 1] < 0.5  # which of two kinds is in front
    kinds = PAIRS[labels]
    kinds = np.where((turned & (kinds[:, 1] != NONE))[:, None], kinds[:, ::-1], kinds)
    corners = np.zeros((count, 2, 4, 2), dtype=np.int64)
    masks = np.zeros((count, 2, SIDE, SIDE), dtype=np.bool_)
    pending, attempt = np.arange(count), 0
    while len(pending):
        rows = rng.rows(seed, "shapes", attempt, first=first, count=count, width=OF_SHAPES)[pending]
        for place, part in enumerate(np.split(rows, 2, axis=1)):
            corners[pending, place] = _corners(kinds[pending, place], part)
            masks[pending, place] = covered(kinds[pending, place], corners[pending, place])
        pending, attempt = pending[_hidden(masks[pending])], attempt + 1
    return Scenes(labels=labels, kinds=kinds, corners=corners, greys=_greys(draws[:, 2:6]), masks=masks)


def covered(kinds: NDArray[np.integer], corners: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return the pixels whose centre lies within each shape or on its edge, bool ``(m, H, W)``; none for ``NONE``.

    With d from the centre c, the products d x v and u x d are the coordinates of d along u and v, times u x v.
    """
    found = np.zeros((len(kinds), SIDE, SIDE), dtype=np.bool_)
    for kind in (TRIANGLE, PARALLELOGRAM, ELLIPSE):
        (which,) = np.nonzero(kinds == kind)
        points = corners[which]
        if kind == TRIANGLE:
            sides = [_cross(points[:, k], points[:, (k + 1) % 3] - points[:, k]) for k in range(3)]
            found[which] = np.all([side <= 0 for side in sides], axis=0) | np.all([side >= 0 for side in sides], axis=0)
            continue
        centre, u, v = ((a + b) // 2 for a, b in zip(*_ends(points), strict=True))
        along_u, along_v = _cross(centre, v), _cross(centre, u)
        whole = np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])[:, None, None]
        if kind == PARALLELOGRAM:
            found[which] = np.abs(along_u) + np.abs(along_v) <= whole
        else:
            found[which] = along_u**2 + along_v**2 <= whole**2
    return found


def _ends(points: NDArray[np.int64]) -> tuple[tuple[NDArray[np.int64], ...], tuple[NDArray[np.int64], ...]]:
    """Return the pairs of points whose half sums are the centre, u and v."""
    p, q, opposite_p, opposite_q = (points[:, k] for k in range(4))
    return (p, p, q), (opposite_p, -opposite_p, -opposite_q)


def _cross(origin: NDArray[np.int64], side: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (pixel centre - origin) x side for all pixels, ``(m, H, W)``."""
    centres = np.arange(SIDE, dtype=np.int64) * GRID + GRID // 2
    dx, dy = (centres[None, :] - origin[:, axis, None] for axis in (0, 1))
    return dx[:, None, :] * side[:, 1, None, None] - dy[:, :, None] * side[:, 0, None, None]


def _corners(kinds: NDArray[np.integer], draws: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the corners of shapes ``(m, 4, 2)`` from draws ``(m, 6)``: size, place, turn and two of the form."""
    radius = RADII[0] + (RADII[1] - RADII[0]) * draws[:, 0]
    centre = radius[:, None] + (SIDE - 2 * radius[:, None]) * draws[:, 1:3]
    turn, a, b = 2 * np.pi * draws[:, 3], draws[:, 4], draws[:, 5]
    shorter = np.select([kinds == kind for kind in SHORTER], [least + (1 - least) * a for least in SHORTER.values()], a)
    angle = np.where(kinds == ELLIPSE, np.pi / 2, LEAST_ANGLE + (np.pi - 2 * LEAST_ANGLE) * b)
    u = np.rint(GRID * radius[:, None] * _towards(turn)).astype(np.int64)
    v = np.rint(GRID * (radius * shorter)[:, None] * _towards(turn + angle)).astype(np.int64)
    middle = np.rint(GRID * centre).astype(np.int64)
    points = np.stack([middle + u, middle + v, middle - u, middle - v], axis=1)
    # a triangle: the free part of the circle is divided at two uniform places
    free, (low, high) = 2 * np.pi - 3 * LEAST_ARC, np.sort(np.stack([a, b]), axis=0)
    for corner, arc in ((1, LEAST_ARC + free * low), (2, 2 * LEAST_ARC + free * high)):
        point = middle + np.rint(GRID * radius[:, None] * _towards(turn + arc)).astype(np.int64)
        points[:, corner] = np.where((kinds == TRIANGLE)[:, None], point, points[:, corner])
    points[:, 3] = np.where((kinds == TRIANGLE)[:, None], points[:, 2], points[:, 3])
    return points


def _towards(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _hidden(masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which of the scenes ``(m, 2, H, W)`` hide more than half of either shape."""
    both = masks.all(axis=1).sum(axis=(1, 2))
    return 2 * both > masks.sum(axis=(2, 3)).min(axis=1)


def _greys(draws: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return three grey levels ``(n, 3)``, any two of which differ by ``CONTRAST`` or more."""
    levels = 256 - 2 * CONTRAST
    apart = np.sort((draws[:, :3] * levels).astype(np.int64), axis=1) + np.arange(3) * CONTRAST
    orders = np.array([(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
    chosen = orders[(draws[:, 3] * len(orders)).astype(np.int64)]
    return np.take_along_axis(apart, chosen, axis=1).astype(np.uint8)
