"""The process in which a run was asked for: a script, a notebook, a worker of another pool.

Worker processes are started anew, and Python lets each import the caller's script first.  A script without
``if __name__ == "__main__"`` would then start workers again.  Workers need the script only for classes and functions
that are defined in it, so it stays hidden from them otherwise.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

from lotterylab.errors import UsageError
from lotterylab.plan.nodes import Node

MAIN = ("__main__", "__mp_main__")
HERE = "Give workers=0, which computes in this process"


def is_daemonic() -> bool:
    """Tell whether this process may start no others, as the workers of a ``multiprocessing.Pool`` and of a loader."""
    return bool(multiprocessing.current_process().daemon)


def needs_main(nodes: Iterable[Node]) -> bool:
    """Return whether workers need the caller's script, because nodes have a class or a function that it defines.

    Raises:
        UsageError: this process may start no others, or workers cannot import a class or a function.
    """
    if is_daemonic():
        raise UsageError(
            f"this process ({multiprocessing.current_process().name}) is the worker of another pool and may start no "
            f"processes. {HERE}."
        )
    found = list(_defined_elsewhere(nodes))
    for thing in found:
        if "<locals>" in thing.rpartition(":")[2]:
            raise UsageError(
                f"'{thing.rpartition(':')[2]}' is defined inside a function, so worker processes cannot import it. "
                f"{HERE}, or define it at the top level of a module."
            )
    if not found:
        return False
    name, main = found[0].rpartition(":")[2], sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    if file is None or not os.path.isfile(file):
        raise UsageError(
            f"'{name}' is defined in a notebook or a console, so worker processes cannot import it. {HERE}, or define "
            "it in a module."
        )
    if _is_called_while_imported(main, file):
        raise UsageError(
            f"{os.path.basename(file)} defines '{name}' and calls this outside if __name__ == '__main__', so each "
            f"worker process would run the script again. Put the call under it. {HERE}."
        )
    return True


@contextmanager
def main_hidden(hide: bool) -> Iterator[None]:
    """Let processes that are started inside not import the caller's script.

    Args:
        hide: False changes nothing.
    """
    main = sys.modules.get("__main__")
    if not hide or main is None:
        yield
        return
    before = {name: vars(main)[name] for name in ("__file__", "__spec__") if name in vars(main)}
    try:
        vars(main).pop("__file__", None)
        main.__spec__ = None
        yield
    finally:
        vars(main).pop("__spec__", None)
        vars(main).update(before)


def _defined_elsewhere(nodes: Iterable[Node]) -> Iterator[str]:
    """Yield "module:name" for what nodes hold that is defined in the script, or inside a function."""
    waiting: list[Any] = list(nodes)
    seen: set[int] = set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if value.startswith(tuple(f"{name}:" for name in MAIN)):  # a reference
                yield value
            continue
        if isinstance(value, int | float | None) or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value
        kind = value if isinstance(value, type | FunctionType) else type(value)
        if kind.__module__ in MAIN or "<locals>" in kind.__qualname__:
            yield f"{kind.__module__}:{kind.__qualname__}"
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            waiting += [getattr(value, field.name) for field in dataclasses.fields(value)]


def _is_called_while_imported(main: ModuleType, file: str) -> bool:
    """Tell whether the script's own lines call this, outside ``if __name__ == "__main__"``."""
    frame = inspect.currentframe()
    while frame is not None and not (frame.f_globals is vars(main) and frame.f_code.co_name == "<module>"):
        frame = frame.f_back
    if frame is None:
        return False
    try:
        with open(file, encoding="utf-8") as text:
            tree = ast.parse(text.read())
    except (OSError, SyntaxError, ValueError):
        return False
    line = frame.f_lineno
    guards = (node for node in ast.walk(tree) if isinstance(node, ast.If) and "__name__" in ast.dump(node.test))
    return not any(node.lineno <= line <= (node.end_lineno or line) for node in guards)
