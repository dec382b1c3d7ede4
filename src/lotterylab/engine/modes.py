"""The layers that a caller may put around torch's operations: inference mode, a default device, custom modes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any


@contextmanager
def no_modes() -> Iterator[None]:
    """Suspend all modes inside, as in a new process, and activate the caller's modes again afterwards.

    A default device is such a mode, whether set by ``torch.set_default_device`` or ``with torch.device(...)``.
    """
    import torch

    # inference mode ends last, because its guard also restores the switch of gradients
    with torch.inference_mode(False) if torch.is_inference_mode_enabled() else nullcontext():
        modes, device = _taken_off(), _set_default_device((None, None))
        try:
            yield
        finally:
            _taken_off()  # modes that the work left active
            _put_on(modes)
            _set_default_device(device)


def _taken_off() -> tuple[list[Any], list[Any]]:
    """Deactivate the modes of torch's functions and operations, and return both lists, innermost mode first."""
    import torch

    c: Any = torch._C
    functions = [c._pop_torch_function_stack() for _ in range(c._len_torch_function_stack())]
    operations = [c._pop_torch_dispatch_stack(None) for _ in range(c._len_torch_dispatch_stack())]
    return functions, operations


def _put_on(modes: tuple[list[Any], list[Any]]) -> None:
    import torch

    c: Any = torch._C
    functions, operations = modes
    for mode in reversed(functions):
        c._push_on_torch_function_stack(mode)
    for mode in reversed(operations):
        c._push_on_torch_dispatch_stack(mode)


def _set_default_device(value: tuple[Any, Any]) -> tuple[Any, Any]:
    """Set the state of a default device beside its mode, and return the state before."""
    import torch
    from torch.utils import _device

    thread: Any = torch._GLOBAL_DEVICE_CONTEXT
    before = _device.CURRENT_DEVICE, getattr(thread, "device_context", None)
    _device.CURRENT_DEVICE, thread.device_context = value
    return before
