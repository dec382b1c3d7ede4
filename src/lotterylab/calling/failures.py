"""An error of a caller's module or loss, on the caller's own inputs, becomes a sentence that says what to give."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lotterylab.errors import UsageError
from lotterylab.formats.text import shown
from lotterylab.system.refusals import is_of_the_system

FAILURES = (RuntimeError, TypeError, ValueError, LookupError)


@contextmanager
def refusing(failed: Callable[[], str], give: str) -> Iterator[None]:
    """Turn an error of the block into a ``UsageError``, but not if the machine or the package itself refused.

    Args:
        failed: returns what failed, and on what.
        give: the sentence that says what to do.

    Raises:
        UsageError: the block raised one of ``FAILURES``.

    Examples:
        >>> with refusing(lambda: "the loss fails", "Give another."):
        ...     raise ValueError("of shape 3")
        Traceback (most recent call last):
        ...
        lotterylab.errors.UsageError: the loss fails: of shape 3. Give another.
    """
    try:
        yield
    except FAILURES as error:
        if isinstance(error, UsageError) or is_of_the_system(error) or "out of memory" in str(error):
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise UsageError(f"{failed()}: {shown(reason)}. {give}") from error


def outputs_on(forward: Callable[..., tuple[Any, Any]], state: Any, inputs: Any, train: bool | None, give: str) -> Any:
    """Return the outputs of a module for inputs of the caller.

    Args:
        forward: ``Network.forward``.
        state: the weights and buffers.
        inputs: what the module takes.
        train: the mode, as ``forward`` takes it.
        give: the sentence that says what to give if the inputs do not fit.

    Raises:
        UsageError: the module fails on them.
    """
    with refusing(lambda: f"the module fails on inputs {shapes_of(inputs)}", give):
        outputs, _ = forward(state, inputs, train)
    return outputs


def shapes_of(value: Any) -> str:
    """Return the type of a value and the shapes in it, as words of a message."""
    import torch

    if isinstance(value, torch.Tensor):
        return f"of shape {tuple(value.shape)}"
    listed = value if isinstance(value, tuple | list) else ()
    items = dict(value) if isinstance(value, Mapping) else dict(enumerate(listed))
    parts = [f"{name}: {tuple(item.shape)}" for name, item in items.items() if isinstance(item, torch.Tensor)]
    return f"of type {type(value).__name__}" + (f" ({', '.join(parts)})" if parts else "")
