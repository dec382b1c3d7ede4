"""Which images are for training and which for validation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lotterylab import rng
from lotterylab.data.arrays import Arrays


def order(n: int, seed: int | None) -> NDArray[np.int64]:
    """The order in which n images are dealt out: as they are, or a permutation from ``rng.stream(seed, "split")``."""
    return np.arange(n) if seed is None else rng.stream(seed, "split").permutation(n)


def taken(pool: Arrays, seed: int | None, *, train: int, validation: int) -> tuple[Arrays, Arrays]:
    """The first ``train`` of the pool in that order, and the next ``validation``."""
    chosen = order(len(pool.labels), seed)
    return pool.at(chosen[:train]), pool.at(chosen[train : train + validation])
