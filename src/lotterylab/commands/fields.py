"""The options of a command as values: their names on the command line and in a parameters file, and what they take."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import tyro


@dataclass(frozen=True, kw_only=True)
class Option:
    """``name``: as in the dataclass ("dense_epochs"), with a dot for those of a model or of data ("model.width").

    ``hint``: the type, without what only the command line reads.  ``pair``: a switch that can also be turned off
    ("--flip", "--no-flip").  ``positional``: it has no flag.
    """

    name: str
    hint: Any
    pair: bool
    positional: bool

    @property
    def flag(self) -> str:
        """ "--dense-epochs"."""
        return "--" + self.name.replace("_", "-")

    @property
    def off(self) -> str:
        """ "--no-flip", "--model.no-batch-norm"."""
        before, dot, last = self.flag.removeprefix("--").rpartition(".")
        return f"--{before}{dot}no-{last}"


@cache
def options(kind: type) -> tuple[Option, ...]:
    """The options of a command, those of the dataclasses among its fields included, in order."""
    return tuple(_options(kind))


def _options(kind: type) -> Iterator[Option]:
    hints = get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        notes = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
        plain = get_args(hint)[0] if notes else hint
        if tyro.conf.Suppress in notes:
            continue
        if dataclasses.is_dataclass(plain):
            yield from _options(plain)  # type: ignore[arg-type]
            continue
        given = (getattr(note, "name", None) for note in notes)
        yield Option(
            name=next((name for name in given if name), field.name),
            hint=plain,
            pair=plain is bool and tyro.conf.FlagCreatePairsOff not in notes,
            positional=tyro.conf.Positional in notes,
        )


def fits(value: Any, hint: Any) -> bool:
    """Whether a value of a parameters file is of the type of an option."""
    if hint is Any:
        return True
    if hint is NoneType:
        return value is None
    if get_origin(hint) in (Union, UnionType):
        return any(fits(value, one) for one in get_args(hint))
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if get_origin(hint) is tuple:
        of = get_args(hint)
        if not isinstance(value, list | tuple):
            return False
        if len(of) == 2 and of[1] is Ellipsis:
            return all(fits(one, of[0]) for one in value)
        return len(value) == len(of) and all(map(fits, value, of))
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, bool if hint is bool else str)  # a path, too, is text in a file


def takes(hint: Any) -> str:
    """What an option takes, in words."""
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(takes(one) for one in get_args(hint) if one is not NoneType)
    if get_origin(hint) is Literal:
        return f"one of {', '.join(map(str, get_args(hint)))}"
    if get_origin(hint) is tuple:
        return f"a list, each {takes(get_args(hint)[0])}"
    return {int: "a whole number", float: "a number", bool: "true or false"}.get(hint, "text")
