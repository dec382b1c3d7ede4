"""The structs of ``chain.c``, field by field."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_INT, _REAL, _AT = ctypes.c_int64, ctypes.c_double, ctypes.c_void_p


class Layer(ctypes.Structure):
    """A ``Layer`` is a matrix in compressed rows, or a whole one."""

    _fields_ = (
        ("rows", _INT),
        ("cols", _INT),
        ("start", _AT),
        ("col", _AT),
        ("kept", _AT),
        ("first", _INT),
        ("bias", _INT),
    )


class Chain(ctypes.Structure):
    """A ``Chain`` is the network, its parameters and its buffers."""

    _fields_ = (
        ("layers", _INT),
        ("act", _INT),
        ("count", _INT),
        ("layer", ctypes.POINTER(Layer)),
        ("slope", _REAL),
        ("w", _AT),
        ("g", _AT),
        ("first", _AT),
        ("second", _AT),
        ("unit", ctypes.POINTER(_AT)),
        ("back", ctypes.POINTER(_AT)),
    )


class Images(ctypes.Structure):
    """``Images`` are raw bytes, their labels, and what the bytes mean."""

    _fields_ = (
        ("images", _AT),
        ("labels", _AT),
        ("pixel", _AT),
        ("table", _AT),
        ("channel", _AT),
        ("count", _INT),
    )


class Rule(ctypes.Structure):
    """A ``Rule`` is the optimizer."""

    _fields_ = (
        ("adam", _INT),
        ("nesterov", _INT),
        ("decoupled", _INT),
        ("updates", _INT),
        ("momentum", _REAL),
        ("beta1", _REAL),
        ("beta2", _REAL),
        ("eps", _REAL),
        ("decay", _REAL),
    )


def pointer(tensor: Tensor) -> ctypes.c_void_p:
    """Return the address of a contiguous tensor, which the caller keeps alive."""
    assert tensor.is_contiguous(), tensor.stride()
    return ctypes.c_void_p(tensor.data_ptr())
