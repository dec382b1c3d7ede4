"""A view of a small module right after a backward pass, as an intervention would see it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lotterylab.network import state_of
from some_views import batch_for, view

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
        return {n: torch.randn(t.shape, generator=draw, dtype=t.dtype) for n, t in state_of(module).items()}

    optimizer = {f"momentum/{name}": torch.full_like(weight, momentum) for name, weight in parameters.items()}
    known = {"step": 1, "steps_per_epoch": 4, "total_steps": 100, "gradients": gradients, "optimizer": optimizer}
    return view(module, batch, **{**known, "fresh": fresh, **fields})
