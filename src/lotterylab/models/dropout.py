"""Dropout here is a function of the state, and does not draw from torch's global generator."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from lotterylab.errors import UsageError

if TYPE_CHECKING:
    import numpy

GOLDEN, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB  # SplitMix64's constants
KEY_BITS = 48  # a key survives a conversion to float64 and back


class Dropout(nn.Module):
    """Dropout sets each entry to 0 with probability ``p`` in training, and scales the others by 1 / (1 - p).

    The dropped entries depend on two buffers: ``key``, which ``ModelSpec.initial`` draws from the seed, and ``calls``,
    the number of training passes so far.  Unlike ``nn.Dropout``, a run goes on after a stop with the same bits, two
    passes with the same state drop the same entries, and the bits are the same on every device.  Entries are numbered
    in their logical order and hashed by SplitMix64.   [srivastava2014dropout; steele2014fast]
    """

    key: Tensor
    calls: Tensor

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise UsageError(f"dropout is {p}; it must be a fraction, at least 0 and below 1.")
        self.p = p
        with torch.random.fork_rng(devices=[]):
            self.register_buffer("key", torch.randint(2**KEY_BITS, (), device="cpu"))
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` with dropped entries in training, and ``x`` itself in evaluation."""
        if not self.training or self.p == 0:
            return x
        kept = uniform_bits(self.key, self.calls, x.shape, x.device) >= math.floor(self.p * 2**32 + 0.5)
        self.calls.add_(1)
        return torch.where(kept, x / (1 - self.p), 0.0)


def uniform_bits(key: Tensor, calls: Tensor, shape: torch.Size, device: torch.device) -> Tensor:
    """Return int64 numbers of ``shape``, uniform in [0, 2^32)."""
    first = _mix(_mix(key.long()) + calls.long())
    numbers = torch.arange(1, math.prod(shape) + 1, dtype=torch.int64, device=device).view(shape)
    return _mix(first + numbers * _signed(GOLDEN)) >> 32 & (2**32 - 1)


def draw_key(generator: numpy.random.Generator) -> Tensor:
    """Return a key, int64 of shape ()."""
    return torch.tensor(cast(int, generator.integers(2**KEY_BITS)), dtype=torch.int64)


def _mix(z: Tensor) -> Tensor:
    """Apply SplitMix64's finaliser, modulo 2^64 in two's complement; the masks make its shifts logical."""
    z = (z ^ z >> 30 & (2**34 - 1)) * _signed(FIRST)
    z = (z ^ z >> 27 & (2**37 - 1)) * _signed(SECOND)
    return z ^ z >> 31 & (2**33 - 1)


def _signed(constant: int) -> int:
    return constant - 2**64
