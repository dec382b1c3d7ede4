"""A user's own function is imported by its reference "package.module:name" and named by its code."""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import sys
import traceback
from collections.abc import Callable
from functools import cache, reduce
from pathlib import PurePath
from typing import Any

from lotterylab.errors import UsageError, a_type, suggestion, unknown
from lotterylab.formats.text import shown
from lotterylab.own_code.naming import code_of
from lotterylab.own_code.signatures import options_of, takes_any

MOST_LETTERS = 1000  # letters of an error's message
REFERENCE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def find(reference: str) -> Callable[..., Any]:
    """Return the function or class that "package.module:name" names.

    Raises:
        UsageError: ``value`` raises it, or the object cannot be called.

    Examples:
        >>> find("os.path:basename")("folder/file")
        'file'
    """
    function = value(reference)
    if not callable(function):
        raise UsageError(f"'{reference}' is {a_type(function)}, which cannot be called. Name a function or class.")
    return function


def value(reference: str, like: Callable[[Any], bool] = callable) -> Any:
    """Return the object that "package.module:name" names; an error suggests names whose objects are ``like`` it.

    The current folder is put first on ``sys.path``, as with ``python -m``, and stays there for later imports of the
    user's code.

    Raises:
        UsageError: the reference is malformed, the module or the name does not exist, or the import fails.
    """
    if not REFERENCE.fullmatch(reference) or ".py:" in reference:
        raise UsageError(f"'{reference}' is not a reference. {_spelling(reference)}")
    module_name, _, name = reference.partition(":")
    module = _import(module_name, reference)
    try:
        return reduce(getattr, name.split("."), module)
    except AttributeError:
        known = [word for word, thing in vars(module).items() if like(thing) and not word.startswith("_")]
        raise UsageError(
            f"'{reference}': {module_name} has no '{name}'.{suggestion(name, known)} It has: "
            f"{', '.join(sorted(known)) or 'nothing of that kind'}."
        ) from None


def module_of(file: str) -> str:
    """Return the name under which a Python file is imported, from the current folder or else from the file's.

    Examples:
        >>> module_of("./mine.py"), module_of("my/studies.py"), module_of("/home/me/mine.py")
        ('mine', 'my.studies', 'mine')
    """
    path = PurePath(file).with_suffix("")
    return path.name if path.is_absolute() or ".." in path.parts else ".".join(path.parts)


def code_hash(reference: str) -> str:
    """Return the SHA-256 that names the code which the function runs in this process (``own_code.naming``).

    Raises:
        UsageError: the function is not written in Python.
    """
    return _name_of(find(reference), reference)


def check_unchanged(reference: str, code: str) -> None:
    """Refuse a function that runs other code than the code named ``code``.

    Raises:
        UsageError: the names differ.
    """
    current = code_hash(reference)
    if current != code:
        raise UsageError(
            f"'{reference}' was planned with the code {code[:12]}, and this process has imported the code "
            f"{current[:12]}. Plan it again, or bring the file back."
        )


@cache
def _name_of(function: Callable[..., Any], reference: str) -> str:
    try:
        return code_of(function).digest
    except UsageError as error:
        raise UsageError(f"'{reference}' cannot be named by its code: {error}") from error


def _import(module_name: str, reference: str) -> Any:
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    importlib.invalidate_caches()  # a file may be newer than the cached listing
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise _broken(reference, module_name, error) from error
        package, _, missing = error.name.rpartition(".")
        near = suggestion(missing, _beside(package))
        raise UsageError(
            f"'{reference}': there is no module {error.name}, searched from {here}.{near} "
            "Run the command where the module is, or put its folder into PYTHONPATH."
        ) from None
    except (Exception, SystemExit) as error:
        raise _broken(reference, module_name, error) from error


def _beside(package: str) -> list[str]:
    """Return the names of the modules in the package, or in the current folder without one."""
    if not package:
        return [module.name for module in pkgutil.iter_modules([os.getcwd()])]
    return [module.name for module in pkgutil.iter_modules(getattr(sys.modules[package], "__path__", []))]


def described(error: BaseException) -> str:
    """Return the class and message of an error in a user's code, with the last frame outside this package."""
    ours = os.path.dirname(__file__) + os.sep
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if "importlib" not in frame.filename and not frame.filename.startswith(ours)]
    where = f", {theirs[-1].filename}:{theirs[-1].lineno}" if theirs else ""
    try:
        words = shown(str(error), most=MOST_LETTERS)
    except Exception:  # the __str__ of a user's error may fail
        words = "(its message cannot be shown)"
    return f"{type(error).__name__}: {words}{shown(where, most=None)}"


def _broken(reference: str, module_name: str, error: BaseException) -> UsageError:
    return UsageError(
        f"'{reference}': importing {module_name} failed: {described(error)}. It is imported, not run: keep what should "
        "only run as a script under if __name__ == '__main__'."
    )


def _spelling(reference: str) -> str:
    """Return a hint at the correct spelling of a reference."""
    hint = "Write package.module:name, such as my_models:small_net."
    path, _, name = reference.partition(":")
    if path.endswith(".py") and name:
        return f"{hint} A module has no .py: '{path.removesuffix('.py').replace(os.sep, '.')}:{name}'."
    if not name and "." in path.rstrip(".:") and not path.endswith((".py", ".py:")):
        module, _, last = path.rstrip(".:").rpartition(".")
        return f"{hint} Did you mean '{module}:{last}'?"
    return hint


def check_options(reference: str, given: dict[str, Any], skip: tuple[str, ...] = ()) -> tuple[tuple[str, Any], ...]:
    """Return ``given`` as (name, value) pairs sorted by name, each value in the type that the function declares.

    A whole number may stand for a float, and a list for a tuple.

    Args:
        reference: "package.module:name" of the function.
        given: values by option name.
        skip: parameters that the model or the data set passes.

    Raises:
        UsageError: an option is unknown, has another type, or is missing.
    """
    function = find(reference)
    options = {option.name: option for option in options_of(function, skip)}
    for name, item in given.items():
        if name in skip:
            raise UsageError(f"{name}={item!r} was given for '{reference}', which gets its {name} from the model.")
        if name not in options and not takes_any(function):
            if not options:
                raise UsageError(f"{name}={item!r} was given, but '{reference}' has no options.")
            raise unknown(f"option of '{reference}'", name, options)
    missing = [name for name, option in options.items() if option.required and name not in given]
    if missing:
        raise UsageError(f"'{reference}' needs {', '.join(missing)}, which has no default. Give a value.")
    checked = {n: options[n].fitted(v, reference) if n in options else v for n, v in given.items()}
    return tuple(sorted(checked.items()))
