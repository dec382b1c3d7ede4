"""Distances between all pairs of a sequence of masks, such as those of the epochs of a training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lotterylab.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from lotterylab.types import Mask


def distances(masks: Iterable[Mask]) -> Tensor:
    """Return the normalised Hamming distance of each pair of masks, the matrix behind Early-Bird's heat map.
    [you2020drawing, section 3.2]

    Args:
        masks: n masks of one network, in order.

    Returns:
        float64 (n, n), the share of all entries in which two masks differ: symmetric, with zeros on the diagonal.

    Raises:
        UsageError: two masks have other tensors or shapes.

    Examples:
        >>> import torch
        >>> first, second = {"w": torch.tensor([True, True])}, {"w": torch.tensor([True, False])}
        >>> distances([first, second]).tolist()
        [[0.0, 0.5], [0.5, 0.0]]
    """
    import torch

    flat = as_rows(masks)
    return _counts(flat) / flat.shape[1] if len(flat) else torch.zeros((0, 0), dtype=torch.float64)


def differing(rows: Tensor) -> dict[str, Any]:
    """Return "differing", for each row of a bool (n, entries) the entries in which each earlier row differs; "entries".

    The counts are whole numbers and half of the matrix, so that a record of a run stays small.

    Examples:
        >>> import torch
        >>> differing(torch.tensor([[True, False], [True, True], [True, False]]))
        {'differing': [[], [1], [0, 1]], 'entries': 2}
    """
    counts = _counts(rows).long().tolist()
    return {"differing": [row[:place] for place, row in enumerate(counts)], "entries": rows.shape[1]}


def square(found: Mapping[str, Any]) -> list[list[float]]:
    """Return the whole matrix of distances from what ``differing`` returned.

    Examples:
        >>> square({"differing": [[], [1]], "entries": 2})
        [[0.0, 0.5], [0.5, 0.0]]
    """
    half, entries = found["differing"], found["entries"]
    places = range(len(half))
    return [[half[max(i, j)][min(i, j)] / entries if i != j else 0.0 for j in places] for i in places]


def as_rows(masks: Iterable[Mask]) -> Tensor:
    """Return masks as the rows of a bool (n, entries); they have the same tensors, in the order of the first.

    Raises:
        UsageError: two masks have other tensors or shapes.
    """
    import torch

    rows, names = [], None
    for number, mask in enumerate(masks):
        shapes = {name: tuple(kept.shape) for name, kept in mask.items()}
        names = shapes if names is None else names
        if shapes != names:
            name = sorted({name for name, _ in shapes.items() ^ names.items()})[0]
            raise UsageError(
                f"mask {number} of the sequence has tensor '{name}' of shape {shapes.get(name)}, and the first mask "
                f"{names.get(name)}. Give masks of one network."
            )
        rows.append(torch.cat([mask[name].flatten().cpu() for name in names]))
    return torch.stack(rows) if rows else torch.zeros((0, 0), dtype=torch.bool)


def _counts(rows: Tensor) -> Tensor:
    """Return the number of entries in which each pair of rows differs, exact in float64 up to 2^53 entries."""
    kept = rows.double()
    sizes = kept.sum(1)
    return sizes[:, None] + sizes - 2 * kept @ kept.T
