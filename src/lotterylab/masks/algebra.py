"""Masks and what can be done with them.  True = kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from lotterylab.errors import UsageError, suggestion
from lotterylab.types import Mask, State

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn


def ones(tensors: Mapping[str, Tensor], names: Iterable[str] | None = None) -> Mask:
    """Return a mask that keeps all entries of ``tensors``, or of those alone that ``names`` lists.

    Raises:
        UsageError: a name that ``tensors`` does not have.

    Examples:
        >>> import torch
        >>> ones({"weight": torch.zeros(2)})
        {'weight': tensor([True, True])}
    """
    import torch

    chosen = list(tensors if names is None else names)
    for name in chosen:
        if name not in tensors:
            raise UsageError(f"no tensor is named '{name}'.{suggestion(name, tensors)}")
    return cast(Mask, {name: torch.ones_like(tensors[name], dtype=torch.bool) for name in chosen})


def hold(tensors: Mapping[str, Tensor], mask: Mask, fill: float = 0.0) -> None:
    """Set the pruned entries of ``tensors`` to ``fill``, in place.

    It uses masked_fill: multiplying would leave -0.0 where a weight was negative and NaN where it was not finite.

    Examples:
        >>> import torch
        >>> state = {"weight": torch.tensor([-1.0, 2.0])}
        >>> hold(state, {"weight": torch.tensor([False, True])})
        >>> state
        {'weight': tensor([0., 2.])}
    """
    import torch

    with torch.no_grad():
        for name, kept in mask.items():
            tensors[name].masked_fill_(~kept.to(tensors[name].device), fill)


def masked(state: Mapping[str, Tensor], mask: Mask) -> State:
    """Return a copy of ``state`` whose pruned entries are +0.0; other tensors are copied as they are.

    Raises:
        UsageError: a mask that does not fit.

    Examples:
        >>> import torch
        >>> masked({"weight": torch.tensor([-1.0, 2.0])}, {"weight": torch.tensor([False, True])})
        {'weight': tensor([0., 2.])}
    """
    check(mask, state)
    copy = {name: tensor.detach().clone() for name, tensor in state.items()}
    hold(copy, mask)
    return cast(State, copy)


def apply(module: nn.Module, mask: Mask) -> nn.Module:
    """Set the pruned parameters of ``module`` to +0.0, once, and return the module.

    Nothing holds them there in later training: that is ``attach``'s work.  A tied parameter has all its names.

    Raises:
        UsageError: a mask that does not fit.

    Examples:
        >>> import torch
        >>> layer = torch.nn.Linear(2, 1, bias=False)
        >>> bool(apply(layer, {"weight": torch.tensor([[True, False]])}).weight[0, 1] == 0)
        True
    """
    parameters = dict(module.named_parameters(remove_duplicate=False))
    check(mask, parameters)
    hold(parameters, mask)
    return module


def check(mask: Mask, tensors: Mapping[str, Tensor]) -> None:
    """Raise ``UsageError`` unless every tensor of the mask is in ``tensors`` with its shape, and is bool."""
    import torch

    if not isinstance(mask, Mapping) or not all(torch.is_tensor(kept) for kept in mask.values()):
        raise UsageError(f"the mask is a {type(mask).__name__}; it is a dict from names to bool tensors, True = kept.")
    for name, kept in mask.items():
        if name not in tensors:
            raise UsageError(f"the mask names '{name}', which is not there.{suggestion(name, tensors)}")
        if kept.dtype != torch.bool:
            raise UsageError(f"the mask of '{name}' is {kept.dtype}; a mask is bool, True = kept.")
        if kept.shape != tensors[name].shape:
            raise UsageError(
                f"the mask of '{name}' has shape {tuple(kept.shape)}, the tensor {tuple(tensors[name].shape)}."
            )


def entries(mask: Mask) -> int:
    """Return n, the number of entries of the mask, kept and removed.

    Examples:
        >>> import torch
        >>> entries({"weight": torch.tensor([[True, False], [False, False]])})
        4
    """
    return sum(kept.numel() for kept in mask.values())


def kept(mask: Mask) -> int:
    """Return how many entries are kept.

    Examples:
        >>> import torch
        >>> kept({"weight": torch.tensor([[True, False], [False, False]])})
        1
    """
    return sum(int(tensor.sum()) for tensor in mask.values())


def sparsity(mask: Mask) -> float:
    """Return 1 - kept / entries, over the entries of the mask alone.

    Raises:
        UsageError: the mask has no entries.

    Examples:
        >>> import torch
        >>> sparsity({"weight": torch.tensor([[True, False], [False, False]])})
        0.75
    """
    total = _some_entries(mask)
    return (total - kept(mask)) / total


def hamming(a: Mask, b: Mask) -> float:
    """Return the share of entries in which two masks differ.

    Raises:
        UsageError: masks of different names or shapes, or without entries.

    Examples:
        >>> import torch
        >>> hamming({"weight": torch.tensor([True, False])}, {"weight": torch.tensor([True, True])})
        0.5
    """
    _alike(a, b)
    return sum(int((a[name] != b[name]).sum()) for name in a) / _some_entries(a)


def iou(a: Mask, b: Mask) -> float:
    """Return the entries kept in both masks over those kept in either; 1 where neither keeps any.

    Raises:
        UsageError: masks of different names or shapes.

    Examples:
        >>> import torch
        >>> iou({"weight": torch.tensor([True, False, True])}, {"weight": torch.tensor([True, True, False])})
        0.3333333333333333
    """
    _alike(a, b)
    either = sum(int((a[name] | b[name]).sum()) for name in a)
    return sum(int((a[name] & b[name]).sum()) for name in a) / either if either else 1.0


def shuffle(mask: Mask, seed: int, *names: str | int, within: Mask | None = None, granularity: str = "weight") -> Mask:
    """Return a mask that keeps the same number of pieces in each tensor, at random places.

    It is the random control of the same layer-wise density.   [frankle2021pruning, "shuffling"]

    Args:
        seed, names: of ``rng.stream(seed, "shuffle", *names, tensor)``, which draws the places.
        within: the places are among those that this mask keeps; None is all.
        granularity: that of ``select``: whole filters or blocks change places, or the entries of each group of N:M.  A
            tensor of one dimension has only entries.

    Raises:
        UsageError: there is no such granularity.

    Examples:
        >>> import torch
        >>> mask = {"weight": torch.tensor([True, False, False, True])}
        >>> kept(shuffle(mask, seed=0))
        2
    """
    from lotterylab.masks.granularity import granularity_of
    from lotterylab.rng import stream

    return granularity_of(granularity).shuffled(mask, lambda name: stream(seed, "shuffle", *names, name), within)


def permute(state: Mapping[str, Tensor], names: Iterable[str], seed: int, mask: Mask | None = None) -> State:
    """Return a copy of ``state`` in which the entries of each of ``names`` change places.

    [zhou2019deconstructing, section 4: without a mask their "reinit", with one their "reshuffle"]

    Args:
        names: the tensors whose entries change places, each within itself; the others are copied as they are.
        seed: of ``rng.stream(seed, "permute", tensor)``, which draws the order.
        mask: only the entries that it keeps change places, among themselves; None is all.

    Examples:
        >>> import torch
        >>> state = State({"weight": torch.tensor([1.0, 2.0, 3.0])})
        >>> sorted(permute(state, ["weight"], seed=0)["weight"].tolist())
        [1.0, 2.0, 3.0]
    """
    import torch

    from lotterylab.rng import stream

    copy = {name: tensor.detach().clone() for name, tensor in state.items()}
    for name in names:
        flat = copy[name].flatten()
        places = torch.arange(len(flat)) if mask is None else mask[name].flatten().nonzero().flatten()
        order = torch.from_numpy(stream(seed, "permute", name).permutation(len(places)))
        flat[places] = flat[places[order]]
        copy[name] = flat.view(copy[name].shape)
    return cast(State, copy)


def digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of names, types, shapes and bytes, whatever the order of the dict and the memory layout.

    Examples:
        >>> import torch
        >>> a, b = torch.zeros(2), torch.ones(3)
        >>> digest({"a": a, "b": b}) == digest({"b": b, "a": a})
        True
    """
    import torch

    total = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().resolve_conj().resolve_neg().contiguous()
        # JSON ends itself, and type and shape say how many bytes follow: no other tensors make the same stream
        total.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        total.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def save_mask(mask: Mask, path: str | Path) -> None:
    """Write a mask as safetensors, whole or not at all.

    Examples:
        >>> import tempfile, torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_mask({"weight": torch.tensor([True, False])}, f"{folder}/mask.safetensors")
        ...     load_mask(f"{folder}/mask.safetensors")
        {'weight': tensor([ True, False])}
    """
    from lotterylab.formats.blobs import write_tensors

    write_tensors(path, mask)


def load_mask(path: str | Path) -> Mask:
    """Read what ``save_mask`` wrote, or any safetensors or weights-only ``.pt`` file of 0/1 tensors.

    Raises:
        UsageError: a file that cannot be read, or values other than 0 and 1.
    """
    import torch

    from lotterylab.formats.blobs import read_tensors

    mask: dict[str, Any] = {}
    for name, tensor in read_tensors(path).items():
        if not bool(((tensor == 0) | (tensor == 1)).all()):
            raise UsageError(f"{path}: '{name}' has values other than 0 and 1, so it is not a mask.")
        mask[name] = tensor.to(torch.bool)
    return cast(Mask, mask)


def _alike(a: Mask, b: Mask) -> None:
    if a.keys() != b.keys():
        raise UsageError(f"two masks of different tensors: {sorted(a.keys() ^ b.keys())} are in one of them only.")
    for mask, other in ((a, b), (b, a)):
        check(mask, other)  # the shapes too: torch would stretch one of them to fit the other


def _some_entries(mask: Mask) -> int:
    n = entries(mask)
    if n == 0:
        raise UsageError("the mask has no entries, so no share of them can be given. Which tensors are prunable?")
    return n
