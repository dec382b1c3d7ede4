"""The keyword parameters of a function or class, as options that a command can offer."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Collection
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from lotterylab.errors import UsageError
from lotterylab.own_code.options import Option
from lotterylab.own_code.values import SIMPLE


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
            text = help_of.get(name, "").replace("``", "")
            options.append(Option(name=name, type=kind, required=required, default=default, help=text))
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
            annotation = tuple[tuple(type(item) for item in default)]
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
    """Return help texts by parameter name; a class includes the texts of its base classes."""
    documented = reversed(function.__mro__) if isinstance(function, type) else (function,)
    texts: dict[str, str] = {}
    for documented_object in documented:
        texts |= _help_by_name(inspect.cleandoc(documented_object.__doc__ or ""))
    return texts


def _help_by_name(text: str) -> dict[str, str]:
    """Return the text after "name:" at the start of a line, with the following lines that are indented further."""
    texts: dict[str, str] = {}
    current, depth = "", 0
    for line in text.splitlines():
        words, indent = line.strip(), len(line) - len(line.lstrip())
        begins = re.match(r"(?:[-*] )?`{0,2}(\w+)`{0,2}(?: ?\([^)]*\))?: +(\S.*)", words)
        if current and words and indent > depth:
            texts[current] += f" {words}"
        elif begins:
            current, depth = begins[1], indent
            texts[current] = re.split(r"\s+``\w+``: ", begins[2])[0]  # another name may follow in the line
        else:
            current = ""
    return texts


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", type(function).__name__)
