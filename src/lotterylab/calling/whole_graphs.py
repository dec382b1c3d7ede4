"""Activation checkpointing is switched off in a pure forward pass.

It computes parts of a module again during the backward pass.  By then the module has its own tensors back, so the
gradients would be those of other weights: without the mask, or in another precision.  Without it, the result is that of
the same module that keeps its activations; only memory differs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

NAMES = ("CheckpointFunction", "_checkpoint_without_reentrant_generator")  # in torch.utils.checkpoint
_lock = threading.Lock()
_open: list[dict[str, Any]] = []  # the originals, once for each open block of any thread


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
    import torch.utils.checkpoint as home

    with _lock:
        originals = _open[-1] if _open else {name: vars(home)[name] for name in NAMES if name in vars(home)}
        _open.append(originals)
        for name in originals:
            setattr(home, name, _WITHOUT[name])
    try:
        yield
    finally:
        with _lock:
            _open.pop()
            for name, original in {} if _open else originals.items():
                setattr(home, name, original)


class _Function:
    """``CheckpointFunction`` of reentrant checkpointing, which runs the function."""

    @staticmethod
    def apply(function: Callable[..., Any], _: bool, *arguments: Any) -> Any:
        return function(*arguments)


def _generator(*_: Any, **__: Any) -> Iterator[None]:
    """Do nothing before and after a function, where checkpointing that is not reentrant would set up its hooks."""
    yield


_WITHOUT: dict[str, Any] = {NAMES[0]: _Function, NAMES[1]: _generator}
