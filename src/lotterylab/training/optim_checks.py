"""Optimizers refuse numbers out of range, and tensors whose names or shapes differ."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lotterylab.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    Tensors = dict[str, Tensor]
    Slots = dict[str, Tensors]


def check_share(name: str, value: float) -> None:
    """Refuse a number outside [0, 1)."""
    if not 0 <= value < 1:
        raise UsageError(f"{name} must be in [0, 1), not {value}.")


def check_not_negative(name: str, value: Any) -> None:
    """Refuse a text, a list or a negative number; a choice among numbers passes."""
    if value is None or isinstance(value, str | list | tuple):
        raise UsageError(f"{name} is {value!r}; give a number.")
    if isinstance(value, int | float) and not 0 <= value < math.inf:
        raise UsageError(f"{name} must be finite and not negative, not {value}.")


def check_tensors(slot_names: tuple[str, ...], params: Tensors, grads: Tensors, slots: Slots) -> None:
    """Refuse names and shapes that differ; a fused kernel would read past the end of a tensor that is too small."""
    if set(slots) != set(slot_names):
        raise UsageError(f"the slots are {sorted(slots)}, not {sorted(slot_names)}. Begin with init(params).")
    for kind, tensors in {"grads": grads, **slots}.items():
        if tensors.keys() != params.keys():
            raise UsageError(
                f"{kind} and params differ in {sorted(tensors.keys() ^ params.keys())}. Give both the same names."
            )
        for name, w in params.items():
            if tensors[name].shape != w.shape:
                raise UsageError(
                    f"{kind} of '{name}' has shape {tuple(tensors[name].shape)}, the parameter {tuple(w.shape)}."
                )
