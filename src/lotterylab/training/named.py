"""What names the results of a user's functions: their sources, and the values that they hold."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from lotterylab.errors import UsageError
from lotterylab.masks import algebra

PLAIN = (type(None), enum.Enum, bool, int, float, complex, str, bytes, PurePath, range)


def code_of(*functions: Callable[..., Any]) -> str:
    """SHA-256 of the sources of functions and of the values that they hold: defaults, and what a function that was
    made inside another one took from there.  What they call is not part of it.

    Raises:
        UsageError: a function without source, or one that holds what has no name, such as a data loader.
    """
    return hashlib.sha256("\n".join(text for one in functions for text in _texts(one, ())).encode()).hexdigest()


def _texts(function: Callable[..., Any], within: tuple[CodeType, ...]) -> Iterator[str]:
    if _called(function) == "<lambda>":
        raise UsageError("a lambda has no name that could stand in a result. Define the function with def.")
    written = inspect.unwrap(function)
    try:
        yield inspect.getsource(written)
    except (OSError, TypeError) as error:
        raise UsageError(
            f"{_called(function)} has no source that could name its results ({error}). Define it with def, in a "
            "file or in a notebook's cell."
        ) from error
    for name, value in _held(written):
        yield f"{name} = {_name(value, f'{_called(function)} holds {name!r}', within)}"


def _held(function: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    """Values that belong to a function beside its source, by name."""
    if isinstance(function, MethodType) and not isinstance(function.__self__, type):
        yield "self", function.__self__
    plain = getattr(function, "__func__", function)
    if not isinstance(plain, FunctionType):
        return
    cells = zip(plain.__code__.co_freevars, plain.__closure__ or (), strict=True)
    yield from sorted((name, cell.cell_contents) for name, cell in cells if _is_filled(cell))
    signature = inspect.signature(plain)
    yield from ((name, one.default) for name, one in signature.parameters.items() if one.default is not one.empty)


def _is_filled(cell: Any) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:  # its variable has no value yet
        return False
    return True


def _name(value: Any, where: str, within: tuple[CodeType, ...]) -> str:
    """What is equal for equal values and only for these."""
    kind = type(value).__qualname__
    if isinstance(value, PLAIN):
        return f"{kind} {value!r}"
    if isinstance(value, ModuleType):
        return value.__name__
    if isinstance(value, BuiltinFunctionType) and isinstance(value.__self__, ModuleType | type | None):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, partial):
        return f"{kind} {[_name(one, where, within) for one in (value.func, value.args, value.keywords)]}"
    if isinstance(value, tuple | list):
        return f"{kind} [{', '.join(_name(one, where, within) for one in value)}]"
    if isinstance(value, set | frozenset):
        return f"{kind} {sorted(_name(one, where, within) for one in value)}"
    if isinstance(value, Mapping):
        return f"{kind} {[(_name(key, where, within), _name(one, where, within)) for key, one in value.items()]}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = ((one.name, getattr(value, one.name)) for one in dataclasses.fields(value))
        return f"{kind} {[(name, _name(one, where, within)) for name, one in fields]}"
    if isinstance(value, type):
        return f"{value.__module__}.{kind} {_source(value)}"
    if isinstance(value, FunctionType | MethodType):
        code = value.__code__
        return "itself" if code in within else " ".join(_texts(value, (*within, code)))
    return f"{kind} {_of_numbers(value, where)}"


def _source(kind: type) -> str:
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):
        return ""


def _of_numbers(value: Any, where: str) -> str:
    """Of a tensor, an array, or one of their types."""
    import numpy as np
    import torch

    if isinstance(value, torch.Tensor):
        return algebra.digest({"": value})
    if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
        return f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    if isinstance(value, torch.dtype | torch.device | torch.Size | np.dtype):
        return repr(value)
    raise UsageError(
        f"{where}, a {type(value).__qualname__}, whose content could not stand in the name of a result. Make it inside "
        "the function from what it is made of (numbers, text, tensors, functions), or in the module outside of all "
        "functions, and raise version= when it changes."
    )


def _called(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)
