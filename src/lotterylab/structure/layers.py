"""The layers whose channels can be followed, and the tensors that belong to a channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lotterylab.errors import UsageError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A ``Layer`` is a convolution, a linear layer or a batch norm, and the tensors that its channels have.

    Args:
        name: of the module.
        kind: "Conv", "Linear" or "BatchNorm".
        weight: its parameter's name, None without one.
        bias: its parameter's name, None without one.
        buffers: the names of its running statistics.
        each: whether output channel c is made of input channel c alone: batch norms and depthwise convolutions.

    Examples:
        >>> layer = Layer(name="norm", kind="BatchNorm", weight="norm.weight", bias="norm.bias", buffers=(), each=True)
        >>> layer.rows, layer.columns
        (('norm.weight', 'norm.bias'), (('norm.weight', 0), ('norm.bias', 0)))
    """

    name: str
    kind: str
    weight: str | None
    bias: str | None
    buffers: tuple[str, ...]
    each: bool

    @property
    def rows(self) -> tuple[str, ...]:
        """The parameters whose part c along axis 0 makes output channel c."""
        return tuple(name for name in (self.weight, self.bias) if name)

    @property
    def columns(self) -> tuple[tuple[str, int], ...]:
        """The parameters, each with its axis, whose part c reads input channel c."""
        if self.each:
            return tuple((name, 0) for name in self.rows)
        return ((self.weight, 1),) if self.weight else ()


def layers_of(module: nn.Module) -> dict[str, Layer]:
    """Return the layers of a module by name, in its own order.

    Raises:
        UsageError: a convolution has groups and is not depthwise, or a layer's weight is computed or shared.
    """
    from torch import nn
    from torch.nn.modules.batchnorm import _BatchNorm

    found: dict[str, Layer] = {}
    owners: dict[int, str] = {}
    for name, layer in module.named_modules():
        depthwise = False
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            kind, depthwise = "Conv", layer.groups > 1
            if depthwise and not layer.groups == layer.in_channels == layer.out_channels:
                raise UsageError(
                    f"the channels of '{name}' cannot leave: it is a convolution in {layer.groups} groups."
                )
        elif isinstance(layer, nn.Linear):
            kind = "Linear"
        elif isinstance(layer, _BatchNorm):
            kind = "BatchNorm"
        else:
            continue
        for part in ("weight", "bias"):
            if part not in layer._parameters:
                raise UsageError(f"the channels of '{name}' cannot leave: its {part} is computed from other tensors.")
            tensor = layer._parameters[part]
            if tensor is not None and (owner := owners.setdefault(id(tensor), name)) != name:
                raise UsageError(f"the channels of '{name}' cannot leave: it shares its {part} with '{owner}'.")
        prefix = f"{name}." if name else ""
        statistics = ("running_mean", "running_var") if kind == "BatchNorm" else ()
        found[name] = Layer(
            name=name,
            kind=kind,
            weight=f"{prefix}weight" if layer.weight is not None else None,
            bias=f"{prefix}bias" if layer.bias is not None else None,
            buffers=tuple(prefix + part for part in statistics if getattr(layer, part) is not None),
            each=depthwise or kind == "BatchNorm",
        )
    return found
