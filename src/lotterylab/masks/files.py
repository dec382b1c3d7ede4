"""Reading and writing masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lotterylab.errors import UsageError
from lotterylab.formats.blobs import read_tensors, write_tensors
from lotterylab.masks.shown import shown_mask
from lotterylab.types import Mask


def save_mask(mask: Mask, path: str | Path) -> None:
    """Write a mask as a safetensors file, complete or not at all.

    Args:
        mask: bool tensors by name, of any shape, True = kept.
        path: the file.

    Examples:
        >>> import tempfile, torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_mask({"weight": torch.tensor([True, False])}, f"{folder}/mask.safetensors")
        ...     load_mask(f"{folder}/mask.safetensors")
        mask of 1 tensor: 1 of 2 entries kept, 50 % removed
          weight  2  ██████████             50 % kept
    """
    write_tensors(path, mask)


def load_mask(path: str | Path) -> Mask:
    """Read a mask from ``save_mask``, or from any safetensors or weights-only ``.pt`` file of 0/1 tensors.

    Args:
        path: the file.

    Returns:
        Bool tensors by name, of the shapes in the file, True = kept.

    Raises:
        UsageError: the file cannot be read, or has values other than 0 and 1.

    Examples:
        >>> import tempfile, torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_mask({"weight": torch.tensor([True, False])}, f"{folder}/mask.safetensors")
        ...     load_mask(f"{folder}/mask.safetensors")
        mask of 1 tensor: 1 of 2 entries kept, 50 % removed
          weight  2  ██████████             50 % kept
    """
    import torch

    mask: dict[str, Any] = {}
    for name, tensor in read_tensors(path).items():
        if not bool(((tensor == 0) | (tensor == 1)).all()):
            raise UsageError(f"{path}: '{name}' has values other than 0 and 1, so it is not a mask.")
        mask[name] = tensor.to(torch.bool)
    return shown_mask(Mask(mask))
