"""Results of a user's functions are named by the functions' sources and the values that they hold."""

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
    """Return the SHA-256 of the functions' sources and of the values they hold: defaults and closure variables.

    The sources of functions that they call are not part of it.

    Raises:
        UsageError: a function has no source, or holds a value that cannot be hashed, such as a data loader.
    """
    texts = (text for function in functions for text in _texts(function, ()))
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _texts(function: Callable[..., Any], within: tuple[CodeType, ...]) -> Iterator[str]:
    if _called(function) == "<lambda>":
        raise UsageError("a lambda has no name, so it cannot name a result. Define the function with def.")
    unwrapped = inspect.unwrap(function)
    try:
        yield inspect.getsource(unwrapped)
    except (OSError, TypeError) as error:
        raise UsageError(
            f"{_called(function)} has no source to name its results by ({error}). Define it with def, in a file or in "
            "a notebook's cell."
        ) from error
    for name, value in _held(unwrapped):
        yield f"{name} = {_name(value, f'{_called(function)} holds {name!r}', within)}"


def _held(function: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    """Yield (name, value) for the values that belong to a function beside its source."""
    if isinstance(function, MethodType) and not isinstance(function.__self__, type):
        yield "self", function.__self__
    plain = getattr(function, "__func__", function)
    if not isinstance(plain, FunctionType):
        return
    cells = zip(plain.__code__.co_freevars, plain.__closure__ or (), strict=True)
    yield from sorted((name, cell.cell_contents) for name, cell in cells if _is_filled(cell))
    signature = inspect.signature(plain)
    defaults = ((name, parameter.default) for name, parameter in signature.parameters.items())
    yield from ((name, default) for name, default in defaults if default is not inspect.Parameter.empty)


def _is_filled(cell: Any) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:  # the variable has no value yet
        return False
    return True


def _name(value: Any, where: str, within: tuple[CodeType, ...]) -> str:
    """Return a text that is equal for equal values and for no others."""
    kind = type(value).__qualname__
    if isinstance(value, PLAIN):
        return f"{kind} {value!r}"
    if isinstance(value, ModuleType):
        return value.__name__
    if isinstance(value, BuiltinFunctionType) and isinstance(value.__self__, ModuleType | type | None):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, partial):
        return f"{kind} {[_name(part, where, within) for part in (value.func, value.args, value.keywords)]}"
    if isinstance(value, tuple | list):
        return f"{kind} [{', '.join(_name(item, where, within) for item in value)}]"
    if isinstance(value, set | frozenset):
        return f"{kind} {sorted(_name(item, where, within) for item in value)}"
    if isinstance(value, Mapping):
        return f"{kind} {[(_name(key, where, within), _name(item, where, within)) for key, item in value.items()]}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
        return f"{kind} {[(name, _name(item, where, within)) for name, item in fields]}"
    if isinstance(value, type):
        return f"{value.__module__}.{kind} {_source(value)}"
    if isinstance(value, FunctionType | MethodType):
        code = value.__code__
        return "itself" if code in within else " ".join(_texts(value, (*within, code)))
    return f"{kind} {_name_of_numbers(value, where)}"


def _source(kind: type) -> str:
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):
        return ""


def _name_of_numbers(value: Any, where: str) -> str:
    """Return the name of a tensor, an array, or one of their types."""
    import numpy as np
    import torch

    if isinstance(value, torch.Tensor):
        return algebra.digest({"": value})
    if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
        return f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    if isinstance(value, torch.dtype | torch.device | torch.Size | np.dtype):
        return repr(value)
    raise UsageError(
        f"{where}, a {type(value).__qualname__}, whose content cannot be part of a result's name. Make it inside the "
        "function from numbers, text, tensors and functions, or at the top level of the module, and raise version= "
        "when it changes."
    )


def _called(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)
