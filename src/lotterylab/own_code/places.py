"""The files in which functions and classes are written, and what stands there."""

from __future__ import annotations

import ast
import inspect
import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from lotterylab.own_code.held import plain
from lotterylab.own_code.trees import FUTURE, Written, same, written_in

CONSOLE = "__main__"


def file_of(thing: Any) -> str | None:
    """Return the file of a module, a class or a function; "" in a console or notebook, None for code in C."""
    if isinstance(thing, ModuleType):
        file = getattr(thing, "__file__", None)
        return "" if file is None and thing.__name__ == CONSOLE else file
    code = getattr(plain(thing), "__code__", None)
    if isinstance(code, CodeType) and not code.co_filename.startswith("<"):
        return code.co_filename
    if code is None and not isinstance(thing, type):
        return None
    module = sys.modules.get(getattr(thing, "__module__", None) or "")
    if module is None:  # made by exec, or its module was removed
        return None if code is None else ""
    return file_of(module)


@cache
def is_installed(file: str) -> bool:
    """Tell whether a file belongs to Python, to an installed package, or to this package."""
    path = Path(os.path.realpath(file))
    if {"site-packages", "dist-packages"} & set(path.parts):
        return True
    ours = Path(__file__).resolve().parents[1]
    libraries = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib"))
    return any(path.is_relative_to(folder) for folder in (ours, *map(os.path.realpath, filter(None, libraries))))


def wrapped(function: Any) -> Iterator[Any]:
    """Yield a function and those that its decorators have wrapped, the innermost last."""
    seen: list[Any] = []
    while function is not None and all(function is not each for each in seen):
        seen.append(function)
        yield function
        function = inspect.getattr_static(function, "__wrapped__", None)


def members_of(kind: type) -> list[FunctionType]:
    """Return the functions that are written in a class, sorted by name, without those that a decorator generates."""
    found = []
    for _, value in sorted(vars(kind).items()):
        parts = (value.fget, value.fset, value.fdel) if isinstance(value, property) else (value,)
        for part in parts:
            inner = getattr(part, "func", part) if not isinstance(part, FunctionType) else part
            functions = (each for each in map(plain, wrapped(plain(inner))) if isinstance(each, FunctionType))
            found += [each for each in functions if _is_written_in(kind, each)]
    return found


def _is_written_in(kind: type, function: FunctionType) -> bool:
    """Tell whether a method stands in its class's text; a decorator generates some, as that of dataclasses."""
    file = function.__code__.co_filename
    is_generated = file != file_of(kind) and (file.startswith(("<string", "<attrs")) or is_installed(file))
    return function.__qualname__.startswith(f"{kind.__qualname__}.") and not is_generated


def written_class(kind: type, members: Sequence[FunctionType]) -> Written | None:
    """Return a class as its file has it, if its methods compile to the loaded ones; what was found is kept."""
    try:
        return _found(kind, tuple(member.__code__ for member in members))
    except LookupError:
        return None


@cache
def _found(kind: type, codes: tuple[CodeType, ...]) -> Written:
    file = codes[0].co_filename if codes else file_of(kind)
    for written in written_in(file or "", codes[0].co_flags & FUTURE if codes else 0):
        if isinstance(written.node, ast.ClassDef) and written.code.co_qualname == kind.__qualname__:
            inside = [each for each in written.code.co_consts if isinstance(each, CodeType)]
            if all(any(same(code, each) for each in inside) for code in codes):
                return written
    raise LookupError(kind)
