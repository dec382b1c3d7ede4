"""Effective sparsity counts weights on no path from input to output as pruned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

from lotterylab.errors import UsageError
from lotterylab.masks import algebra
from lotterylab.types import Mask, State

if TYPE_CHECKING:
    from torch import Tensor

    from lotterylab.network import Network

# activations and norms change an entry, but not whether a path goes through it
BY_ENTRY = (
    *("relu", "relu6", "leaky_relu", "rrelu", "prelu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus"),
    *("tanh", "sigmoid", "softsign", "hardtanh", "hardsigmoid", "hardswish", "logsigmoid", "threshold"),
    *("hardshrink", "softshrink", "tanhshrink", "softmax", "log_softmax", "softmin"),
    *("batch_norm", "instance_norm", "layer_norm", "group_norm", "rms_norm"),
)
POOLS = {f"{kind}max_pool{axes}d": f"{kind}avg_pool{axes}d" for kind in ("", "adaptive_") for axes in (1, 2, 3)}


@dataclass(frozen=True, kw_only=True)
class EffectiveSparsity:
    """``EffectiveSparsity`` counts weights on no path as pruned: mask "mask", state "state", data for the image size.

    A kept weight is *effective* when a path of kept weights leads from an input through it to an output.  The kept
    weights of a layer are set to one positive number, biases to 0, activations and norms are left out and maxima become
    means.  Then the sum of the outputs for an input of ones, (1, C, H, W), counts paths, and its slope at a weight is
    zero exactly where none goes through it.  The paper's number is 1; here it is such that sums stay near 1 however
    deep the network is.  The activations, norms and pools of torch.nn are known; a maximum taken in another way hides
    paths. [vysogorets2023connectivity, section 3]

    - ``sparsity``: removed over all entries of the masked tensors.
    - ``effective``: removed or on no path, over all.
    - ``idle``: kept and on no path, over all; ``idle_by_layer``: over the entries of each layer.

    Raises:
        UsageError: when it measures, if the paths of the network cannot be counted.

    Examples:
        >>> import lotterylab as ll
        >>> from lotterylab.network import network
        >>> spec = ll.models.Mlp(shape=(1, 8, 8), widths=(20,))
        >>> state, net = spec.initial(0, "init", "named"), network(spec.build())
        >>> mask = ll.masks.ones(state, net.prunable)
        >>> mask["fc.0.weight"][:5] = False  # five hidden units have no input left
        >>> found = EffectiveSparsity()({"state": state, "mask": mask}, {"mask": net}, ll.data.Digits().load(None))
        >>> found["idle_by_layer"]
        {'fc.0.weight': 0.0, 'fc.1.weight': 0.25}
    """

    version: ClassVar[int] = 1

    def __call__(self, values: Mapping[str, Any], models: Mapping[str, Any], dataset: Any) -> dict[str, Any]:
        """The shares above.

        Raises:
            UsageError: the paths of the network cannot be counted.
        """
        shape = tuple(dataset.train.images.shape[1:])
        return effective(models["mask"], values["state"], values["mask"], shape)


def effective(net: Network, state: Mapping[str, Tensor], mask: Mask, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the shares that ``EffectiveSparsity`` gives, for an input of ``shape``.

    Raises:
        UsageError: the paths of the network cannot be counted.
    """
    import torch

    theta = {name: _uniform(kept).requires_grad_() for name, kept in mask.items()}
    inputs = torch.ones((1, *shape), dtype=torch.float64)
    with _paths():
        logits, _ = net.forward(cast(State, {**_ones(state), **theta}), inputs, False)
        slopes = torch.autograd.grad(logits.sum(), list(theta.values()), materialize_grads=True)
    if not all(bool(slope.isfinite().all()) for slope in slopes):
        raise UsageError("the paths of this network cannot be counted: their number overflows float64.")
    used = {name: mask[name] & (slope != 0) for name, slope in zip(theta, slopes, strict=True)}
    idle = {name: int((mask[name] & ~used[name]).sum()) for name in mask}
    entries = {name: kept.numel() for name, kept in mask.items()}
    return {
        "sparsity": algebra.sparsity(mask),
        "effective": algebra.sparsity(cast(Any, used)),
        "idle": sum(idle.values()) / sum(entries.values()),
        "idle_by_layer": {name: idle[name] / entries[name] for name in mask},
    }


def _uniform(kept: Any) -> Any:
    """Return a layer of equal kept weights, such that evenly spread weights sum to 1 at each output."""
    return kept.double() * (len(kept) / max(1, int(kept.sum())))


def _ones(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state with weights at 1 and biases and running means at 0."""
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
    """Return a context in which activations and norms do nothing and max pools take means."""
    import torch
    import torch.nn.functional as functional
    from torch.overrides import TorchFunctionMode

    modules = (torch, functional, torch.Tensor)
    skipped = {getattr(module, word) for module in modules for word in BY_ENTRY if hasattr(module, word)}

    class Paths(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            if func in skipped:
                return args[0] if args else kwargs["input"]
            mean = POOLS.get(getattr(func, "__name__", "").lstrip("_").removesuffix("_with_indices"))
            return _mean(getattr(functional, mean), *args, **kwargs) if mean else func(*args, **kwargs)

    return Paths()


def _mean(
    mean: Any,
    input: Any,
    size: Any = None,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    **others: Any,
) -> Any:
    """Pool means, with the arguments of the max pool that it replaces."""
    size = others.get("kernel_size", others.get("output_size", size))
    if "adaptive" in mean.__name__:
        return mean(input, size)
    if any(step != 1 for step in (dilation if isinstance(dilation, tuple | list) else [dilation])):
        raise UsageError("paths through a max pool with dilation cannot be counted: torch has no such average pool.")
    return mean(input, size, stride, padding, ceil_mode)
