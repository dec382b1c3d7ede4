"""Several measures share this gradient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from lotterylab.types import Batch


def gradients(net: Any, state: Mapping[str, Tensor], names: Iterable[str], batch: Batch) -> dict[str, Tensor]:
    """Return dL/dw of the mean cross-entropy on ``batch``, in evaluation mode, for each named parameter.

    Its precision is that of the state and the batch.
    """
    import torch
    from torch.nn.functional import cross_entropy

    leaves = {name: state[name].detach().clone().requires_grad_() for name in names}
    with torch.enable_grad():
        logits, _ = net.forward({**state, **leaves}, batch.inputs, False)
        slopes = torch.autograd.grad(cross_entropy(logits, batch.targets), list(leaves.values()))
    return dict(zip(leaves, slopes, strict=True))


def in_float64(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state with its floating-point tensors in float64."""
    return {name: x.detach().double() if x.is_floating_point() else x for name, x in state.items()}
