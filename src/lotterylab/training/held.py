"""Setting the pruned entries of a tensor to +0.0: every bit of it, whatever was there, in every step.

By a bitwise and with words of ones (kept) and of zeros (pruned): multiplying by 0 would leave -0.0 and NaN, and
``masked_fill_`` branches on every entry.  A matrix of 300 x 784, half of it pruned at random, one thread of a 2-core
x86 machine, torch 2.13: 0.03 ms, against 1.2 ms (``benchmarks/holding.py``).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

WORDS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}  # by the bytes of an entry


class Pruned:
    """Where one tensor is pruned, in the place and layout of the tensors that it is used on."""

    def __init__(self, kept: Tensor) -> None:
        self.set(kept)

    def set(self, kept: Tensor) -> None:
        """Hold another mask."""
        self.tensor = ~kept  # True = pruned
        self._words: Tensor | None = None

    def like(self, tensor: Tensor) -> Tensor:
        """The bool tensor on the device and in the layout of ``tensor``: two different layouts at once are slow."""
        if self.tensor.device != tensor.device or self.tensor.stride() != tensor.stride():
            self.tensor = torch.empty_like(tensor, dtype=torch.bool, requires_grad=False).copy_(self.tensor)
            self._words = None
        return self.tensor

    def zero_(self, tensor: Tensor) -> None:
        """Set what is pruned of ``tensor`` to +0.0, in place.  Not recorded for gradients: call it under no_grad."""
        where, word = self.like(tensor), WORDS.get(tensor.element_size())
        # tensors that are more than their numbers (sharded, quantised, conjugated, traced) know best what a fill means
        plain = type(tensor) in (Tensor, nn.Parameter) and not tensor.is_conj() and not tensor.is_neg()
        if not plain or word is None or torch.compiler.is_compiling():
            tensor.masked_fill_(where, 0.0)
            return
        if self._words is None or self._words.dtype != word:
            self._words = where.to(word) - 1  # pruned 0, kept -1: all bits set
        tensor.view(word).bitwise_and_(self._words)
