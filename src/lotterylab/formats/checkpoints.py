"""Checkpoints of other people: the network's tensors, by plain names, and a sentence on what was taken for it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from lotterylab.errors import UsageError
from lotterylab.formats import foreign
from lotterylab.formats.layouts import folded
from lotterylab.formats.names import OF_PARAMETERS, common_prefix, fitted, unwrapped
from lotterylab.formats.networks import Chosen, Wanted, network_in
from lotterylab.formats.text import shown, shown_path
from lotterylab.own_code.arguments import described
from lotterylab.types import Mask

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = (".safetensors", ".pt", ".pth", ".ckpt", ".bin")
MOST_HEADER = 10 << 20  # bytes of a safetensors header; the largest models have 1 MB a file
MOST_LISTED = 12  # ignored keys in a sentence
LIGHTNING = "pytorch-lightning_version"  # the key of its checkpoints
FLAT = ("_flat_param", "flat_param")  # all parameters of an FSDP unit in one row


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A ``Checkpoint`` is the network that a file, or a dict, holds.

    Args:
        tensors: its parameters and buffers by plain name, each mask of a pruning library applied to its weight.
        mask: the mask that the checkpoint holds, by the names of the weights, or None.
        below: what stands before each name in the checkpoint, "state_dict.model.", or "".
        ignored: keys and names of the checkpoint that are not part of the network.
        adapters: the product B A of each low-rank adapter that is not merged, by the weight's name.
    """

    tensors: dict[str, Tensor]
    mask: Mask | None = None
    below: str = ""
    ignored: tuple[str, ...] = ()
    adapters: dict[str, Tensor] = field(default_factory=dict)

    @property
    def said(self) -> str:
        """Return what was taken for the network, "12 tensors below 'module.'; ignored: mask, rng"."""
        words = f"{len(self.tensors)} tensor{'' if len(self.tensors) == 1 else 's'}"
        words += f" below '{shown(self.below)}'" if self.below else ""
        words += f", with masks of {len(self.mask)}" if self.mask else ""
        first = ", ".join(shown(name, most=60) for name in self.ignored[:MOST_LISTED])
        more = f" and {len(self.ignored) - MOST_LISTED} more" if len(self.ignored) > MOST_LISTED else ""
        return f"{words}; ignored: {first}{more}" if first else words

    def like(self, names: Mapping[str, object]) -> Checkpoint:
        """Return the checkpoint with its names as in ``names``, if only a prefix differs."""
        renamed = fitted(self.tensors, names)
        moved = {name: new for name, new in renamed.items() if name != new}
        if not moved:
            return self
        mask = self.mask and Mask({renamed.get(name, name): kept for name, kept in self.mask.items()})
        return replace(
            self,
            tensors={renamed[name]: tensor for name, tensor in self.tensors.items()},
            mask=mask,
            adapters={renamed.get(name, name): product for name, product in self.adapters.items()},
        )


def read_checkpoint(path: str | Path, *, within: str = "", wanted: Wanted = "network") -> Checkpoint:
    """Return the network in a ``.safetensors`` file or a file of ``torch.save``; none of its code is run.

    Memory is bounded by a small multiple of the file's size, whatever shapes the file claims.

    Args:
        path: the file.
        within: the keys of the network, "netG" or "state.model", if the choice is the caller's.
        wanted: "mask" for a file of masks.

    Raises:
        UsageError: the file is not a regular file, it holds no network, or a tensor of it cannot be read.  The error
            names the file and the tensor.
    """
    chosen, lightning = _read(Path(path), within, wanted)
    return _plain(chosen, where=shown_path(path), lightning=lightning, wanted=wanted)


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of ``read_checkpoint``.

    Raises:
        UsageError: as ``read_checkpoint``.
    """
    return read_checkpoint(path).tensors


def flat_tensors(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of one file of several, by the names that they have there.

    Raises:
        UsageError: as ``read_checkpoint``.
    """
    return _read(Path(path), "", "network")[0].tensors


def state_in(value: object, like: Mapping[str, object], *, where: str) -> dict[str, Tensor]:
    """Return the network in a dict in memory by the names in ``like``, with the tensors as they are.

    Args:
        value: the dict, such as an initial ``state_dict()``, or a checkpoint that holds it.
        like: the names of the module; a prefix that only one side has is left out or added.
        where: the argument's name, for errors.

    Raises:
        UsageError: it is not a dict, it holds no network, or a tensor of it cannot be read.
    """
    tensors = foreign.admitted(_network_of(value, where, "", "network").tensors, where=where)
    named = fitted(tensors, like)
    return {named[name]: tensor for name, tensor in tensors.items()}


def checkpoint_in(value: object, *, where: str, within: str = "", wanted: Wanted = "network") -> Checkpoint:
    """Return the network in a dict in memory, such as ``module.state_dict()`` or what ``torch.load`` returns.

    Args:
        value: the dict.
        where: the argument's name, for errors.
        within: the keys of the network, if the choice is the caller's.
        wanted: "mask" for a dict of masks.

    Raises:
        UsageError: it is not a dict, it holds no network, or a tensor of it cannot be read.
    """
    chosen = _network_of(value, where, within, wanted)
    parts = (foreign.admitted(part, where=where) for part in (chosen.tensors, chosen.mask))
    tensors, mask = ({name: tensor.detach().cpu() for name, tensor in part.items()} for part in parts)
    return _plain(
        replace(chosen, tensors=tensors, mask=mask),
        where=where,
        lightning=isinstance(value, Mapping) and LIGHTNING in value,
        wanted=wanted,
    )


def _network_of(value: object, where: str, within: str, wanted: Wanted) -> Chosen[Tensor]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{where} is {described(value)}; it must be a dict of tensors: module.state_dict().")
    if not value:
        raise UsageError(f"{where} is an empty dict. Give a dict of tensors, or leave it out.")
    return network_in(value, looked, where=where, within=within, wanted=wanted)


def looked(value: object) -> tuple[str, tuple[int, ...]] | None:
    """Return the type and the shape of a tensor, or of the description of one in a file; None for other values."""
    import torch

    from lotterylab.formats.torch_pickles import Described

    if isinstance(value, Described):
        size = value.size if all(type(number) is int for number in value.size) else (0,)
        return ("refused", (1,)) if value.refused else (value.kind, size)
    if torch.is_tensor(value):
        return str(value.dtype).removeprefix("torch."), tuple(value.shape)
    return None


def _plain(chosen: Chosen[Tensor], *, where: str, lightning: bool, wanted: Wanted) -> Checkpoint:
    """Return the network by plain names; a file of masks keeps its own."""
    if wanted == "mask" and not any(tensor.is_floating_point() for tensor in chosen.tensors.values()):
        tensors, left_out = _masks(chosen.tensors, nested=chosen.joined)
        return Checkpoint(tensors=tensors, below=chosen.below, ignored=(*chosen.ignored, *left_out))
    if flat := [name for name in chosen.tensors if name.endswith(FLAT)]:
        raise UsageError(
            f"{where}: '{shown(flat[0])}' is a row of all parameters of an FSDP unit. Save a full state dict "
            "(FullStateDictConfig, or torch.distributed.checkpoint.state_dict.get_model_state_dict)."
        )
    try:
        plain = folded(chosen.tensors)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    names = list(plain.state)
    prefix, short = unwrapped(names) if wanted == "network" else ("", dict(zip(names, names, strict=True)))
    if lightning and (first := common_prefix(short.values())):
        prefix, short = prefix + first, {name: rest.removeprefix(first) for name, rest in short.items()}
    tensors = {short[name]: tensor for name, tensor in plain.state.items()}
    mask = {short[name]: kept for name, kept in (plain.mask or {}).items()}
    if chosen.mask and not mask:
        named = fitted(chosen.mask, tensors)
        mask = {named[name]: _as_bool(kept, name, where) for name, kept in chosen.mask.items()}
    ignored = [*chosen.ignored, *plain.helpers]
    if wanted == "mask" and not mask:
        tensors, left_out = _masks(tensors, nested=chosen.joined)
        ignored += left_out
    return Checkpoint(
        tensors=tensors,
        mask=Mask(mask) if mask else None,
        below=f"{chosen.below}." * bool(chosen.below) + prefix,
        ignored=tuple(ignored),
        adapters={short[name]: product for name, product in plain.adapters.items()},
    )


def _masks(tensors: Mapping[str, Tensor], *, nested: bool) -> tuple[dict[str, Tensor], list[str]]:
    """Return masks by the names of their weights, and the names left out of NNI's nested dicts.

    NNI writes masks of inputs and outputs beside those of weights, and a mask of each bias, which keeps everything.
    """
    named = dict(tensors)
    if all(OF_PARAMETERS.search(name) for name in named):
        named = {name.removesuffix("_mask"): mask for name, mask in named.items()}
    if not nested:
        return named, []
    if all(name.endswith(".mask") for name in named):
        named = {name.removesuffix(".mask"): mask for name, mask in named.items()}
    left_out = [
        name
        for name, mask in named.items()
        if name.rpartition(".")[2].startswith(("_input_", "_output_")) or (mask.dim() < 2 and bool((mask == 1).all()))
    ]
    return {name: mask for name, mask in named.items() if name not in left_out}, left_out


def _as_bool(mask: Tensor, name: str, where: str) -> Tensor:
    if not bool(((mask == 0) | (mask == 1)).all()):
        raise UsageError(f"{where}: '{shown(name)}' has values other than 0 and 1, so it is not a mask.")
    return mask != 0


def _truth(tensor: Tensor) -> Tensor:
    """Return a bool tensor whose bytes are 0 and 1; a file may hold other bytes, which torch compares unchanged."""
    import torch

    return tensor if tensor.dtype != torch.bool else tensor.view(torch.uint8) != 0


def _read(path: Path, within: str, wanted: Wanted) -> tuple[Chosen[Tensor], bool]:
    """Return the network in a file, and whether Lightning wrote the file."""
    named = shown_path(path)
    read = _read_safetensors if path.suffix == ".safetensors" else _read_pickle
    with foreign.opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        chosen, lightning = read(path, file, within, wanted)
    parts = (foreign.admitted(part, where=named, size=size) for part in (chosen.tensors, chosen.mask))
    tensors, mask = ({name: _truth(tensor) for name, tensor in part.items()} for part in parts)
    return replace(chosen, tensors=tensors, mask=mask), lightning


def _read_safetensors(path: Path, file: BinaryIO, within: str, wanted: Wanted) -> tuple[Chosen[Tensor], bool]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    named = shown_path(path)
    start = int.from_bytes(file.read(8), "little")
    if start > MOST_HEADER:
        raise UsageError(f"{named} is not a whole safetensors file (a header of {start:,} bytes).")
    try:
        with warnings.catch_warnings(action="ignore"):
            tensors = dict(sorted(load_file(path).items()))
    except SafetensorError as error:
        raise UsageError(f"{named} is not a whole safetensors file ({shown(str(error))}).") from error
    except Exception as error:  # an unknown type or an impossible shape
        reason = shown(f"{type(error).__name__}: {error}")
        raise UsageError(f"{named} holds a tensor that cannot be read ({reason}).") from error
    if wanted == "mask" and not within:  # of ``save_mask``, or a flat file of others
        return Chosen(tensors=tensors), False
    return network_in(tensors, looked, where=named, within=within, wanted=wanted), False


def _read_pickle(path: Path, file: BinaryIO, within: str, wanted: Wanted) -> tuple[Chosen[Tensor], bool]:
    from lotterylab.formats.pickles import Refused
    from lotterylab.formats.torch_files import look

    named = shown_path(path)
    try:
        saved = look(file)
        chosen = network_in(saved.value, looked, where=named, within=within, wanted=wanted)
        made = (saved.tensors(part, where=named) for part in (chosen.tensors, chosen.mask))
        tensors, mask = made
        lightning = isinstance(saved.value, dict) and LIGHTNING in saved.value
        return replace(chosen, tensors=tensors, mask=mask), lightning
    except UsageError:
        raise
    except Exception as error:  # a damaged pickle can raise nearly any error; no weights were read
        first = str(error).strip() or type(error).__name__
        if isinstance(error, Refused):
            first = f"it holds more than tensors: a module, or an optimizer's objects; it names {first}"
        raise UsageError(
            f"{named} cannot be read as weights alone ({shown(first)}). Save module.state_dict()."
        ) from error
