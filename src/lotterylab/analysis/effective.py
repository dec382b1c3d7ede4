"""How sparse a network really is: a weight on no path from input to output is as good as pruned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from lotterylab.types import State

BY_ENTRY = ("relu", "tanh", "sigmoid", "softsign", "leaky_relu", "elu", "gelu", "silu")  # what activations are made of
POOLS = {"max_pool2d": "avg_pool2d", "adaptive_max_pool2d": "adaptive_avg_pool2d"}


@dataclass(frozen=True, kw_only=True)
class EffectiveSparsity:
    """Inputs: mask "mask" and a state "state" of the network, on a data set, for the size of an image.

    A kept weight is *effective* when a path of kept weights leads from an input through it to an output.  All weights
    are set to 1, biases to 0, batch norms to the identity, activations are left out and maxima become means.  Then the
    sum of the outputs for an input of ones counts paths, and its slope at a weight is zero exactly where none goes
    through it.  Of activations and pools those of PyTorch are known.   [vysogorets2023connectivity, section 3]

    - ``sparsity``: removed over all entries of the masked tensors.
    - ``effective``: removed or on no path, over all.
    - ``idle``: kept and on no path, over all; ``idle_by_layer``: over the entries of each layer.
    """

    version: ClassVar[int] = 1

    def __call__(self, values: Mapping[str, Any], models: Mapping[str, Any], dataset: Any) -> dict[str, Any]:
        """The shares above."""
        import torch

        from lotterylab import masks

        mask, net = values["mask"], models["mask"]
        theta = {name: mask[name].double().requires_grad_() for name in mask}
        inputs = torch.ones(dataset.train.images[:1].shape, dtype=torch.float64)
        with _paths():
            logits, _ = net.forward(cast(State, {**_ones(values["state"]), **theta}), inputs, False)
            slopes = torch.autograd.grad(logits.sum(), list(theta.values()), materialize_grads=True)
        used = {name: mask[name] & (slope != 0) for name, slope in zip(theta, slopes, strict=True)}
        idle = {name: int((mask[name] & ~used[name]).sum()) for name in mask}
        entries = {name: kept.numel() for name, kept in mask.items()}
        return {
            "sparsity": masks.sparsity(mask),
            "effective": masks.sparsity(cast(Any, used)),
            "idle": sum(idle.values()) / sum(entries.values()),
            "idle_by_layer": {name: idle[name] / entries[name] for name in mask},
        }


def _ones(state: Mapping[str, Any]) -> dict[str, Any]:
    """Weights and gains 1, biases and running means 0, running variances 1."""
    import torch

    return {
        name: (
            torch.full_like(tensor, 0.0 if name.endswith(("bias", "running_mean")) else 1.0, dtype=torch.float64)
            if tensor.is_floating_point()
            else tensor
        )
        for name, tensor in state.items()
    }


def _paths() -> Any:
    """Within it, activations do nothing and the maximum over a window is its mean."""
    import torch
    import torch.nn.functional as functional
    from torch.overrides import TorchFunctionMode

    nothing = {
        getattr(home, word) for home in (torch, functional, torch.Tensor) for word in BY_ENTRY if hasattr(home, word)
    }

    class Paths(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func in nothing:
                return args[0]
            mean = POOLS.get(getattr(func, "__name__", "").lstrip("_").removesuffix("_with_indices"))
            return getattr(functional, mean)(*args[:3]) if mean else func(*args, **(kwargs or {}))

    return Paths()
