"""A module of any precision is called in float32 or float64, also where it casts to a lower one itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from lotterylab.calling.nested import each_tensor

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


def at_least_float32(tensor: Tensor) -> Tensor:
    """Return the tensor, in float32 if it is float16 or bfloat16."""
    return raised(tensor, "float32")


def raised(tensor: Tensor, precision: str) -> Tensor:
    """Return the tensor, in ``precision`` if it is a floating-point tensor of fewer bits.

    Args:
        tensor: of any type.
        precision: "float32" or "float64".

    Examples:
        >>> import torch
        >>> raised(torch.ones(2, dtype=torch.float16), "float32").dtype, raised(torch.tensor([1, 2]), "float32").dtype
        (torch.float32, torch.int64)
    """
    import torch

    target = getattr(torch, precision)
    lower = tensor.dtype.is_floating_point and torch.finfo(tensor.dtype).bits < torch.finfo(target).bits
    return tensor.to(target) if lower else tensor


def at_least(precision: str) -> AbstractContextManager[Any]:
    """Return a context in which torch's functions compute in ``precision`` or more.

    A cast to a lower precision does nothing, and what a function makes in a lower one is converted.  So a module that
    casts to bfloat16, or holds plain tensors of it, fits weights of a higher precision.

    Args:
        precision: "float32" or "float64".

    Examples:
        >>> import torch
        >>> with at_least("float32"):
        ...     torch.tensor([1.001]).bfloat16()
        tensor([1.0010])
    """
    import torch
    from torch.overrides import TorchFunctionMode

    of_tensors = torch.Tensor
    casts = {of_tensors.to, of_tensors.type, of_tensors.type_as, of_tensors.float, of_tensors.half, of_tensors.bfloat16}

    def raise_all(value: Any) -> Any:
        return each_tensor(lambda tensor: raised(tensor, precision), value)

    class AtLeast(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            try:
                made = func(*args, **kwargs)
            except RuntimeError:  # weights of the higher precision, and a tensor that the module holds in a lower one
                made = func(*raise_all(args), **raise_all(kwargs))
            if func in casts and made.is_floating_point() and raised(args[0], precision) is args[0]:
                return args[0].to(made.device) if args[0].is_floating_point() else raise_all(made)
            return raise_all(made) if _holds_tensors(made) else made

    return AtLeast()


def is_low(tensor: torch.Tensor) -> bool:
    """Tell whether a tensor has a floating-point type of fewer than 32 bits."""
    return at_least_float32(tensor) is not tensor


def _holds_tensors(made: Any) -> bool:
    """Tell whether a function returned a tensor or a plain tuple or list of them; named results stay as they are."""
    import torch

    return isinstance(made, torch.Tensor) or type(made) in (tuple, list)


@contextmanager
def gradients_in_full_precision(module: nn.Module) -> Iterator[None]:
    """Switch gradients on and autocast off within the block; GraSP's gradients would underflow under autocast."""
    import torch

    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in sorted({parameter.device.type for parameter in module.parameters()}):
            if torch.amp.is_autocast_available(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        yield
