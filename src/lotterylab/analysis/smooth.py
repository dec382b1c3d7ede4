"""Functions with kinks and limits are replaced by smooth ones, through which derivatives follow every path.

An activation changes an entry, but not whether a path goes through it.  A maximum is a path from each of its entries.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from lotterylab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

ACTIVATIONS = (
    *("relu", "relu6", "leaky_relu", "rrelu", "elu", "selu", "celu", "gelu", "silu", "mish"),
    *("tanh", "softsign", "hardtanh", "hardswish", "threshold", "hardshrink", "softshrink", "tanhshrink"),
)
LIMITS = ("clamp", "clip", "clamp_min", "clamp_max")
DROPOUT = (
    *("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout", "feature_dropout"),
)
LEFT_OUT = (*ACTIVATIONS, *LIMITS, *DROPOUT)  # functions that return their input instead
# tangents at 0 of functions that are not 0 there, so that what they gate passes.  Along a curve, a constant that shifts
# the argument would look like something that depends on the input.
LINES = {
    "sigmoid": (1 / 4, 1 / 2),
    "hardsigmoid": (1 / 6, 1 / 2),
    "softplus": (1 / 2, math.log(2)),
    "logsigmoid": (1 / 2, -math.log(2)),
}
POOLS = {f"{kind}max_pool{axes}d": f"{kind}avg_pool{axes}d" for kind in ("", "adaptive_") for axes in (1, 2, 3)}
OF_TWO = ("maximum", "minimum", "fmax", "fmin")
OVER_AXES = ("max", "min", "amax", "amin")
SHARES = (math.sqrt(0.7), math.sqrt(1.3))  # of what a maximum, or a choice of two, has in its place: a network that
# subtracts the same again, or a mean, does not cancel them
TINY = 1e-30


class Call(NamedTuple):
    """A call of a function: its name, and the tensors that went in and came out."""

    name: str
    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]


@contextmanager
def smooth(calls: list[Call] | None = None) -> Iterator[None]:
    """Replace functions with kinks by smooth ones within the block.

    Args:
        calls: filled with every call of a function of torch in the block, if it is given.

    Examples:
        >>> import torch
        >>> x = torch.tensor([-1.0, 3.0], requires_grad=True)
        >>> with smooth():
        ...     y = x.relu().clamp(max=2)
        >>> torch.autograd.grad(y.sum(), x)[0].tolist()
        [1.0, 1.0]
    """
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.overrides import TorchFunctionMode

    replaced = _replacements()

    class Smooth(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            function: Callable[..., Any] = replaced.get(func, func)  # type: ignore[assignment]
            made = function(*args, **(kwargs or {}))
            if calls is not None:
                inputs, outputs = list(_tensors((args, kwargs or {}))), list(_tensors(made))
                if inputs and outputs:
                    calls.append(Call(getattr(func, "__name__", "").strip("_"), inputs, outputs))
            return made

    with ExitStack() as stack:
        stack.enter_context(torch.enable_grad())
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))  # the fused kernels of attention have no second derivative
        stack.enter_context(Smooth())
        yield


def _tensors(value: Any) -> Iterable[Tensor]:
    import torch

    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict | tuple | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _tensors(item)


def _replacements() -> dict[Any, Callable[..., Any]]:
    """Return what each function is replaced by, for functions of ``torch``, ``torch.nn.functional`` and tensors."""
    import torch
    import torch.nn.functional as functional

    homes = (torch, functional, torch.Tensor)

    def named(names: Iterable[str]) -> Iterator[tuple[str, Any]]:
        return ((name, getattr(home, name)) for name in names for home in homes if hasattr(home, name))

    found: dict[Any, Callable[..., Any]] = {}
    for _, function in named([*LEFT_OUT, *(f"{name}_" for name in LEFT_OUT)]):
        found[function] = _itself
    for name, function in named([*POOLS, *(f"{name}_with_indices" for name in POOLS)]):
        found[function] = _mean_pool(getattr(functional, POOLS[name.removesuffix("_with_indices")]))
    for _, function in named(OF_TWO):
        found[function] = _together
    for _, function in named(OVER_AXES):
        found[function] = _mean_of(function)
    for _, function in named(["where"]):
        found[function] = _either(function)
    for _, function in named(["softmax", "softmin"]):
        found[function] = _entry_by_entry(function)
    for _, function in named(["log_softmax"]):
        found[function] = lambda input, *args, **kwargs: input
    for word, (slope, value) in LINES.items():
        for _, function in named([word, f"{word}_"]):
            found[function] = _line(slope, value)
    for _, function in named(["prelu"]):
        found[function] = lambda input, weight: input * (1 + _by_channel(weight, input))
    for _, function in named(["group_norm"]):
        found[function] = _group_norm
    for _, function in named(["layer_norm", "rms_norm"]):
        found[function] = _layer_norm
    for name, axes in {"batch_norm": slice(0), "instance_norm": slice(2, None)}.items():
        norm = _norm_by_channel(axes)
        found[getattr(functional, name)] = norm
        found[getattr(torch, name)] = partial(_reordered, norm)
    return found


def _line(slope: float, value: float) -> Callable[..., Any]:
    return lambda input, *_, **__: slope * input + value


def _itself(input: Any, *_: Any, **__: Any) -> Any:
    return input


def _scaled(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """Return x times the scale plus the shift of a norm, by channel."""
    x = x if weight is None else x * _by_channel(weight, x)
    return x if bias is None else x + _by_channel(bias, x)


def _by_channel(values: Tensor, x: Tensor) -> Tensor:
    return values if values.numel() == 1 or x.dim() < 2 else values.view(1, -1, *[1] * (x.dim() - 2))


def _norm_by_channel(axes: slice) -> Callable[..., Tensor]:
    """Return the scale and shift of batch or instance norm, with the arguments of ``torch.nn.functional``."""

    def norm(
        input: Tensor,
        running_mean: Any = None,
        running_var: Any = None,
        weight: Any = None,
        bias: Any = None,
        *_: Any,
        **__: Any,
    ) -> Tensor:
        return _scaled(_in_another_unit(input, range(input.dim())[axes]), weight, bias)

    return norm


def _reordered(norm: Callable[..., Tensor], input: Tensor, weight: Any, bias: Any, *_: Any, **__: Any) -> Tensor:
    return norm(input, None, None, weight, bias)


def _group_norm(input: Tensor, num_groups: int, weight: Any = None, bias: Any = None, *_: Any, **__: Any) -> Tensor:
    return _scaled(_in_another_unit(input, range(1, input.dim())), weight, bias)


def _layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Any = None, bias: Any = None, *_: Any, **__: Any
) -> Tensor:
    input = _in_another_unit(input, range(-len(normalized_shape), 0))
    input = input if weight is None else input * weight
    return input if bias is None or not isinstance(bias, type(input)) else input + bias


def _in_another_unit(x: Tensor, axes: Iterable[int]) -> Tensor:
    """Return x in another unit, so that the sums of many residual layers stay small; what is 0 stays 0."""
    axes = tuple(axes)
    return x / (x.detach().square().mean(axes, keepdim=True).sqrt() + TINY) if axes else x


def _entry_by_entry(share: Callable[..., Any]) -> Callable[..., Any]:
    """Return a softmax whose entries depend on their own alone, and not on the others through their sum."""

    def apart(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        return share(input, *args, **kwargs).detach() * (1 + input - input.detach())

    return apart


def _together(input: Tensor, other: Tensor) -> Tensor:
    """Return a sum in the place of the maximum or minimum of two tensors."""
    return SHARES[0] * input + SHARES[1] * other


def _either(where: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``torch.where`` that adds the two alternatives if both are computed from weights."""
    import torch

    def added(*args: Any, **kwargs: Any) -> Any:
        tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor)]
        alternatives = [value for value in tensors if value.requires_grad]
        return _together(*alternatives) if len(alternatives) == 2 else where(*args, **kwargs)

    return added


def _mean_of(largest: Callable[..., Any]) -> Callable[..., Any]:
    """Return a mean in the place of a maximum or minimum: of two tensors, over axes, or over all."""
    import torch

    def mean(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        if not input.is_floating_point():
            return largest(input, *args, **kwargs)
        other = args[0] if args else kwargs.get("other")
        if isinstance(other, torch.Tensor):
            return _together(input, other)
        found = largest(input, *args, **kwargs)
        names = dict(zip(("dim", "keepdim"), args, strict=False)) | {
            name: kwargs[name] for name in ("dim", "keepdim") if name in kwargs
        }
        means = SHARES[0] * (input.mean(**names) if names else input.mean())
        return means if isinstance(found, torch.Tensor) else type(found)((means, found[1]))

    return mean


def _mean_pool(mean: Any) -> Callable[..., Any]:
    """Return a pool of means that takes the arguments of the max pool whose place it takes."""

    def pool(
        input: Any,
        size: Any = None,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
        **others: Any,
    ) -> Any:
        size = others.get("kernel_size", others.get("output_size", size))
        if "adaptive" in mean.__name__:
            return SHARES[0] * mean(input, size)
        if any(step != 1 for step in (dilation if isinstance(dilation, tuple | list) else [dilation])):
            raise UsageError(
                "paths through a max pool with dilation cannot be counted: torch has no such average pool."
            )
        return SHARES[0] * mean(input, size, stride, padding, ceil_mode)

    return pool
