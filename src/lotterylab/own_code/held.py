"""The values that a function holds beside its code, as texts: defaults, closure variables, attributes, globals."""

from __future__ import annotations

import dataclasses
import enum
import functools
import hashlib
import inspect
import os
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Protocol

from lotterylab.errors import UsageError
from lotterylab.masks import algebra

PLAIN = (type(None), enum.Enum, bool, int, float, complex, str, bytes, PurePath, range)
CONTAINERS = (tuple, list, set, frozenset, dict)
MOST_ITEMS = 10_000  # of a container at the top level of a module


class Code(Protocol):
    """``Code`` says how functions and classes are named that stand among values."""

    def text_inside(self, function: FunctionType) -> str:
        """Return the text of a function."""
        ...

    def text_of_class(self, kind: type) -> str:
        """Return the text of a class."""
        ...


class ByName:
    """``ByName`` names functions and classes among the values of globals by their names; their code counts apart."""

    def text_inside(self, function: FunctionType) -> str:
        """Return the name of a function."""
        return f"{function.__module__}.{function.__qualname__}"

    def text_of_class(self, kind: type) -> str:
        """Return the name of a class."""
        return f"{kind.__module__}.{kind.__qualname__}"


def plain(function: Any) -> Any:
    """Return the function of a method, or the thing itself."""
    return function.__func__ if isinstance(function, MethodType | classmethod | staticmethod) else function


def called(function: Any) -> str:
    """Return the name of a function, for errors."""
    return getattr(function, "__name__", type(function).__name__)


def held(function: Any) -> Iterator[tuple[str, Any]]:
    """Yield (name, value) for the values that belong to a function beside its code."""
    if isinstance(function, MethodType) and not isinstance(function.__self__, type):
        yield "self", function.__self__
    inner = plain(function)
    if not isinstance(inner, FunctionType):
        return
    cells = zip(inner.__code__.co_freevars, inner.__closure__ or (), strict=True)
    yield from sorted((name, cell.cell_contents) for name, cell in cells if name != "__class__" and _is_filled(cell))
    signature = inspect.signature(inner, follow_wrapped=False)
    defaults = ((name, parameter.default) for name, parameter in signature.parameters.items())
    yield from ((name, default) for name, default in defaults if default is not inspect.Parameter.empty)


def attributes(function: Any) -> Iterator[tuple[str, Any]]:
    """Yield (name, value) for the attributes that were given to a function."""
    given = vars(plain(function)) if isinstance(plain(function), FunctionType) else {}
    yield from sorted((name, value) for name, value in given.items() if not name.startswith("__"))


def constant(value: Any, *, with_containers: bool) -> str:
    """Return the text of a value at the top level of a module or class; "" if it does not count.

    Absolute paths do not count, because they are places; neither do objects whose content has no name.

    Args:
        value: the value.
        with_containers: count lists, dicts and sets too, which running code may change.
    """
    if isinstance(value, PurePath) or (isinstance(value, str) and os.path.isabs(value)):
        return ""
    if isinstance(value, list | dict | set) and (not with_containers or len(value) > MOST_ITEMS):
        return ""
    parameters = getattr(type(value), "__dataclass_params__", None)
    is_frozen = parameters is not None and parameters.frozen
    if not (is_frozen or isinstance(value, (*PLAIN, *CONTAINERS, functools.partial))):
        return ""
    try:
        return name_of(value, "", ByName())
    except UsageError:
        return ""


def parts_of(value: Any) -> list[Any]:
    """Return what a partial function or a container holds, such as a registry of functions."""
    if isinstance(value, functools.partial):
        return [value.func, *value.args, *value.keywords.values()]
    if not isinstance(value, CONTAINERS) or len(value) > MOST_ITEMS:
        return []
    return list(value.values()) if isinstance(value, dict) else list(value)


def name_of(value: Any, where: str, code: Code) -> str:
    """Return a text that is equal for equal values and for no others.

    Args:
        value: the value.
        where: what holds it, for errors.
        code: how functions and classes are named.

    Raises:
        UsageError: the content of the value cannot be named.
    """
    kind = type(value).__qualname__
    if isinstance(value, PLAIN):
        return f"{kind} {value!r}"
    if isinstance(value, ModuleType):
        return value.__name__
    if isinstance(value, BuiltinFunctionType) and isinstance(value.__self__, ModuleType | type | None):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, functools.partial):
        return f"{kind} {[name_of(part, where, code) for part in (value.func, value.args, value.keywords)]}"
    if isinstance(value, tuple | list):
        return f"{kind} [{', '.join(name_of(item, where, code) for item in value)}]"
    if isinstance(value, set | frozenset):
        return f"{kind} {sorted(name_of(item, where, code) for item in value)}"
    if isinstance(value, Mapping):
        return f"{kind} {[(name_of(key, where, code), name_of(item, where, code)) for key, item in value.items()]}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
        return f"{code.text_of_class(type(value))} {[(name, name_of(item, where, code)) for name, item in fields]}"
    if isinstance(value, type):
        return code.text_of_class(value)
    if isinstance(value, FunctionType | MethodType):
        bound = getattr(value, "__self__", None)
        owner = "" if bound is None else f"{name_of(bound, where, code)}."
        return owner + code.text_inside(plain(value))
    return f"{kind} {_name_of_numbers(value, where)}"


def _is_filled(cell: Any) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:  # the variable has no value yet
        return False
    return True


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
