"""Random masks that keep the count of each row and of each column of a given one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy

BURN, APART = 10, 5  # trades for each row, before the first mask and between two of them


def traded(kept: numpy.ndarray, draw: numpy.random.Generator, count: int) -> Iterator[numpy.ndarray]:
    """Yield random masks with the row sums and column sums of ``kept``.   [strona2014fast]

    In a trade two rows share out anew, at random, the places that only one of them keeps.  The chain's limit is the
    uniform distribution over all masks with these sums.

    Args:
        kept: bool (rows, columns), which stays as it is.
        draw: the random numbers.
        count: masks to yield.

    Examples:
        >>> import numpy
        >>> kept = numpy.array([[True, True, False], [False, False, True]])
        >>> (other,) = traded(kept, numpy.random.default_rng(0), 1)
        >>> other.sum(0).tolist(), other.sum(1).tolist()
        ([1, 1, 1], [2, 1])
    """
    kept = kept.copy()
    for number in range(count):
        for _ in range((APART if number else BURN) * len(kept) if len(kept) > 1 else 0):
            one, two = draw.choice(len(kept), 2, replace=False)
            places = (kept[one] ^ kept[two]).nonzero()[0]
            first = int(kept[one, places].sum())
            order = draw.permutation(places)
            kept[one, places], kept[two, places] = False, True
            kept[one, order[:first]], kept[two, order[:first]] = True, False
        yield kept.copy()
