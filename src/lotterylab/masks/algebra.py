"""Functions on masks; True = kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

from lotterylab.errors import UsageError, near_or_known, suggestion
from lotterylab.own_code.arguments import described
from lotterylab.readable import check_loaded, check_maskable
from lotterylab.types import Mask, State

if TYPE_CHECKING:
    from torch import Tensor, nn


def ones(tensors: Mapping[str, Tensor], names: Iterable[str] | None = None) -> Mask:
    """Return a mask that keeps all entries of ``tensors``, or of the tensors in ``names``.

    Args:
        tensors: tensors by name, of any shape.
        names: the tensors that the mask has; None means all.

    Raises:
        UsageError: a name is not in ``tensors``.

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

    It uses masked_fill: multiplying would turn negative weights into -0.0 and infinite weights into NaN.

    Args:
        tensors: tensors by name, of the shapes of the mask.
        mask: bool tensors by name, True = kept.
        fill: the value of a pruned entry.

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


def masked(state: Mapping[str, Tensor], mask: Mask, frozen: Mapping[str, Tensor] | None = None) -> State:
    """Return a copy of ``state`` whose pruned entries are +0.0; other tensors are copied as they are.

    Args:
        state: tensors by name.
        mask: bool tensors by name, of the shapes of the state, True = kept.
        frozen: the values of pruned entries, in the place of 0, by the names of the mask.

    Raises:
        UsageError: the mask does not fit.

    Examples:
        >>> import torch
        >>> masked({"weight": torch.tensor([-1.0, 2.0])}, {"weight": torch.tensor([False, True])})
        {'weight': tensor([0., 2.])}
    """
    check(mask, state)
    copy = {name: tensor.detach().clone() for name, tensor in state.items()}
    if frozen is None:
        hold(copy, mask)
    else:
        copy |= {name: copy[name].where(kept.to(copy[name].device), frozen[name]) for name, kept in mask.items()}
    return cast(State, copy)


def apply(module: nn.Module, mask: Mask) -> nn.Module:
    """Set the pruned parameters of ``module`` to +0.0, once, and return the module.

    Later training may change them again; ``attach`` holds them at zero.  A tied parameter has all its names.

    Args:
        module: the module whose parameters are set.
        mask: bool tensors by parameter name, True = kept, in the parameters' shapes.

    Raises:
        UsageError: the mask does not fit, or the module's weights cannot be set: they are not loaded, sharded or
            packed.

    Examples:
        >>> import torch
        >>> layer = torch.nn.Linear(2, 1, bias=False)
        >>> bool(apply(layer, {"weight": torch.tensor([[True, False]])}).weight[0, 1] == 0)
        True
    """
    check_loaded(module)
    parameters = dict(module.named_parameters(remove_duplicate=False))
    check(mask, parameters)
    check_maskable((name, parameters[name]) for name in mask)
    hold(parameters, mask)
    return module


def check(mask: Mask, tensors: Mapping[str, Tensor]) -> None:
    """Refuse a mask unless each of its tensors is bool and is in ``tensors`` with the same shape.

    Args:
        mask: bool tensors by name, True = kept.
        tensors: the tensors by name that the mask is for.

    Raises:
        UsageError: a tensor of the mask does not fit; the message names the first.

    Examples:
        >>> import torch
        >>> check({"weight": torch.tensor([True])}, {"weight": torch.zeros(2)})
        Traceback (most recent call last):
        ...
        lotterylab.errors.UsageError: the mask of 'weight' has shape (1,), the tensor (2,). Make one for this module.
    """
    import torch

    if not isinstance(mask, Mapping) or not all(torch.is_tensor(kept) for kept in mask.values()):
        raise UsageError(f"the mask is {described(mask)}; give a dict from names to bool tensors, True = kept.")
    for name, kept in mask.items():
        if name not in tensors:
            raise UsageError(f"the mask names '{name}', which is not there.{near_or_known(name, tensors)}")
        if kept.dtype != torch.bool:
            raise UsageError(f"the mask of '{name}' is {kept.dtype}; a mask is bool, True = kept.")
        if kept.shape != tensors[name].shape:
            shapes = f"has shape {tuple(kept.shape)}, the tensor {tuple(tensors[name].shape)}"
            raise UsageError(f"the mask of '{name}' {shapes}. Make one for this module.")


def entries(mask: Mask) -> int:
    """Return n, the number of entries of the mask, kept and removed.

    Args:
        mask: bool tensors by name, True = kept.

    Examples:
        >>> import torch
        >>> entries({"weight": torch.tensor([[True, False], [False, False]])})
        4
    """
    return sum(kept.numel() for kept in mask.values())


def kept(mask: Mask) -> int:
    """Return the number of entries that are kept.

    Args:
        mask: bool tensors by name, True = kept.

    Examples:
        >>> import torch
        >>> kept({"weight": torch.tensor([[True, False], [False, False]])})
        1
    """
    return sum(int(tensor.sum()) for tensor in mask.values())


def sparsity(mask: Mask) -> float:
    """Return 1 - kept / entries, over the entries of the mask.

    Args:
        mask: bool tensors by name, True = kept.

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

    Args:
        a, b: bool tensors by name, of the same shapes, True = kept.

    Raises:
        UsageError: the masks have different names or shapes, or no entries.

    Examples:
        >>> import torch
        >>> hamming({"weight": torch.tensor([True, False])}, {"weight": torch.tensor([True, True])})
        0.5
    """
    _alike(a, b)
    return sum(int((a[name] != b[name]).sum()) for name in a) / _some_entries(a)


def iou(a: Mask, b: Mask) -> float:
    """Return the number of entries kept in both masks over the number kept in either; 1 if neither keeps any.

    Args:
        a, b: bool tensors by name, of the same shapes, True = kept.

    Raises:
        UsageError: the masks have different names or shapes.

    Examples:
        >>> import torch
        >>> iou({"weight": torch.tensor([True, False, True])}, {"weight": torch.tensor([True, True, False])})
        0.3333333333333333
    """
    _alike(a, b)
    either = sum(int((a[name] | b[name]).sum()) for name in a)
    return sum(int((a[name] & b[name]).sum()) for name in a) / either if either else 1.0


def digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of names, types, shapes and bytes, for any order of the dict and any memory layout.

    Args:
        tensors: tensors by name, of any shape, such as a mask or a state.

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
