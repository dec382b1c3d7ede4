"""Training and validation images are parts of a pool, in its own order or in an order drawn by a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotterylab import rng

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from lotterylab.data.arrays import Arrays


def cut(pool: Arrays, *, train: int, validation: int, split_seed: int | None) -> tuple[Arrays, Arrays]:
    """Return the first ``train`` images of ``pool`` and the next ``validation``.

    A ``split_seed`` permutes the whole pool first, by ``rng.stream(split_seed, "split")``.  With the same seed, a
    larger ``train`` therefore contains a smaller one.
    """
    if split_seed is None:
        return pool[:train], pool[train : train + validation]
    order = rng.stream(split_seed, "split").permutation(len(pool))
    return pool[order[:train]], pool[order[train : train + validation]]


def stratified(labels: NDArray[numpy.integer], draw: numpy.random.Generator) -> NDArray[numpy.intp]:
    """Return a random order of n images in which every beginning has nearly each class's share.

    The j-th drawn of the n_c images of class c gets the key (j + 1/2) / n_c.  Images are sorted by key, and equal keys
    at random.  So the first m images contain m n_c / n of class c, up to 1/2 + K n_c / 2n.
    """
    import numpy

    keys = numpy.empty(len(labels))
    for label in numpy.unique(labels):
        (members,) = numpy.nonzero(labels == label)
        keys[draw.permutation(members)] = (numpy.arange(len(members)) + 0.5) / len(members)
    return numpy.lexsort((draw.permutation(len(labels)), keys))


def titled(title: str, split_seed: int | None) -> str:
    """Return ``title`` with the split unless it is canonical, such as "CIFAR-10@5000 (split 7)"."""
    return title if split_seed is None else f"{title} (split {split_seed})"
