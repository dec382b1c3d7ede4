"""Activation functions by name, with the two facts that the engine asks for.

A new one is one entry.  ``monotone``: max-pooling commutes with it (up to ties after rounding), so that pooling may
come first.  ``range``: the open interval of its values, from which saturation is measured (None: unbounded on that
side).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lotterylab.errors import unknown


@dataclass(frozen=True, kw_only=True)
class Activation:
    """``apply`` is the name of the function in ``torch.nn.functional``."""

    apply: str
    monotone: bool
    range: tuple[float | None, float | None]


ACTIVATIONS = {
    "relu": Activation(apply="relu", monotone=True, range=(0.0, None)),
    "tanh": Activation(apply="tanh", monotone=True, range=(-1.0, 1.0)),
    "sigmoid": Activation(apply="sigmoid", monotone=True, range=(0.0, 1.0)),
    "softsign": Activation(apply="softsign", monotone=True, range=(-1.0, 1.0)),
}


def activation(name: str) -> Activation:
    """The entry of that name, or an error with the nearest one."""
    if name not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]


def function(name: str) -> Callable[[Any], Any]:
    """The function itself."""
    import torch
    from torch.nn import functional

    attribute = activation(name).apply
    return getattr(torch, attribute, None) or getattr(functional, attribute)
