"""LocalFields measures how near to each other the inputs lie that each hidden unit keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy

from lotterylab.errors import UsageError
from lotterylab.masks.trades import traded
from lotterylab.rng import stream


@dataclass(frozen=True, kw_only=True)
class LocalFields:
    """``LocalFields`` tells whether units of a fully connected layer keep inputs that are neighbours: mask "mask".
    [pellegrini2022neural]

    The inputs are an image; two of them are neighbours if they are next to each other in a row or a column of one
    channel.  Only the pixels that a unit keeps count.

    - ``neighbours``: pairs of neighbours that one unit keeps, summed over the units.
    - ``over_places``: these pairs over the number expected with as many inputs for each unit at random places.  It is
      above 1 if every unit keeps the middle of the image.
    - ``over_pixels``: these pairs over the number expected if also each input is kept by as many units, at random: the
      mean over ``samples`` masks by random trades (``masks.trades.traded``).  Above 1 the units have fields of their
      own.
    - ``spread``: the root mean square distance of a unit's inputs from their centre, in pixels, a mean over units.
    - ``spread_over_pixels``: the spread over its mean in those random masks; below 1 the fields are local.
    - ``units``: units that keep two inputs or more; the others have no neighbours and no spread.

    A ratio is None if nothing is expected, as in a mask without neighbours.

    Args:
        shape: (C, H, W) of the inputs.
        layer: the name of the weight, (units, C H W); "" for the first of the mask.
        samples: random masks behind the two last expectations.
        seed: of the trades.

    Raises:
        UsageError: when it is called: the mask has no such layer, or its rows are no images of that shape.

    Examples:
        >>> import torch
        >>> rows = torch.tensor([[[1, 1, 0], [1, 1, 0], [0, 0, 0]], [[0, 0, 0], [0, 1, 1], [0, 1, 1]]])
        >>> found = LocalFields(shape=(1, 3, 3))({"mask": {"fc.weight": rows.bool().flatten(1)}}, {}, None)
        >>> found["neighbours"], found["units"], round(found["over_places"], 3)  # 4 x 3 of 9 x 8 pairs, 12 neighbours
        (8, 2, 2.0)
    """

    version: ClassVar[int] = 1
    shape: tuple[int, int, int]
    layer: str = ""
    samples: int = 20
    seed: int = 0

    def __call__(self, values: Mapping[str, Any], models: Mapping[str, Any], dataset: Any) -> dict[str, Any]:
        """The numbers above."""
        kept = self._rows(values["mask"])
        pairs, spread = self._neighbours(kept), self._spread(kept)
        counts, size = kept.sum(1).astype(float), kept.shape[1]
        places = (
            float((counts * (counts - 1)).sum()) / (size * (size - 1)) * self._neighbours(numpy.ones((1, size), bool))
        )
        draw = stream(self.seed, "local fields")
        random = list(traded(kept, draw, self.samples))
        pixels = sum(map(self._neighbours, random)) / len(random)
        spreads = sum(map(self._spread, random)) / len(random)
        return {
            "neighbours": pairs,
            "over_places": pairs / places if places else None,
            "over_pixels": pairs / pixels if pixels else None,
            "spread": spread,
            "spread_over_pixels": spread / spreads if spreads else None,
            "units": int((counts >= 2).sum()),
        }

    def _rows(self, mask: Mapping[str, Any]) -> numpy.ndarray:
        """Return the mask of the layer, bool (units, inputs)."""
        name = self.layer or next(iter(mask))
        if name not in mask:
            raise UsageError(f"the mask has no layer '{name}'; it has {', '.join(mask)}.")
        if mask[name].dim() != 2 or mask[name].shape[1] != numpy.prod(self.shape):
            raise UsageError(
                f"'{name}' has the shape {tuple(mask[name].shape)}; a layer that reads images of shape {self.shape} "
                f"has (units, {numpy.prod(self.shape)}). Name another layer, or another shape."
            )
        return mask[name].cpu().numpy()

    def _neighbours(self, kept: numpy.ndarray) -> int:
        """Return the number of pairs of neighbours that one unit keeps."""
        image = kept.reshape(-1, *self.shape)
        across, down = image[..., :, :-1] & image[..., :, 1:], image[..., :-1, :] & image[..., 1:, :]
        return int(across.sum() + down.sum())

    def _spread(self, kept: numpy.ndarray) -> float:
        """Return the mean over units of the distance of their inputs from the centre, 0 without a unit of two."""
        rows = kept[kept.sum(1) >= 2].astype(float)
        if not len(rows):
            return 0.0
        _, height, width = numpy.indices(self.shape).reshape(3, -1)
        weights = rows / rows.sum(1, keepdims=True)
        variance = sum(weights @ axis**2 - (weights @ axis) ** 2 for axis in (height, width))
        return float(numpy.sqrt(numpy.maximum(variance, 0.0)).mean())
