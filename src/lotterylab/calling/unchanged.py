"""A module is as it was after it has been called: modes, attributes, tensors that are no parameters, gradients."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from lotterylab.errors import UsageError, a_type
from lotterylab.rng import generator_as_it_is

if TYPE_CHECKING:
    from torch import nn

DEEPEST = 8  # containers within containers of an attribute
Undo = Callable[[], object]
Result = TypeVar("Result")


@contextmanager
def unchanged(module: nn.Module) -> Iterator[None]:
    """Restore the module at the end of the block; parameters and buffers are those that ``functional_call`` replaced.

    Each layer gets back its attributes (modes, counters, caches, hooks), the contents of its lists, dicts and sets, the
    values of tensors and arrays that are no parameters or buffers, the states of its random generators, and the
    gradients of its parameters.  Objects of other classes are restored one level deep.

    Examples:
        >>> import torch
        >>> module = torch.nn.Linear(2, 1)
        >>> with unchanged(module):
        ...     _ = module.eval()
        ...     module.seen = 3
        >>> module.training, hasattr(module, "seen")
        (True, False)
    """
    undo: list[Undo] = []
    seen: set[int] = {id(tensor) for tensor in (*module.parameters(), *module.buffers())}
    for layer in module.modules():
        _keep_attributes(layer, undo, seen, 0)
    gradients = [(parameter, parameter.grad) for parameter in module.parameters()]
    for parameter, _ in gradients:
        parameter.grad = None  # a backward pass of the module's own adds to another tensor, not to the caller's
    try:
        yield
    finally:
        for restore in reversed(undo):
            restore()
        for parameter, gradient in gradients:
            parameter.grad = gradient


def _keep_attributes(owner: Any, undo: list[Undo], seen: set[int], depth: int) -> None:
    """Note the attributes of a layer, or of an object that it holds."""
    if id(owner) in seen:
        return
    seen.add(id(owner))
    attributes = owner.__dict__
    before = dict(attributes)

    def restore() -> None:
        for name in [name for name in attributes if name not in before]:
            del attributes[name]
        attributes.update(before)

    undo.append(restore)
    for value in before.values():
        _keep(value, undo, seen, depth)


def _keep(value: Any, undo: list[Undo], seen: set[int], depth: int) -> None:
    """Note what an attribute holds, if that can be changed in place."""
    import numpy
    import torch

    if id(value) in seen or depth > DEEPEST:
        return
    if isinstance(value, torch.nn.Module):  # one that is not registered; the others have been noted or will be
        _keep_attributes(value, undo, seen, depth + 1)
    elif isinstance(value, torch.Tensor):
        seen.add(id(value))
        _keep_tensor(value, undo)
    elif isinstance(value, numpy.ndarray) and value.dtype != object:
        undo.append(partial(value.__setitem__, ..., value.copy()))
    elif restore := generator_as_it_is(value):
        undo.append(restore)
    elif isinstance(value, dict | list | set | deque | tuple):
        seen.add(id(value))
        _keep_contents(value, undo)
        for item in tuple(value.values()) if isinstance(value, dict) else tuple(value):
            _keep(item, undo, seen, depth + 1)
    elif depth == 0 and hasattr(value, "__dict__") and not isinstance(value, type) and not callable(value):
        _keep_attributes(value, undo, seen, DEEPEST)


def _keep_contents(container: Any, undo: list[Undo]) -> None:
    """Note the items of a dict, list, deque or set, and fill it again if they have become others."""
    if isinstance(container, tuple):
        return
    before = container.copy()

    def restore() -> None:
        if not _has_the_items(container, before):
            container.clear()
            (container.extend if isinstance(container, list | deque) else container.update)(before)

    undo.append(restore)


def _has_the_items(container: Any, before: Any) -> bool:
    if isinstance(container, set):
        return container == before
    now, then = (
        (*items, *items.values()) if isinstance(items, dict) else tuple(items) for items in (container, before)
    )
    return len(now) == len(then) and all(one is other for one, other in zip(now, then, strict=True))


def _keep_tensor(tensor: Any, undo: list[Undo]) -> None:
    """Note the values of a tensor; one that was made in inference mode cannot be changed by a scored module."""
    import torch

    if tensor.is_inference() or tensor.device.type == "meta":
        return
    version, before = tensor._version, tensor.detach().clone()

    def restore() -> None:
        if tensor._version != version:
            with torch.no_grad():
                tensor.copy_(before)

    undo.append(restore)


class Calls:
    """``Calls`` counts the calls under way of functions that it has wrapped."""

    def __init__(self) -> None:
        self._open = 0

    def __call__(self, function: Callable[..., Result]) -> Callable[..., Result]:
        """Return a function that does the same and counts as under way while it runs."""

        def counted(*args: Any, **kwargs: Any) -> Result:
            self._open += 1
            try:
                return function(*args, **kwargs)
            finally:
                self._open -= 1

        return counted

    @contextmanager
    def alone(self, module: nn.Module) -> Iterator[None]:
        """Refuse that a layer of the module runs in the block while none of the functions does.

        Raises:
            UsageError: from within the backward pass, if a layer is computed again there.
        """

        def check(layer: nn.Module, _: Any) -> None:
            if not self._open:
                raise UsageError(
                    f"the module computes {a_type(layer)} again during the backward pass (activation "
                    "checkpointing of its own, reversible layers), with other weights than those that are scored. "
                    "Switch that off while scoring."
                )

        with ExitStack() as stack:
            for layer in module.modules():
                stack.callback(layer.register_forward_pre_hook(check).remove)
            yield
