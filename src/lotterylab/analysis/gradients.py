"""The gradient that several measures take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from lotterylab.types import Batch


def gradients(net: Any, state: Mapping[str, Tensor], names: Iterable[str], batch: Batch) -> dict[str, Tensor]:
    """dL/dw of the mean cross-entropy on ``batch``, in evaluation mode, for each named parameter.

    In the precision of the state and the batch; ``in_float64`` of both gives it in float64.
    """
    import torch
    from torch.nn.functional import cross_entropy

    leaves = {name: state[name].detach().clone().requires_grad_() for name in names}
    with torch.enable_grad():
        logits, _ = net.forward({**state, **leaves}, batch.inputs, False)
        found = torch.autograd.grad(cross_entropy(logits, batch.targets), list(leaves.values()))
    return dict(zip(leaves, found, strict=True))


def in_float64(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state with its floating-point tensors in float64."""
    return {name: one.detach().double() if one.is_floating_point() else one for name, one in state.items()}
