"""The logits among the outputs of a module: a tensor, or what transformers and torchvision return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lotterylab.calling.failures import refusing, shapes_of
from lotterylab.errors import UsageError
from lotterylab.own_code.arguments import described

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
    raise UsageError(f"the module returns outputs {shapes_of(outputs)}, and its logits are not known. {remedy}")


def _of_a_batch(item: Any) -> bool:
    """Tell whether an item of a tuple may be logits of a batch, (B, K) or (B, K, ...)."""
    import torch

    return isinstance(item, torch.Tensor) and item.is_floating_point() and item.dim() >= 2


def check_loss(loss: Any) -> None:
    """Refuse the name of a loss, or its class.

    Raises:
        UsageError: it cannot be called, or is a class.
    """
    if isinstance(loss, type) or not callable(loss):
        raise UsageError(f"loss is {described(loss)}; give a function, or an object such as torch.nn.MSELoss().")


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
            f"the module returns one number for each input, {shapes_of(logits)}, and the cross-entropy of one class "
            f"is always 0. {GIVE_LOSS}"
        )
    with refusing(
        lambda: f"the cross-entropy of outputs {shapes_of(logits)} and targets {shapes_of(targets)} is not defined",
        GIVE_LOSS,
    ):
        return cross_entropy(logits, targets)


GIVE_LOSS = (
    "Give the loss of a batch: loss=lambda outputs, targets: ..., a scalar, for example "
    "torch.nn.functional.cross_entropy(outputs.logits, targets)."
)
