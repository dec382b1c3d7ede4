"""An optimizer's state in a checkpoint: flat, "momentum/conv1.weight", with how many updates it has seen.

The count is the optimizer's own: where the schedule goes back and the optimizer's state stays (learning-rate
rewinding), or the other way round, it is another number than the step of the training.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

UPDATES = "updates"


def flat(slots: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Slot -> parameter -> tensor as one dict."""
    return {f"{slot}/{name}": tensor for slot, tensors in slots.items() for name, tensor in tensors.items()}


def by_slot(optimizer: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """The same as slot -> parameter -> tensor; the count of updates is no slot."""
    slots: dict[str, dict[str, Tensor]] = {}
    for key, tensor in optimizer.items():
        slot, _, name = key.partition("/")
        if name:
            slots.setdefault(slot, {})[name] = tensor
    return slots


def by_parameter(optimizer: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """The same as parameter -> slot -> tensor."""
    found: dict[str, dict[str, Tensor]] = {}
    for slot, tensors in by_slot(optimizer).items():
        for name, tensor in tensors.items():
            found.setdefault(name, {})[slot] = tensor
    return found


def masked(optimizer: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """With the entries of pruned weights at zero."""
    found = {}
    for key, tensor in optimizer.items():
        kept = mask.get(key.partition("/")[2])
        of_weights = kept is not None and kept.shape == tensor.shape  # not so a count of steps
        found[key] = tensor.masked_fill(kept.logical_not(), 0.0) if kept is not None and of_weights else tensor
    return found
