"""Parameters that share memory, and those that have none of their own.

"Two names of one weight" means one piece of memory: the same parameter, or another one that is a view of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lotterylab.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor


def tied(named: Mapping[str, Tensor]) -> dict[str, str]:
    """Return, for each parameter whose memory lies within another's, the name of the other.

    Raises:
        UsageError: two parameters share a part of their memory, and neither holds the other.
    """
    by_memory: dict[int, list[tuple[str, Tensor]]] = {}
    for name, parameter in named.items():
        if _has_memory(parameter):
            by_memory.setdefault(parameter.untyped_storage().data_ptr(), []).append((name, parameter))
    tied: dict[str, str] = {}
    for sharing in by_memory.values():
        whole: list[tuple[str, Tensor]] = []
        for name, parameter in sorted(sharing, key=lambda pair: -pair[1].numel()) if len(sharing) > 1 else ():
            around = next((other for other, larger in whole if _lies_within(name, parameter, other, larger)), None)
            if around is None:
                whole.append((name, parameter))
            else:
                tied[name] = around
    return {name: tied[name] for name in named if name in tied}


def is_lazy(tensor: Tensor) -> bool:
    """Return whether a tensor has no shape yet, as in a lazy module that has seen no input."""
    from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

    return isinstance(tensor, UninitializedParameter | UninitializedBuffer)


def has_own_operations(tensor: Tensor) -> bool:
    """Return whether a tensor is of a class that does its own operations: sharded, quantised, fake."""
    import torch

    kinds = (kind for kind in type(tensor).__mro__ if issubclass(kind, torch.Tensor) and kind is not torch.Tensor)
    return any("__torch_dispatch__" in vars(kind) for kind in kinds)


def places_in(part: Tensor, whole: Tensor) -> Tensor:
    """Return where each entry of ``part`` lies in ``whole``, flat: int64 of the part's shape.

    Args:
        part: a tensor whose memory lies within that of ``whole``.
        whole: a tensor of the same type.
    """
    import torch

    own, all_ = _addresses(part).flatten(), _addresses(whole).flatten()
    ordered, order = torch.sort(all_)
    return order[torch.searchsorted(ordered, own)].view(part.shape)


def _has_memory(parameter: Tensor) -> bool:
    """Return whether a parameter is a plain tensor with memory of its own, which others may share."""
    import torch

    usual = not is_lazy(parameter) and not has_own_operations(parameter)
    return usual and parameter.layout == torch.strided and not parameter.is_meta and parameter.numel() > 0


def _lies_within(name: str, part: Tensor, other: str, whole: Tensor) -> bool:
    """Return whether the memory of ``part`` lies within that of ``whole``; refuse a part of it.

    Views of one buffer that have no entry in common are weights of their own.
    """
    if _laid_out(part) == _laid_out(whole):
        return True
    if _ends(part)[0] >= _ends(whole)[1] or _ends(whole)[0] >= _ends(part)[1]:
        return False
    import torch

    common = torch.isin(_addresses(part), _addresses(whole))
    if bool(common.any()) and not (bool(common.all()) and part.dtype == whole.dtype):
        raise UsageError(
            f"'{other}' and '{name}' share a part of their memory, so a mask of one would prune the other. Give each "
            "memory of its own: nn.Parameter(tensor.clone())."
        )
    return bool(common.any())


def _laid_out(tensor: Tensor) -> tuple[object, ...]:
    return tensor.dtype, tensor.data_ptr(), tuple(tensor.shape), tensor.stride()


def _ends(tensor: Tensor) -> tuple[int, int]:
    """Return the first byte of a tensor and the one behind its last."""
    reach = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True)) + 1
    return tensor.data_ptr(), tensor.data_ptr() + reach * tensor.element_size()


def _addresses(tensor: Tensor) -> Tensor:
    """Return the address of each entry, int64 of the tensor's shape."""
    import torch

    places = torch.zeros(tensor.shape, dtype=torch.int64)
    for axis, (size, stride) in enumerate(zip(tensor.shape, tensor.stride(), strict=True)):
        shape = [1] * tensor.dim()
        shape[axis] = size
        places += (torch.arange(size) * stride).view(shape)
    return places * tensor.element_size() + tensor.data_ptr()
