"""The keyword parameters of a function or class, described so that a command can offer them as options."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from numbers import Real
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from lotterylab.errors import UsageError

SIMPLE = (int, float, bool, str)


@dataclass(frozen=True, kw_only=True)
class Option:
    """An ``Option`` is a parameter that a user can set; ``type`` is int, float, bool, str, Literal words or tuples."""

    name: str
    type: Any
    required: bool
    default: Any = None
    help: str = ""


def options_of(function: Callable[..., Any], skip: Collection[str] = ()) -> tuple[Option, ...]:
    """Return an option for each keyword parameter that is not in ``skip``, in the order of the signature.

    Its type is the annotation or, without one, the type of the default.  Its help is the text after ``name:`` in the
    docstring, with or without backquotes.  A parameter of an unsupported type is left out if it has a default.

    Raises:
        UsageError: a parameter of an unsupported type has no default.
    """
    help_of = _help_of(function)
    options = []
    for name, parameter in _parameters(function).items():
        if name in skip or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        required = parameter.default is parameter.empty
        kind = _type_of(parameter, function)
        if kind is not None and parameter.kind is not parameter.POSITIONAL_ONLY:
            default = None if required else parameter.default
            said = help_of.get(name, "").replace("``", "")
            options.append(Option(name=name, type=kind, required=required, default=default, help=said))
        elif required:
            raise UsageError(
                f"the parameter '{name}' of {_name(function)} has no default and "
                f"{'no type' if parameter.annotation is parameter.empty else f'the type {parameter.annotation}'}. Give "
                "it a default, or a type that can be written as an option: int, float, bool, str, or a tuple of them."
            )
    return tuple(options)


def takes(function: Callable[..., Any], name: str) -> bool:
    """Tell whether the function accepts the keyword ``name``."""
    parameter = _parameters(function).get(name)
    named = parameter is not None and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    return named or takes_any(function)


def takes_any(function: Callable[..., Any]) -> bool:
    """Tell whether the function accepts any keyword (``**options``)."""
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in _parameters(function).values())


def converted(value: Any, option: Option, where: str) -> Any:
    """Return ``value`` in the option's type; a whole number may stand for a float, and a list for a tuple.

    Raises:
        UsageError: the value has another type.
    """
    try:
        return _fit(value, option.type)
    except ValueError:
        asked = getattr(option.type, "__name__", None) if option.type in SIMPLE else str(option.type)
        raise UsageError(
            f"{option.name}={value!r} was given to '{where}', a {type(value).__name__}; it takes {asked}."
        ) from None


def _fit(value: Any, kind: Any) -> Any:
    if kind is float and isinstance(value, Real) and not isinstance(value, bool):
        return float(value)
    if kind in SIMPLE or kind is NoneType:
        if type(value) is kind:
            return value
    elif get_origin(kind) is Literal:
        if value in get_args(kind):
            return value
    elif get_origin(kind) is tuple and isinstance(value, tuple | list):
        parts = get_args(kind)
        many = len(parts) == 2 and parts[1] is Ellipsis
        kinds = parts[:1] * len(value) if many else parts
        return tuple(_fit(one, part) for one, part in zip(value, kinds, strict=True))
    elif kind is tuple and isinstance(value, tuple | list):
        return tuple(value)
    elif get_origin(kind) in (Union, UnionType):
        for part in get_args(kind):
            try:
                return _fit(value, part)
            except ValueError:
                continue
    raise ValueError(value)


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except ValueError:  # written in C
        raise UsageError(
            f"the parameters of {_name(function)} cannot be read. Name a function written in Python."
        ) from None


def _type_of(parameter: inspect.Parameter, function: Callable[..., Any]) -> Any:
    """Return the parameter's type, or None if an option cannot have it."""
    annotation: Any = parameter.annotation
    if isinstance(annotation, str):
        annotation = _evaluated(parameter.name, annotation, function)
    if annotation is parameter.empty:
        default = parameter.default
        if isinstance(default, tuple) and default:
            annotation = tuple[tuple(type(one) for one in default)]
            if len(set(get_args(annotation))) == 1:
                annotation = tuple[type(default[0]), ...]
        else:
            annotation = type(default) if type(default) in SIMPLE else None
    return annotation if _is_simple(annotation) else None


def _is_simple(kind: Any) -> bool:
    if kind in SIMPLE or kind is tuple:
        return True
    if get_origin(kind) is Literal:
        return all(type(word) in SIMPLE for word in get_args(kind))
    if get_origin(kind) in (tuple, Union, UnionType):
        return all(_is_simple(part) for part in get_args(kind) if part not in (NoneType, Ellipsis))
    return False


def _evaluated(name: str, annotation: str, function: Callable[..., Any]) -> Any:
    """Return the type that an annotation names in the function's module, or None if a name is unknown.

    Each annotation is evaluated alone, since others may use names that are imported for type checkers only.
    """
    written = inspect.unwrap(function)
    home = vars(sys.modules[written.__module__])
    try:
        return get_type_hints(type("One", (), {"__annotations__": {name: annotation}}), {**home})[name]
    except (NameError, AttributeError, TypeError, SyntaxError):
        return None


def _help_of(function: Callable[..., Any]) -> dict[str, str]:
    """Return help texts by parameter name; those of a class include its base classes'."""
    documented = reversed(function.__mro__) if isinstance(function, type) else (function,)
    found: dict[str, str] = {}
    for one in documented:
        found |= _help_by_name(inspect.cleandoc(one.__doc__ or ""))
    return found


def _help_by_name(text: str) -> dict[str, str]:
    """Return the text after "name:" at the start of a line, with the following lines that are indented further."""
    found: dict[str, str] = {}
    current, depth = "", 0
    for line in text.splitlines():
        words, indent = line.strip(), len(line) - len(line.lstrip())
        begins = re.match(r"(?:[-*] )?`{0,2}(\w+)`{0,2}(?: ?\([^)]*\))?: +(\S.*)", words)
        if current and words and indent > depth:
            found[current] += f" {words}"
        elif begins:
            current, depth = begins[1], indent
            found[current] = re.split(r"\s+``\w+``: ", begins[2])[0]  # another name may follow in the line
        else:
            current = ""
    return found


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", type(function).__name__)
