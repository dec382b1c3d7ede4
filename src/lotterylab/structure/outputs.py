"""The layers that make a network's outputs, whose rows are its classes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from copy import deepcopy
from typing import TYPE_CHECKING

from lotterylab.network import Network, modes_kept
from lotterylab.rng import draws
from lotterylab.types import Inputs, State
from lotterylab.views import View

if TYPE_CHECKING:
    from torch import Tensor, nn


def output_layers(net: Network, state: State, inputs: Inputs | None = None) -> tuple[str, ...]:
    """Return the weights of the Conv and Linear layers that reach the outputs with no other such layer in between.

    Args:
        net: the network; its layers are called in evaluation mode.
        state: its parameters and buffers.
        inputs: of one forward pass.  Without any, the last layer in the module's order stands for the output layer.

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from lotterylab.network import network, state_of
        >>> module = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1), nn.Sigmoid())
        >>> output_layers(network(module), state_of(module), torch.ones(1, 2))
        ('2.weight',)
    """
    import torch

    if inputs is None:
        return net.prunable[-1:]
    made: list[tuple[str, Tensor]] = []

    def look(name: str, layer: nn.Module, arguments: tuple, output: Tensor) -> Tensor:
        made.append((name, output.detach().requires_grad_()))
        return made[-1][1].clone()  # an activation may work in place

    with torch.enable_grad():
        outputs = net.layer_calls(state, inputs, net.prunable, look)  # type: ignore[arg-type]
        totals = [one.sum() for one in _tensors(outputs) if one.requires_grad]
        reached = torch.autograd.grad(totals, [one for _, one in made], allow_unused=True) if totals and made else ()
    last = {name for (name, _), slope in zip(made, reached, strict=True) if slope is not None}
    return tuple(name for name in net.prunable if name in last) or net.prunable[-1:]


def outputs_of(module: nn.Module, view: View, seed: int) -> tuple[str, ...]:
    """Return the output layers by a forward pass of the view's batch, or of ones in the shape of an input.

    Without either, or if the module fails in evaluation mode, the last layer in its order stands for them.  Nothing of
    the module, its batch and torch's generators changes.

    Args:
        module: the module of ``view.net``.
        view: the network, its state, and its batch or shape, if known.
        seed: of what the module draws.
    """
    import torch

    first = next(iter(view.state.values()))
    devices = {tensor.device for tensor in view.state.values()}
    with modes_kept(module), draws(seed, "prune", "outputs", devices=devices), suppress(Exception):
        if view.batch is not None:
            return output_layers(view.net, view.state, deepcopy(view.batch.inputs))  # a module may change them in place
        if view.shape is not None:
            ones = torch.ones(1, *view.shape, device=first.device, dtype=first.dtype)
            return output_layers(view.net, view.state, ones)
    return output_layers(view.net, view.state)


def _tensors(outputs: object) -> Sequence[Tensor]:
    from lotterylab.training.wrapped import walk

    return [tensor for _, tensor in walk(outputs)]
