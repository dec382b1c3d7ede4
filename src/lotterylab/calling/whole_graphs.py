"""Activation checkpointing is switched off in a pure forward pass.

It computes parts of a module again during the backward pass.  By then the module has its own tensors back, so the
gradients would be those of other weights: without the mask, or in another precision.  Without it, the result is that of
the same module that keeps its activations; only memory differs.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

FUNCTION, GENERATOR = "CheckpointFunction", "_checkpoint_without_reentrant_generator"
HOMES = ("torch.utils.checkpoint", "torch.distributed._composable.checkpoint_activation")
_lock = threading.Lock()
_open: list[None] = []  # one entry for each open block of any thread
_replaced: list[tuple[Any, str, Any]] = []  # a module, a name in it, and what the name was


@contextmanager
def whole_graphs() -> Iterator[None]:
    """Let ``torch.utils.checkpoint`` run functions without checkpointing within the block, in all threads.

    Examples:
        >>> import torch
        >>> from torch.utils.checkpoint import checkpoint
        >>> with whole_graphs():
        ...     out = checkpoint(torch.tanh, torch.ones(1, requires_grad=True), use_reentrant=True)
        >>> type(out.grad_fn).__name__  # of the function itself
        'TanhBackward0'
    """
    import torch.utils.checkpoint  # noqa: F401

    with _lock:
        if not _open:
            _replace()
        _open.append(None)
    try:
        yield
    finally:
        with _lock:
            _open.pop()
            while not _open and _replaced:
                home, name, original = _replaced.pop()
                setattr(home, name, original)


def _replace() -> None:
    substitutes = _substitutes()
    for home in filter(None, map(sys.modules.get, HOMES)):
        for name, substitute in substitutes.items():
            if name in vars(home):
                _replaced.append((home, name, vars(home)[name]))
                setattr(home, name, substitute)


@cache
def _substitutes() -> dict[str, Any]:
    """Return what stands for the functions of torch; outside of a block it does what they do.

    A module that is imported within a block may take it for torch's own and keep it.
    """
    import torch.utils.checkpoint as home

    originals = {name: vars(home)[name] for name in (FUNCTION, GENERATOR) if name in vars(home)}

    class Function:
        """Reentrant checkpointing, which runs the function."""

        @staticmethod
        def apply(function: Callable[..., Any], preserve: bool, *arguments: Any) -> Any:
            return function(*arguments) if _open else originals[FUNCTION].apply(function, preserve, *arguments)

    def generator(*arguments: Any, **named: Any) -> Iterator[None]:
        """Do nothing before and after a function, where the other checkpointing would set up its hooks."""
        if _open:
            yield
        else:
            yield from originals[GENERATOR](*arguments, **named)

    return {name: {FUNCTION: Function, GENERATOR: generator}[name] for name in originals}
