"""Reading and writing masks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lotterylab.errors import UsageError
from lotterylab.formats.blobs import write_tensors
from lotterylab.formats.checkpoints import Checkpoint, read_checkpoint
from lotterylab.masks.shown import shown_mask
from lotterylab.system.places import file_for, place
from lotterylab.system.refusals import explaining
from lotterylab.types import Mask

if TYPE_CHECKING:
    from torch import Tensor


def save_mask(mask: Mask, path: str | Path) -> None:
    """Write a mask as a safetensors file, complete or not at all.

    Args:
        mask: bool tensors by name, of any shape, True = kept; tensors of 0 and 1, and sparse ones, are written so too.
        path: the file, in a folder that exists.

    Raises:
        UsageError: the folder does not exist, the path is a folder, or a tensor is no mask.
        SystemRefusal: the disk is full or read-only, or the folder is not writable for you.

    Examples:
        >>> import tempfile, torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_mask({"weight": torch.tensor([True, False])}, f"{folder}/mask.safetensors")
        ...     load_mask(f"{folder}/mask.safetensors")
        mask of 1 tensor: 1 of 2 entries kept, 50 % removed
          weight  2  ██████████              50 % kept
    """
    file = file_for(path, "file of the mask")
    plain = {_text(name): _as_bool(name, kept, "the mask") for name, kept in mask.items()}
    with explaining(file):
        write_tensors(file, plain)


def load_mask(path: str | Path, *, within: str = "") -> Mask:
    """Read a mask from ``save_mask``, or from a file of others: 0/1 tensors, NNI's masks, or a state with its masks.

    Args:
        path: a safetensors file or a file of ``torch.save``, whose code is not run.  The masks may lie below a key such
            as "mask", be nested by layer, be sparse, or stand beside the weights as ``torch.nn.utils.prune``,
            torch.ao and NNCF save them.
        within: the keys of the mask in the file, if it holds several.

    Returns:
        Bool tensors by the names of the weights, of the shapes in the file, True = kept.

    Raises:
        UsageError: the file cannot be read, or has values other than 0 and 1.

    Examples:
        >>> import tempfile, torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_mask({"weight": torch.tensor([True, False])}, f"{folder}/mask.safetensors")
        ...     load_mask(f"{folder}/mask.safetensors")
        mask of 1 tensor: 1 of 2 entries kept, 50 % removed
          weight  2  ██████████              50 % kept
    """
    file = place(path, "file of the mask")
    return shown_mask(mask_of(read_checkpoint(file, within=within, wanted="mask"), where=str(file)))


def mask_of(checkpoint: Checkpoint, *, where: str) -> Mask:
    """Return the masks of a checkpoint, or its tensors as masks.

    Raises:
        UsageError: a tensor has values other than 0 and 1; ``where`` names the file.
    """
    if checkpoint.mask:
        return checkpoint.mask
    return Mask({name: _as_bool(name, tensor, where) for name, tensor in checkpoint.tensors.items()})


def _as_bool(name: str, tensor: Tensor, where: str) -> Tensor:
    """Return a tensor of 0 and 1 as a dense tensor of bool."""
    import torch

    if tensor.is_meta:
        raise UsageError(
            f"{where}: '{name}' is on the meta device, which holds no values. Make the mask from loaded weights."
        )
    dense = tensor if tensor.layout is torch.strided else tensor.to_dense()
    if not bool(((dense == 0) | (dense == 1)).all()):
        raise UsageError(f"{where}: '{name}' has values other than 0 and 1, so it is not a mask.")
    return dense.to(torch.bool)


def _text(name: object) -> str:
    if not isinstance(name, str):
        raise UsageError(f"the mask has the name {name!r}, which is no text. Name parameters, such as 'fc.weight'.")
    return name
