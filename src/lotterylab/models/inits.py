"""Initialisations by name.  Each draws a whole state, every tensor from a random stream of its own.

fan_in and fan_out of a convolution count its receptive field, as in PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from lotterylab.errors import unknown
from lotterylab.network import state_of
from lotterylab.types import State

if TYPE_CHECKING:
    import numpy
    from torch import nn

Bounds = Callable[[int, int], tuple[float, float]]  # (fan_in, fan_out) -> half-widths of U for weight and bias


def pytorch_default(fan_in: int, fan_out: int) -> tuple[float, float]:
    """U[-1/sqrt(fan_in), 1/sqrt(fan_in)] for weights and biases: what nn.Linear and nn.Conv2d do."""
    return 1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in)


def glorot_heuristic(fan_in: int, fan_out: int) -> tuple[float, float]:
    """The "commonly used heuristic": the same weights, biases 0.   [glorot2010understanding, eq. 1]"""
    return 1 / math.sqrt(fan_in), 0.0


def glorot_normalized(fan_in: int, fan_out: int) -> tuple[float, float]:
    """U[-sqrt(6 / (fan_in + fan_out)), +...], biases 0.   [glorot2010understanding, eq. 16]"""
    return math.sqrt(6 / (fan_in + fan_out)), 0.0


INITS: dict[str, Bounds] = {
    "pytorch": pytorch_default,
    "glorot-heuristic": glorot_heuristic,
    "glorot-normalized": glorot_normalized,
}


def named_init(module: nn.Module, init: str, stream: Callable[[str], numpy.random.Generator]) -> State:
    """A state for ``module``: Conv and Linear layers drawn by ``init``, all else as the module was built.

    ``stream(name)`` gives the generator of one tensor, so that two models that share a layer's name and shape share
    its weights.
    """
    import torch
    from torch import nn

    if init not in INITS:
        raise unknown("initialisation", init, INITS)
    state = state_of(module)
    for prefix, layer in module.named_modules():
        if not isinstance(layer, nn.Linear | nn.Conv2d):
            continue
        fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(layer.weight)
        for kind, width in zip(("weight", "bias"), INITS[init](fan_in, fan_out), strict=True):
            name = f"{prefix}.{kind}" if prefix else kind
            if name in state:
                drawn = stream(name).uniform(-width, width, tuple(state[name].shape))
                state[name] = torch.from_numpy(drawn).to(state[name].dtype)
    return state


def torch_global_init(build: Callable[[], nn.Module], seed: int) -> State:
    """The state that ``torch.manual_seed(seed); build()`` gives, without touching the global generator for others."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return state_of(build())
