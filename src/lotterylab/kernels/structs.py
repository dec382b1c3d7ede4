"""The structs of the C code, field by field."""

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
        ("helds", _INT),
        ("held", _AT),
    )


class Conv(ctypes.Structure):
    """A ``Conv`` is a convolution with what follows it, and its buffers."""

    _fields_ = (
        *((name, _INT) for name in ("in", "out", "high", "wide", "size", "pad", "rim", "stride", "room")),
        *((name, _INT) for name in ("first", "bias", "whole")),
        *((name, _AT) for name in ("start", "at", "back_start", "back_at", "back_from", "kept")),
        *((name, _INT) for name in ("norm", "scale", "shift")),
        *((name, _REAL) for name in ("eps", "momentum")),
        *((name, _AT) for name in ("mean", "var")),
        *((name, _INT) for name in ("act", "pool")),
        *((name, _AT) for name in ("x", "y", "z", "dz")),
        ("z_pad", _INT),
        ("best", _AT),
        ("patches", _INT),
        ("together", _INT),
        *((name, _AT) for name in ("dy", "back", "stats", "dx")),
        ("adds", _INT),
        *((name, _AT) for name in ("plus", "plus_dx")),
        *((name, _INT) for name in ("plus_channels", "plus_high", "plus_wide", "plus_pad", "plus_every", "plus_adds")),
    )


class Net(ctypes.Structure):
    """A ``Net`` is convolutions in front of a chain."""

    _fields_ = (
        ("convs", _INT),
        ("conv", ctypes.POINTER(Conv)),
        ("chain", ctypes.POINTER(Chain)),
        ("tiles", _INT),
        ("features", _INT),
        ("points", _INT),
        ("room", _AT),
        ("scales", _REAL),
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


def pointer_to(tensor: Tensor | None) -> ctypes.c_void_p | None:
    """Return the address of a contiguous tensor, which the caller keeps alive; None for None."""
    return None if tensor is None else pointer(tensor)


def pointer(tensor: Tensor) -> ctypes.c_void_p:
    """Return the address of a contiguous tensor, which the caller keeps alive."""
    assert tensor.is_contiguous(), tensor.stride()
    return ctypes.c_void_p(tensor.data_ptr())
