"""A view of a small module right after a backward pass, as an intervention would see it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from some_views import batch_for, mlp, view

SHAPE = (1, 5, 5)


def moment(module: nn.Sequential, *, momentum: float = 1.0, fresh_seed: int = 99, **fields: Any):
    """A view with gradients of a batch, an optimizer state of ones, and a way to draw weights anew."""
    batch = batch_for(module)
    module.train()
    parameters = dict(module.named_parameters())
    loss = cross_entropy(module(batch.inputs), batch.targets)
    gradients = dict(zip(parameters, torch.autograd.grad(loss, list(parameters.values())), strict=True))

    def fresh(*names: object) -> Any:
        draw = torch.Generator().manual_seed(fresh_seed)
        return {n: torch.randn(t.shape, generator=draw, dtype=t.dtype) for n, t in parameters.items()}

    optimizer = {f"momentum/{name}": torch.full_like(weight, momentum) for name, weight in parameters.items()}
    known = {"step": 1, "steps_per_epoch": 4, "total_steps": 100, "gradients": gradients, "optimizer": optimizer}
    return view(module, batch, **{**known, "fresh": fresh, **fields})


def sparse_moment(step: int, density: float = 0.5, seed: int = 0, **fields):
    """A view whose pruned weights are 0, as they are held."""
    module = mlp("tanh", seed)
    names = ("0.weight", "2.weight")
    draw = torch.Generator().manual_seed(seed)
    state = dict(module.named_parameters())
    mask = {name: torch.rand(state[name].shape, generator=draw) < density for name in names}
    with torch.no_grad():
        for name in names:
            state[name].mul_(mask[name])
    return moment(module, mask=mask, step=step, **fields)
