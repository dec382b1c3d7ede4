"""Pruned entries of a tensor are set to +0.0 by a bitwise and with words of ones (kept) and zeros (pruned).

Multiplying by 0 would leave -0.0 and NaN.  ``masked_fill_`` branches on every entry: it takes 1.2 ms where this takes
0.03 ms (a matrix of 300 x 784, half of it pruned at random, one thread of a 2-core x86 machine, torch 2.13;
``benchmarks/holding.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from lotterylab.errors import LotteryError
from lotterylab.training import low_bit
from lotterylab.training.attach_checks import Labelled, count_different_bits, refuse_sparse
from lotterylab.training.frozen import Frozen
from lotterylab.training.low_bit import WORDS


class Pruned:
    """A ``Pruned`` holds one tensor's pruned positions, on the device and in the layout of the tensors it masks."""

    def __init__(self, kept: Tensor) -> None:
        self._tried: set[type] = set()  # subclasses of tensors whose entries can be set to 0
        self.set(kept)

    def set(self, kept: Tensor) -> None:
        """Replace the mask by ``kept``, a bool tensor."""
        self.tensor = ~kept  # True = pruned
        self._words: Tensor | None = None
        self._kept: Tensor | None = None

    @property
    def kept(self) -> Tensor:
        """The mask, True = kept: one tensor until it is replaced or moves, for readers that do not write."""
        if self._kept is None:
            self._kept = ~self.tensor
        return self._kept

    def like(self, tensor: Tensor) -> Tensor:
        """Return the pruned positions on the device and in the layout of ``tensor``; mixed layouts are slow."""
        if self.tensor.device != tensor.device or self.tensor.stride() != tensor.stride():
            self.tensor = torch.empty_like(tensor, dtype=torch.bool, requires_grad=False).copy_(self.tensor)
            self._words = self._kept = None
        return self.tensor

    def zero_(self, tensor: Tensor) -> None:
        """Set the pruned entries of ``tensor`` to +0.0 in place; call it under ``torch.no_grad``."""
        if low_bit.is_low_bit(tensor):
            zeroed = low_bit.zeroed(tensor, self.like(tensor.dequantize()), "a tensor")
            if zeroed is not None:
                low_bit.put_(tensor, zeroed)
            return
        pruned, word = self.like(tensor), WORDS.get(tensor.element_size())
        # sharded, quantised, conjugated and traced tensors have their own fill
        plain = low_bit.is_plain(tensor) and not tensor.is_conj() and not tensor.is_neg()
        if not plain or word is None or torch.compiler.is_compiling():
            tensor.masked_fill_(pruned, 0.0)
            return
        if self._words is None or self._words.dtype != word:
            self._words = pruned.to(word) - 1  # pruned 0, kept -1: all bits set
        tensor.view(word).bitwise_and_(self._words)

    def check(self, tensor: Tensor, label: str) -> None:
        """Refuse a tensor whose pruned entries cannot be set to 0; nothing is changed."""
        if low_bit.is_low_bit(tensor):
            low_bit.zeroed(tensor, self.like(tensor.dequantize()), label)
        elif not low_bit.is_plain(tensor) and type(tensor) not in self._tried:
            low_bit.check_subclass(tensor, self.like(tensor), label)
            self._tried.add(type(tensor))

    def put_(self, tensor: Tensor, values: Tensor) -> None:
        """Set the pruned entries of ``tensor`` to those of ``values`` in place; call it under ``torch.no_grad``."""
        tensor.copy_(values.where(self.like(tensor), tensor))


def set_all(
    kept: Mapping[str, Labelled],
    pruned: Mapping[str, Pruned],
    parameters: Mapping[str, nn.Parameter],
    frozen: Frozen | None,
) -> None:
    """Set the pruned entries of weights to +0.0 or their frozen values, and of all that is kept for them to +0.0.

    Args:
        kept: by name, the parameter and what optimizers keep for it, with labels.
        pruned: the pruned positions by name.
        parameters: the masked parameters by name.
        frozen: the values at which pruned weights are held; None is 0.

    Raises:
        UsageError: a tensor cannot be held; nothing was changed.
    """
    for name, labelled in kept.items():
        for label, tensor in labelled:
            pruned[name].check(tensor, label)
    for name, labelled in kept.items():
        for _, tensor in labelled:
            if frozen is not None and tensor is parameters[name]:
                pruned[name].put_(tensor, frozen.of(name))
            else:
                pruned[name].zero_(tensor)


def check_all(
    kept: Mapping[str, Labelled],
    pruned: Mapping[str, Pruned],
    parameters: Mapping[str, nn.Parameter],
    frozen: Frozen | None,
) -> None:
    """Check that every pruned entry has the bits that ``set_all`` gives it.

    Raises:
        LotteryError: an entry has others.
    """
    for name, labelled in kept.items():
        for label, tensor in labelled:
            values = low_bit.values_of(tensor)
            where, held = pruned[name].like(values), frozen if tensor is parameters[name] else None
            entries = values[where]
            expected = torch.zeros_like(entries) if held is None else held.of(name)[where]
            if different := count_different_bits(entries, expected):
                at = "+0.0" if held is None else "at their frozen values"
                raise LotteryError(
                    f"{different} of {len(entries)} pruned entries of {label} are not {at}. They were written after "
                    "the last step; call hold()."
                )


def on_gradient(
    parameter: nn.Parameter, pruned: Pruned, name: str, watchers: Sequence[Callable[[str, Tensor, Tensor], None]]
) -> torch.utils.hooks.RemovableHandle:
    """Mask the gradient as soon as it is accumulated; the hook holds neither the module nor the optimizer."""

    def hook(parameter: Tensor) -> None:
        if parameter.grad is not None:
            refuse_sparse(parameter.grad, name)
            with torch.no_grad():
                for see in watchers:
                    see(name, parameter.grad, pruned.like(parameter.grad))
                pruned.zero_(parameter.grad)

    frozen = not parameter.requires_grad  # torch puts hooks on trainable parameters only, and this may become trainable
    parameter.requires_grad_(True)
    handle = parameter.register_post_accumulate_grad_hook(hook)
    parameter.requires_grad_(not frozen)
    return handle
