"""A checkpoint stores optimizer state as flat names, such as "momentum/conv1.weight", with a count of updates.

The count differs from the training's step if only the schedule or only the optimizer state is rewound, as in
learning-rate rewinding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

UPDATES = "updates"


def flat(slots: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return slot -> parameter -> tensor as one flat dict."""
    return {f"{slot}/{name}": tensor for slot, tensors in slots.items() for name, tensor in tensors.items()}


def slot_name(part: str, slot: str) -> str:
    """Return the name of a slot of an optimizer inside another, such as "base_optimizer:momentum_buffer"."""
    return f"{part}:{slot}".replace("/", ":") if part else slot


def by_slot(optimizer: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Return a flat state as slot -> parameter -> tensor, without the count of updates."""
    slots: dict[str, dict[str, Tensor]] = {}
    for key, tensor in optimizer.items():
        slot, _, name = key.partition("/")
        if name:
            slots.setdefault(slot, {})[name] = tensor
    return slots


def by_parameter(optimizer: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Return a flat state as parameter -> slot -> tensor, without the count of updates."""
    parameters: dict[str, dict[str, Tensor]] = {}
    for slot, tensors in by_slot(optimizer).items():
        for name, tensor in tensors.items():
            parameters.setdefault(name, {})[slot] = tensor
    return parameters


def masked(optimizer: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state with zeros at pruned weights."""
    state = {}
    for key, tensor in optimizer.items():
        kept = mask.get(key.partition("/")[2])
        fits = kept is not None and kept.shape == tensor.shape  # a count of steps has another shape
        state[key] = tensor.masked_fill(kept.logical_not(), 0.0) if kept is not None and fits else tensor
    return state
