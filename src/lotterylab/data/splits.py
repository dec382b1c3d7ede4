"""Who trains, who validates: parts of one pool, in its own order or in one drawn by a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotterylab import rng

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from lotterylab.data.arrays import Arrays


def cut(pool: Arrays, *, train: int, validation: int, split_seed: int | None) -> tuple[Arrays, Arrays]:
    """The first ``train`` images of ``pool`` and the next ``validation``.

    ``split_seed`` None takes them in the pool's own order; a number after one permutation of the whole pool by
    ``rng.stream(split_seed, "split")``, so that with one seed a larger ``train`` holds the smaller one's images.
    """
    if split_seed is None:
        return pool[:train], pool[train : train + validation]
    order = rng.stream(split_seed, "split").permutation(len(pool))
    return pool[order[:train]], pool[order[train : train + validation]]


def stratified(labels: NDArray[numpy.integer], draw: numpy.random.Generator) -> NDArray[numpy.intp]:
    """An order of n images in which the classes are mixed by their shares, drawn at random within each class.

    The j-th drawn of the n_c images of class c stands at the place (j + 1/2) / n_c, and all are sorted by their places,
    equal ones by chance.  So the first m of them have m n_c / n of class c, up to 1/2 + K n_c / 2n.
    """
    import numpy

    places = numpy.empty(len(labels))
    for label in numpy.unique(labels):
        (members,) = numpy.nonzero(labels == label)
        places[draw.permutation(members)] = (numpy.arange(len(members)) + 0.5) / len(members)
    return numpy.lexsort((draw.permutation(len(labels)), places))


def titled(title: str, split_seed: int | None) -> str:
    """``title``, and which split where it is not the canonical one: "CIFAR-10@5000 (split 7)"."""
    return title if split_seed is None else f"{title} (split {split_seed})"
