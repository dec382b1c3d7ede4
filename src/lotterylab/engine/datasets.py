"""The data sets that a worker holds: few, with the images that they share once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lotterylab.engine.memory import give_back
from lotterylab.errors import UsageError
from lotterylab.plan.digest import encode
from lotterylab.plan.nodes import Data

if TYPE_CHECKING:
    from lotterylab.types import Dataset, Split

MOST = 3  # seeds of a study may draw training images of their own, and two or three seeds are in work at a time


class Datasets:
    """``Datasets`` reads data when they are asked for, and keeps those that were used last.

    Args:
        data_dir: the folder of the data files.
        most: data sets that are kept.
    """

    def __init__(self, data_dir: Path | None, most: int = MOST) -> None:
        self._data_dir, self._most = data_dir, most
        self._held: dict[str, Dataset] = {}  # the one that was used last at the end

    def of(self, data: Data) -> Dataset:
        """Return the images of some data.

        Raises:
            UsageError: the content differs from the content in the plan.
        """
        key = encode(data)  # the content alone is not enough, since a spec may corrupt the same images
        found = self._held.pop(key, None)
        if found is None:
            found = self._read(data)
            while len(self._held) >= self._most:
                del self._held[next(iter(self._held))]
            give_back()
        self._held[key] = found
        return found

    def _read(self, data: Data) -> Dataset:
        content = data.spec.fingerprint(self._data_dir).content
        if content != data.content:
            raise UsageError(
                f"the plan was made for {data.spec.title} with the content {data.content[:12]}, but the data now "
                f"have the content {content[:12]}. Give the folder of the plan's data, or make the plan again."
            )
        dataset = data.spec.load(self._data_dir)
        return replace(dataset, validation=self._shared(dataset.validation), test=self._shared(dataset.test))

    def _shared(self, split: Split) -> Split:
        """Return an equal split of a data set that is held, or this one."""
        others = (other for held in self._held.values() for other in (held.validation, held.test))
        return next((other for other in others if _are_equal(split, other)), split)


def _are_equal(one: Split, other: Split) -> bool:
    import torch

    pairs = ((one.images, other.images), (one.labels, other.labels), (one.approximate, other.approximate))
    return all(
        a.shape == b.shape and a.dtype == b.dtype and a.stride() == b.stride() and torch.equal(a, b) for a, b in pairs
    )
