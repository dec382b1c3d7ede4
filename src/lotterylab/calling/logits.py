"""The logits among the outputs of a module: a tensor, or what transformers and torchvision return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lotterylab.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

NAMES = ("logits", "out")  # of the field or key that holds them: transformers, and segmentation in torchvision


def logits_of(outputs: Any, remedy: str) -> Tensor:
    """Return the logits among the outputs of a module.

    They are the output itself if it is a tensor, the field or key "logits" (or "out") of an object or a dict, or the
    first tensor (B, K) or (B, K, ...) of a tuple.

    Args:
        outputs: what the module returned.
        remedy: the sentence of the error that says what to do.

    Raises:
        UsageError: there is no such tensor, or a tuple has several of different shapes.

    Examples:
        >>> import torch
        >>> logits_of((torch.ones(2, 3), torch.ones(())), "Return the logits.").shape
        torch.Size([2, 3])
    """
    import torch

    if isinstance(outputs, torch.Tensor):
        return outputs
    for name in NAMES:
        found = outputs.get(name) if isinstance(outputs, Mapping) else getattr(outputs, name, None)
        if isinstance(found, torch.Tensor):
            return found
    if isinstance(outputs, Mapping) and len(outputs) == 1:
        return logits_of(next(iter(outputs.values())), remedy)
    batches = [item for item in outputs if _of_a_batch(item)] if isinstance(outputs, tuple | list) else []
    if batches and all(item.shape == batches[0].shape or item.dim() != batches[0].dim() for item in batches):
        return batches[0]
    raise UsageError(f"the module returns {_described(outputs)}, and its logits are not known. {remedy}")


def _of_a_batch(item: Any) -> bool:
    """Tell whether an item of a tuple may be logits of a batch, (B, K) or (B, K, ...)."""
    import torch

    return isinstance(item, torch.Tensor) and item.is_floating_point() and item.dim() >= 2


def cross_entropy_of(outputs: Any, targets: Any) -> Tensor:
    """Return the mean cross-entropy of the logits among ``outputs``, the loss of a caller who gave none.

    Args:
        outputs: what the module returned, with logits (B, K) or (B, K, ...).
        targets: the classes (B,) or (B, ...), or their probabilities in the shape of the logits.

    Raises:
        UsageError: there are no logits, they are of one class, or the cross-entropy of these shapes is not defined.
    """
    from torch.nn.functional import cross_entropy

    logits = logits_of(outputs, GIVE_LOSS)
    if logits.dim() < 2 or logits.shape[1] == 1:
        raise UsageError(
            f"the module returns one number for each input, {_described(logits)}, and the cross-entropy of one class "
            f"is always 0. {GIVE_LOSS}"
        )
    try:
        return cross_entropy(logits, targets)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise UsageError(
            f"the cross-entropy of outputs {_described(logits)} and targets {_described(targets)} is not defined: "
            f"{str(error).splitlines()[0]}. {GIVE_LOSS}"
        ) from error


GIVE_LOSS = (
    "Give the loss of a batch: loss=lambda outputs, targets: ..., a scalar, for example "
    "torch.nn.functional.cross_entropy(outputs.logits, targets)."
)


def _described(value: Any) -> str:
    """Return the type of a value and the shapes in it, as words of a message."""
    import torch

    if isinstance(value, torch.Tensor):
        return f"of shape {tuple(value.shape)}"
    listed = value if isinstance(value, tuple | list) else ()
    items = dict(value) if isinstance(value, Mapping) else dict(enumerate(listed))
    parts = [f"{name}: {tuple(item.shape)}" for name, item in items.items() if isinstance(item, torch.Tensor)]
    return f"a {type(value).__name__}" + (f" ({', '.join(parts)})" if parts else "")
