"""Optimizer state that shows itself as numbers and keeps codes of a few bits, such as that of torchao's optimizers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lotterylab.errors import UsageError, a_type

WORDS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}  # by bytes per entry
REMEDY = "Use an optimizer whose state is floating point (SGD, Adam, AdamW)"


def is_plain(tensor: Tensor) -> bool:
    """Tell whether a tensor is one of torch's own, and no subclass."""
    return type(tensor) in (Tensor, nn.Parameter)


def is_low_bit(tensor: Tensor) -> bool:
    """Tell whether a tensor is a subclass whose numbers come from codes, by a ``dequantize`` of its own."""
    return type(tensor).dequantize is not Tensor.dequantize


def values_of(tensor: Tensor) -> Tensor:
    """Return the numbers of a low-bit tensor, in its shape and with 0 for -0.0; any other tensor is returned itself."""
    return tensor.dequantize() + 0.0 if is_low_bit(tensor) else tensor


def zeroed(tensor: Tensor, pruned: Tensor, label: str) -> Tensor | None:
    """Return a low-bit tensor with 0 at its pruned entries, or None if they are 0; ``tensor`` is not changed.

    Only the codes of pruned entries differ where each entry has a code of its own.  Otherwise the numbers are coded
    anew, which moves kept entries by the rounding of the codes.

    Args:
        tensor: a tensor with a ``dequantize`` of its own.
        pruned: bool, in its shape.
        label: what the tensor is, for errors.

    Raises:
        UsageError: the tensor cannot be written, or its codes have no 0.
    """
    kind = type(tensor).__name__
    try:
        values = values_of(tensor)
        if not bool(values[pruned].any()):
            return None
        wanted = values.masked_fill(pruned, 0.0)
        parts = _parts(tensor)
        anew = _made_of(tensor, {name: part.clone() for name, part in parts.items()})
        anew.copy_(wanted)
        coded = _parts(anew)
        spliced = {
            name: _spliced(part, coded[name], pruned) if part.shape == pruned.shape else part.clone()
            for name, part in parts.items()
        }
        exact = _made_of(tensor, spliced)
        if torch.equal(values_of(exact), wanted):
            return exact
        has_zero = not bool(values_of(anew)[pruned].any())
    except (NotImplementedError, RuntimeError, TypeError, AttributeError) as error:
        text = str(error).splitlines()[0][:100]
        raise UsageError(f"{label} is a {kind}, whose entries cannot be set to 0 ({text}). {REMEDY}.") from error
    if not has_zero:
        raise UsageError(
            f"{label} is a {kind}, whose codes have no 0, so a mask cannot be held there. {REMEDY}, or one of 8 bits."
        )
    return anew


def put_(tensor: Tensor, other: Tensor) -> None:
    """Copy the codes of ``other`` into a low-bit tensor in place."""
    theirs = _parts(other)
    for name, part in _parts(tensor).items():
        part.copy_(theirs[name])


def check_subclass(tensor: Tensor, pruned: Tensor, label: str) -> None:
    """Refuse a subclass of tensors whose entries cannot be set to 0; it is tried on a copy.

    Raises:
        UsageError: the entries cannot be set.
    """
    try:
        tensor.detach().clone().masked_fill_(pruned, 0.0)
    except (NotImplementedError, RuntimeError, TypeError) as error:
        text = str(error).splitlines()[0][:100]
        raise UsageError(
            f"{label} is {a_type(tensor)}, whose entries cannot be set to 0 ({text}). {REMEDY}."
        ) from error


def _parts(tensor: Tensor) -> dict[str, Tensor]:
    """Return the tensors inside a subclass by name, by torch's protocol for them."""
    names, _ = tensor.__tensor_flatten__()  # type: ignore[attr-defined]
    return {name: getattr(tensor, name) for name in names}


def _made_of(tensor: Tensor, parts: dict[str, Tensor]) -> Tensor:
    _, context = tensor.__tensor_flatten__()  # type: ignore[attr-defined]
    return type(tensor).__tensor_unflatten__(parts, context, tensor.shape, tensor.stride())  # type: ignore[attr-defined]


def _spliced(part: Tensor, other: Tensor, pruned: Tensor) -> Tensor:
    """Return ``part`` with the bits of ``other`` at pruned entries; not every type of codes knows ``where``."""
    word = WORDS[part.element_size()]
    return torch.where(pruned, other.view(word), part.view(word)).view(part.dtype)
