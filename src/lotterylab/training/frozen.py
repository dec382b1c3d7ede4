"""Values other than 0 at which ``attach`` holds pruned weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

import torch
from torch import Tensor, nn

from lotterylab.errors import UsageError

FROZEN = "frozen/"  # before the names of the values, in a state dict


class Frozen:
    """A ``Frozen`` holds copies of the values of each masked parameter, in its shape, type and layout.

    Args:
        values: tensors by name, such as a module's state before training; other names are ignored.
        parameters: the masked parameters by name.

    Raises:
        UsageError: a name is missing, a shape or type is another, or a value is not finite.
    """

    def __init__(self, values: Mapping[str, Tensor], parameters: Mapping[str, nn.Parameter]) -> None:
        self._parameters = parameters
        self.values = {name: _copy(name, values, parameter) for name, parameter in parameters.items()}
        self._here = dict(self.values)  # on the parameters' devices and in their types

    def of(self, name: str) -> Tensor:
        """Return the values of a parameter, on its device and in its type, which may have changed since."""
        parameter, values = self._parameters[name], self._here[name]
        if values.device != parameter.device or values.dtype != parameter.dtype:
            values = self._here[name] = self.values[name].to(parameter)
        return values

    def state_dict(self) -> dict[str, Tensor]:
        """Return copies of the values, under names that begin with "frozen/"."""
        return {f"{FROZEN}{name}": values.clone() for name, values in self.values.items()}


def read(state: Mapping[str, Tensor], frozen: Frozen | None, parameters: Mapping[str, nn.Parameter]) -> Frozen | None:
    """Return the values in a state dict; ``frozen`` are those that are held now.

    Raises:
        UsageError: only one side has values, or those of the state do not fit.
    """
    values = {name.removeprefix(FROZEN): tensor for name, tensor in state.items() if name.startswith(FROZEN)}
    if bool(values) != (frozen is not None):
        text = "the state has frozen values, and none were attached" if values else "the state has no frozen values"
        raise UsageError(f"{text}. Attach with the same frozen= as where the state was saved.")
    return Frozen(values, parameters) if values else None


def refuse_both() -> NoReturn:
    """Refuse frozen values beside interventions."""
    raise UsageError("frozen was given to a training with interventions, which hold at 0. Leave one of them out.")


def _copy(name: str, values: Mapping[str, Tensor], parameter: nn.Parameter) -> Tensor:
    if name not in values:
        raise UsageError(
            f"the mask names '{name}', and frozen has no values for it. Give a state with every name of the mask, such "
            "as module.state_dict() before training."
        )
    given = values[name]
    if given.shape != parameter.shape or given.dtype != parameter.dtype:
        raise UsageError(
            f"frozen has {tuple(given.shape)} of {given.dtype} for '{name}', which is {tuple(parameter.shape)} of "
            f"{parameter.dtype}. Give a state of this module."
        )
    if count := int((~given.isfinite()).sum()):
        raise UsageError(
            f"{count} of {given.numel()} frozen values for '{name}' are not finite. Give a state from before the "
            "training diverged."
        )
    return torch.empty_like(parameter, requires_grad=False).copy_(given.detach())
