"""The faces of the package: their names live elsewhere, and a misspelt name or argument is answered with the right one.

Nothing is imported here before it is used.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any, TypeVar

Thing = TypeVar("Thing")
ROOMS = (
    *("analysis", "combining", "criteria", "data", "gates", "interventions", "masks", "models", "plan", "statistics"),
    "structure",
)
HELPED = "__lotterylab_helped__"  # the mark of what answers wrong arguments
MISUSED = (TypeError, AttributeError, ValueError, LookupError, RuntimeError)  # that a wrong argument may end in


class UnknownName(AttributeError):
    """A module has no such name; the message, which looks for near ones, is made when it is shown."""

    def __init__(self, package: str, name: str) -> None:
        super().__init__(name=None, obj=None)  # or Python would add a suggestion of its own
        self.args = (package, name)

    def __str__(self) -> str:
        """Return the message with the nearest name of this face, or of another."""
        package, name = self.args
        text = f"module '{package}' has no attribute '{name}'"
        if name.startswith("_"):
            return text
        near = _near(package, name)
        own = dir(sys.modules[package]) if package in sys.modules else []
        known = f" It has: {', '.join(known for known in own if not known.startswith('_'))}." if own else ""
        return f"{text}. Did you mean {' or '.join(near)}?" if near else f"{text}.{known}"


def offered(
    package: str, homes: Mapping[str, Iterable[str]], rooms: Iterable[str] = ()
) -> tuple[Callable[[str], Any], list[str]]:
    """Return the ``__getattr__`` of a package whose names live in other modules, and the sorted names.

    Args:
        package: the package that offers the names.
        homes: a module -> the names that it defines.
        rooms: modules of the package itself that it offers under their own names.
    """
    home_of = {name: home for home, names in homes.items() for name in names}
    modules = frozenset(rooms)

    def find(name: str) -> Any:
        if name in modules:
            return import_module(f"{package}.{name}")
        if name in home_of:
            return _helpful_in(import_module(home_of[name]), name)
        raise UnknownName(package, name)

    return find, sorted((*home_of, *modules))


def room(package: str, homes: Mapping[str, Iterable[str]] | None = None) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package that defines or imports its names, but for those of ``homes``.

    The functions and classes in its ``__all__`` become helpful.
    """
    module = sys.modules[package]
    for name in module.__all__:
        if name in vars(module):
            _helpful_in(module, name)
    return offered(package, homes or {})[0]


def _helpful_in(home: ModuleType, name: str) -> Any:
    """Return what a module has under a name, made helpful where it is defined too: a pickle finds the same object."""
    value = getattr(home, name)
    helped = helpful(value)
    for module in (home, sys.modules.get(getattr(value, "__module__", ""))) if helped is not value else ():
        if module is not None and vars(module).get(name) is value:
            setattr(module, name, helped)
    return helped


def helpful(thing: Thing) -> Thing:
    """Return a function or class whose wrong calls are answered with the right argument.

    A function is wrapped, a class keeps its identity.  Where a sequence is meant (``Sequence[...]`` or
    ``tuple[..., ...]``), a single value is taken as a sequence of one.

    Examples:
        >>> @helpful
        ... def prune(module, *, sparsity): ...
        >>> prune("net", sparcity=0.9)
        Traceback (most recent call last):
        ...
        lotterylab.errors.CallError: prune() takes no argument 'sparcity'. Did you mean sparsity=? ...
    """
    if isinstance(thing, FunctionType):
        return thing if hasattr(thing, HELPED) else _answering(thing)  # type: ignore[return-value]
    own = vars(thing).get("__init__") if isinstance(thing, type) else None
    if isinstance(own, FunctionType) and not hasattr(own, HELPED):
        thing.__init__ = _answering(own, thing)  # type: ignore[misc]
    return thing


def _answering(function: FunctionType, kind: type | None = None) -> Callable[..., Any]:
    """Return the function, or the ``__init__`` of a class, with the answer to wrong arguments."""
    hints = {name: str(hint) for name, hint in function.__annotations__.items()}
    listed = {name for name, hint in hints.items() if hint.startswith("Sequence[")}
    listed |= {name for name, hint in hints.items() if hint.startswith("tuple[") and "..." in hint}
    by_place = function.__code__.co_varnames[: function.__code__.co_argcount]
    places = [place for place, word in enumerate(by_place) if word in listed]
    name = function.__name__ if kind is None else kind.__name__

    @functools.wraps(function)
    def called(*args: Any, **named: Any) -> Any:
        for word in listed & named.keys():
            named[word] = as_tuple(named[word])
        if places and len(args) > places[0]:
            args = tuple(as_tuple(value) if place in places else value for place, value in enumerate(args))
        try:
            return function(*args, **named)
        except MISUSED as error:
            problem = _told(error, function, name, args if kind is None else args[1:], named)
            if problem is None:
                raise
        raise problem

    setattr(called, HELPED, True)
    return called


def _told(
    error: Exception, function: FunctionType, name: str, args: tuple[Any, ...], named: Mapping[str, Any]
) -> Exception | None:
    """Return the error for a call that failed because of its arguments, or None if they are not at fault."""
    from lotterylab.errors import CallError, LotteryError
    from lotterylab.own_code.arguments import wrong_kind, wrong_names

    if isinstance(error, LotteryError) and not isinstance(error, CallError):
        return None
    outside = error.__traceback__ is not None and error.__traceback__.tb_next is None  # the call itself has failed
    reason = wrong_names(function, name, args, named) if outside and isinstance(error, TypeError) else ""
    reason = reason or wrong_kind(function, name, args, named)
    return CallError(reason) if reason else None


def as_tuple(value: Any) -> Any:
    """Return a list or range as a tuple, a single word, number or object as a tuple of it, and anything else as it is.

    Examples:
        >>> as_tuple(0.5), as_tuple("relu"), as_tuple([1, 2]), as_tuple(None)
        ((0.5,), ('relu',), (1, 2), None)
    """
    if isinstance(value, tuple) or value is None:
        return value
    if isinstance(value, list | range):
        return tuple(value)
    return value if isinstance(value, Iterable) and not isinstance(value, str) else (value,)


def _near(package: str, name: str) -> list[str]:
    """Return the full names that a misspelt name of a face may stand for, the same name in another place first."""
    from lotterylab.errors import nearest

    names = list(_offers(package))
    if same := [full for full, short in names if short.lower() == name.lower()]:
        return same[:3]
    own = [(full, short) for full, short in names if full == f"{package}.{short}"]
    for place in (own, names):
        if near := nearest(name, [short for _, short in place]):
            return [full for full, short in place if short in near][:3]
    return []


def _offers(package: str) -> Iterator[tuple[str, str]]:
    """Yield every name of the public faces, in full and in short; those of ``package`` first."""
    root = package.partition(".")[0]
    faces = (root, *(f"{root}.{name}" for name in ROOMS)) if root == __package__ else ()
    for face in dict.fromkeys((package, *faces)):
        module = import_module(face)
        for name in getattr(module, "__all__", None) or dir(module):
            yield f"{face}.{name}", name
