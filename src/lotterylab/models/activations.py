"""Activation functions have names; a new function is one entry of ``ACTIVATIONS``.

``monotone`` means that max-pooling commutes with the function (up to ties after rounding), so pooling may come first.
``range`` is (infimum, supremum) of its values, None if unbounded on that side; saturation is measured from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lotterylab.errors import unknown


@dataclass(frozen=True, kw_only=True)
class Activation:
    """An ``Activation`` calls the function ``apply`` of ``torch.nn.functional`` with its defaults.

    ``papers`` are the keys of its sources.
    """

    apply: str
    monotone: bool
    range: tuple[float | None, float | None]
    papers: tuple[str, ...] = ()


ACTIVATIONS = {
    "relu": Activation(apply="relu", monotone=True, range=(0.0, None)),
    "tanh": Activation(apply="tanh", monotone=True, range=(-1.0, 1.0)),
    "sigmoid": Activation(apply="sigmoid", monotone=True, range=(0.0, 1.0)),
    "softsign": Activation(apply="softsign", monotone=True, range=(-1.0, 1.0)),
    # max(x, x / 100)
    "leaky_relu": Activation(apply="leaky_relu", monotone=True, range=(None, None), papers=("maas2013rectifier",)),
    # x for x > 0, exp(x) - 1 elsewhere
    "elu": Activation(apply="elu", monotone=True, range=(-1.0, None), papers=("clevert2016fast",)),
    # x * Phi(x), least at x = -0.7518 where x * phi(x) = -Phi(x)
    "gelu": Activation(
        apply="gelu", monotone=False, range=(-0.16997120747990369, None), papers=("hendrycks2016gaussian",)
    ),
    # x * sigmoid(x), least at x = -1 - W(1/e) = -1.2785 with the value -W(1/e)
    "silu": Activation(apply="silu", monotone=False, range=(-0.2784645427610738, None), papers=("elfwing2018sigmoid",)),
}


def activation(name: str) -> Activation:
    """Return the entry of that name.

    Raises:
        UsageError: the name is unknown; the message names the nearest one.
    """
    if name not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]


def function(name: str) -> Callable[[Any], Any]:
    """Return the function of that name."""
    import torch
    from torch.nn import functional

    attribute = activation(name).apply
    return getattr(torch, attribute, None) or getattr(functional, attribute)


def with_pool(act: Callable[[Any], Any], pool_first: bool) -> Callable[[Any], Any]:
    """Return ``act`` with 2 x 2 max-pooling before or after it, (B, C, H, W) -> (B, C, H // 2, W // 2)."""
    from torch.nn.functional import max_pool2d

    if pool_first:
        return lambda x: act(max_pool2d(x, 2))
    return lambda x: max_pool2d(act(x), 2)
