"""Sparse tensors, on disk and in memory, as the dense tensors that they stand for."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lotterylab.errors import UsageError
from lotterylab.formats.text import shown

if TYPE_CHECKING:
    from torch import Tensor

COO = "sparse_coo"
COMPRESSED = ("sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc")
PARTS = {COO: 2, **dict.fromkeys(COMPRESSED, 3)}  # indices and values; two kinds of indices and values
REMEDY = "densify it: tensor.to_dense()"


def densified(tensor: Tensor, name: str, where: str) -> Tensor:
    """Return a sparse tensor as a dense one.

    Raises:
        UsageError: torch cannot densify a tensor of this type.
    """
    layout = str(tensor.layout).removeprefix("torch.")
    try:
        return tensor.detach().to_dense()
    except (RuntimeError, NotImplementedError) as error:
        raise _not_densified(layout, name, where, error) from error


def assembled(layout: str, parts: Sequence[Tensor], size: tuple[int, ...], name: str, where: str) -> Tensor:
    """Return the dense tensor of a sparse layout's parts, which are checked because they come from a file.

    Args:
        layout: "sparse_coo" with the parts indices ``(dimensions, entries)`` and values, or a compressed layout with
            the parts compressed indices, plain indices and values.
        parts: the tensors of the layout.
        size: the shape of the result.
        name: the tensor's name, for errors.
        where: the file, for errors.

    Raises:
        UsageError: the parts do not fit each other or the shape.
    """
    import torch

    try:
        with warnings.catch_warnings(action="ignore"):  # torch calls compressed layouts a beta
            if layout == COO:
                indices, values = parts
                sparse = torch.sparse_coo_tensor(indices, values, size, check_invariants=True)
            else:
                compressed, plain, values = parts
                sparse = torch.sparse_compressed_tensor(
                    compressed, plain, values, size, layout=getattr(torch, layout), check_invariants=True
                )
    except (RuntimeError, ValueError) as error:
        reason = shown(str(error).partition("\n")[0])
        raise UsageError(f"{where}: '{shown(name)}' is a damaged {layout} tensor ({reason}).") from error
    return densified(sparse, name, where)


def _not_densified(layout: str, name: str, where: str, error: Exception) -> UsageError:
    reason = shown(str(error).partition("\n")[0], most=120)
    return UsageError(f"{where}: '{shown(name)}' is {layout}, which torch does not densify ({reason}). Save it dense.")
