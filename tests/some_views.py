"""Tiny networks and views of them, for the tests of criteria."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from lotterylab import rng
from lotterylab.network import network, state_of
from lotterylab.types import Batch, Mask
from lotterylab.views import View

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "relu": nn.ReLU,
    "softplus": nn.Softplus,
}


def mlp(activation: str, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 6), ACTIVATIONS[activation](), nn.Linear(6, 3)).double()


def conv(activation: str, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    body = (nn.Conv2d(1, 3, 2), ACTIVATIONS[activation](), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 3))
    return nn.Sequential(*body).double()


def with_norm(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    body = (nn.Conv2d(1, 3, 2), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 3))
    return nn.Sequential(*body).double()


def batch_for(module: nn.Sequential, size: int = 12, seed: int = 0) -> Batch:
    """Inputs of the module's own type; targets in no order, every class among them."""
    draw = torch.Generator().manual_seed(seed)
    shape = (4,) if isinstance(module[0], nn.Linear) else (1, 5, 5)
    inputs = torch.randn(size, *shape, generator=draw, dtype=torch.float64)
    return Batch(inputs=inputs.to(next(module.parameters()).dtype), targets=torch.arange(size) % 3)


def view(
    module: nn.Sequential,
    batch: Batch | None = None,
    *,
    mask: Mask | None = None,
    seed: int = 0,
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy,
    **fields: Any,
) -> View:
    net = network(module)
    state = state_of(module)
    earlier = {name: tensor + 0.1 if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    shape = (4,) if isinstance(module[0], nn.Linear) else (1, 5, 5)
    defaults: dict[str, Any] = {"state": state, "names": net.prunable, "initial": earlier, "shape": shape}
    fields = {**defaults, **fields}
    return View(net=net, loss=loss, batch=batch, stream=lambda *names: rng.stream(seed, *names), mask=mask, **fields)


def flat_loss(module: nn.Module, names: tuple[str, ...], batch: Batch, temperature: float = 1.0) -> Any:
    """The mean cross-entropy as a function of one flat vector of the named parameters, and that vector's value."""
    at = {name: parameter.detach() for name, parameter in module.named_parameters()}
    sizes = [at[name].numel() for name in names]

    def loss(vector: Tensor) -> Tensor:
        parts = {n: p.view_as(at[n]) for n, p in zip(names, vector.split(sizes), strict=True)}
        return cross_entropy(functional_call(module, {**at, **parts}, (batch.inputs,)) / temperature, batch.targets)

    return loss, flat({name: at[name] for name in names})


def flat(tensors: dict[str, Tensor]) -> Tensor:
    return torch.cat([tensor.detach().flatten() for tensor in tensors.values()])
