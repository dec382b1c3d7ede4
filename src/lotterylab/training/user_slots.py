"""The state of a user's optimizer as flat tensors, for a checkpoint, and back; also of the optimizers inside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from lotterylab.errors import UsageError, a_type
from lotterylab.training.slots import by_parameter, flat, slot_name

if TYPE_CHECKING:
    from torch import Tensor, nn

OUTSIDE = "(outside)"  # in the place of an optimizer, for tensors that stand in no state


def check_parameters(optimizer: Any, parameters: Mapping[str, nn.Parameter]) -> None:
    """Refuse an optimizer that moves a parameter from outside the module.

    Raises:
        UsageError: it has such a parameter.
    """
    from lotterylab.training.wrapped import Inside

    if outside := Inside(optimizer, parameters).outside():
        raise UsageError(
            f"the optimizer has a parameter of shape {tuple(outside[0].shape)} that does not belong to the module, so "
            "a checkpoint would lack the parameter and its state. Make it a parameter of the module."
        )


def saved(optimizer: Any, parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """Return the optimizer's state as tensors by flat name, such as "exp_avg/conv1.weight".

    Args:
        optimizer: the user's optimizer.
        parameters: the module's parameters by name.

    Raises:
        UsageError: the optimizer keeps something else than tensors.
    """
    import torch

    from lotterylab.training.wrapped import Inside

    slots: dict[str, dict[str, Tensor]] = {}
    inside = Inside(optimizer, parameters)
    names = {id(parameter): name for name, parameter in parameters.items()}
    for identity, states in inside.states().items():
        for part, state in states:
            for slot, value in state.items():
                if value is None:
                    continue
                if not isinstance(value, torch.Tensor):
                    raise UsageError(
                        f"{type(optimizer).__name__} keeps '{slot}' as {a_type(value)}, not as a tensor, so a "
                        "checkpoint cannot store it. Use SGD, Adam, AdamW, RMSprop or Adagrad."
                    )
                if identity in names:
                    slots.setdefault(slot_name(part, slot), {})[names[identity]] = value.detach().clone()
    for path, tensor, parameter in inside.loose():
        if id(parameter) in names:
            slots.setdefault(slot_name(OUTSIDE, path), {})[names[id(parameter)]] = tensor.detach().clone()
    return flat(slots)


def restore(optimizer: Any, parameters: Mapping[str, nn.Parameter], slots: Mapping[str, Tensor]) -> None:
    """Give a new optimizer the state that ``saved`` returned.

    Args:
        optimizer: a new optimizer of the module's parameters.
        parameters: the module's parameters by name.
        slots: tensors by flat name.
    """
    import torch

    from lotterylab.training.wrapped import Inside

    inside, by_name = Inside(optimizer, parameters), by_parameter(slots)
    with torch.no_grad():
        for path, tensor, parameter in inside.loose():
            for name, of_name in by_name.items():
                if parameters[name] is parameter and (value := of_name.get(slot_name(OUTSIDE, path))) is not None:
                    tensor.copy_(value)
    states: list[Any] = []  # a wrapper may show the state of the optimizer inside it as its own
    for part, holder in inside.parts().items():
        if not isinstance(getattr(holder, "state", None), Mapping) or any(holder.state is one for one in states):
            continue
        states.append(holder.state)
        for group, key, parameter in inside.members(holder):
            name = next((name for name, known in parameters.items() if known is parameter), "")
            for full, tensor in by_name.get(name, {}).items():
                before, _, slot = full.rpartition(":")
                if before != slot_name(part, "").rpartition(":")[0]:
                    continue
                # as in torch.optim, a count of steps stays on the CPU unless a kernel reads it on the device
                on_device = tensor.dim() or group.get("fused") or group.get("capturable")
                device = parameter.device if on_device else tensor.device
                holder.state[key][slot] = cast("torch.Tensor", tensor.clone().to(device))
