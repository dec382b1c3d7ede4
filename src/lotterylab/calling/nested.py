"""Inputs and outputs of a module are tensors, or tuples, lists and dicts of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lotterylab.types import Inputs

if TYPE_CHECKING:
    from torch import Tensor


def each_tensor(change: Callable[[Tensor], Any], value: Any) -> Any:
    """Return ``value`` with ``change(tensor)`` in the place of each tensor; a mapping becomes a dict.

    Args:
        change: a function of one tensor.
        value: a tensor, or tuples, lists and mappings of tensors; other values stay as they are.

    Examples:
        >>> import torch
        >>> each_tensor(lambda tensor: tensor.tolist(), {"ids": (torch.tensor([1, 2]), "word")})
        {'ids': ([1, 2], 'word')}
    """
    import torch

    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {name: each_tensor(change, item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        items = [each_tensor(change, item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


def cloned(value: Any) -> Any:
    """Return ``value`` with a copy of each tensor, in the same memory layout, so that a module may write into it."""
    return each_tensor(lambda tensor: tensor.clone(), value)


def arguments(inputs: Inputs) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the positional and the named arguments of a module's call: a tuple is the former, a mapping the latter."""
    if isinstance(inputs, Mapping):
        return (), dict(inputs)
    return (inputs if isinstance(inputs, tuple) else (inputs,)), {}
