"""An option: its name, its type and limits, and its default.

``Option`` is the one class for the options of a command, of a study and of a user's function.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from lotterylab.errors import UsageError, about, suggestion, unknown
from lotterylab.own_code.values import fit, in_words, read, tuple_in
from lotterylab.system.places import place

MOST_NAMED = 8  # choices that a help text lists


@dataclass(frozen=True)
class Default:
    """A ``Default`` depends on the other options: ``of(options)``; ``words`` describe it in a help text."""

    of: Callable[[Any], Any]
    words: str


@dataclass(frozen=True, kw_only=True)
class Option:
    """An ``Option`` is a parameter that a user can set, of a command, a study, a model or data.

    ``name``: with a dot for the options of a model or of data ("model.width").  ``type``: int, float, bool, str, Path,
    words (Literal), tuples of these, or these or None.  ``required``: whether it has no ``default``.

    ``sizes``: its value by size, for a study in sizes.  ``least``, ``most``: limits of a number; without
    ``least`` a number has to be above 0.  ``choices``: the names that it takes.  ``check``: raises a ``UsageError`` for
    a wrong value.  ``own``: from a value, such as a model's name, to the options of the thing that it names.

    ``shown``: the word for the value in a help text.  ``positional``: it has no flag.  ``hidden``: it has no place on a
    command line or in a file.  ``note``: the name of a size in a sentence, for the option that names the size.
    """

    name: str
    type: Any
    required: bool = False
    default: Any = None
    help: str = ""
    sizes: Mapping[str, Any] = field(default_factory=dict)
    least: float | None = None
    most: float | None = None
    choices: Collection[str] = ()
    check: Callable[[Any], object] | None = None
    own: Callable[[str], tuple[Option, ...]] | None = None
    shown: str = ""
    positional: bool = False
    hidden: bool = False
    note: str = ""

    @property
    def flag(self) -> str:
        """Return its flag, "--dense-epochs"."""
        return "--" + self.name.replace("_", "-")

    @property
    def off(self) -> str:
        """Return the flag that turns it off, "--no-flip", "--model.no-batch-norm"."""
        before, dot, last = self.flag.removeprefix("--").rpartition(".")
        return f"--{before}{dot}no-{last}"

    @property
    def switch(self) -> bool:
        """Return whether its flag stands alone, without a value."""
        return self.type is bool

    @property
    def paired(self) -> bool:
        """Return whether it also has a flag that turns it off, as switches of a model or of data have."""
        return self.switch and "." in self.name

    @property
    def flags(self) -> tuple[str, ...]:
        """Return all its flags."""
        return (self.flag, self.off) if self.paired else (self.flag,)

    @property
    def called(self) -> str:
        """Return its name in an error on a command line."""
        return (self.shown or self.name.upper()) if self.positional else self.flag

    @property
    def many(self) -> int | str | None:
        """Return the number of words that it takes: a number, "*" for any number, None for one."""
        parts = get_args(self.type) if get_origin(self.type) is tuple else tuple_in(self.type)
        return None if not parts else "*" if Ellipsis in parts else len(parts)

    def default_for(self, options: Any) -> Any:
        """Return the default, given the other options."""
        return self.default.of(options) if isinstance(self.default, Default) else self.default

    @property
    def text(self) -> str:
        """Return its help: a sentence, the names that it takes, and its default."""
        more = []
        if 0 < len(self.choices) <= MOST_NAMED and get_origin(self.type) is not Literal:
            more.append(
                f"one of {', '.join(self.choices)}" if self.many is None else f"some of {', '.join(self.choices)}"
            )
        if self.sizes:
            more.append(f"default {', '.join(f'{size} {_spelled(value)}' for size, value in self.sizes.items())}")
        elif isinstance(self.default, Default):
            more.append(f"default {self.default.words}")
        elif not self.required and not self.switch and self.default not in (None, "", ()):
            more.append(f"default {_spelled(self.default)}")
        help = self.help.rstrip(".")
        return f"{help} ({'; '.join(more)})." if more else f"{help}."

    @property
    def metavar(self) -> str:
        """Return the word for its value in a help text: "N", "X", "ACTIVATION"."""
        if self.shown:
            return self.shown
        if get_origin(self.type) is Literal:
            return f"{{{','.join(map(str, get_args(self.type)))}}}"
        if self.choices:
            return self.name.removesuffix("s").upper()
        return {int: "N", float: "X", bool: "{True,False}", Path: "PATH"}.get(_leaf(self.type), "WORD")

    def read(self, words: list[str]) -> Any:
        """Return the value of words of a command line.

        Raises:
            UsageError: a word is not a value of the option's type.
        """
        known = self.choices or self.check or _leaf(self.type) in (int, float)  # a free text may hold a comma
        if self.many == "*" and known and any("," in word.strip(",") for word in words):
            spaced = " ".join(part for word in words for part in word.split(",") if part)
            point = " A decimal has a point, as 0.5." if _leaf(self.type) is float else ""
            raise UsageError(
                f"{self.called} {' '.join(words)}: separate the values by spaces: {self.called} {spaced}.{point}",
                option=self.name,
            )
        try:
            return read(words, self.type)
        except ValueError as error:
            raise UsageError(
                f"{self.called} {error}: it takes {in_words(self.type)}.{self._near(str(error))}", option=self.name
            ) from None

    def _near(self, word: str) -> str:
        """Return the suggestion of a word near a wrong one, if the option takes a few words."""
        return suggestion(word, map(str, get_args(self.type)) if get_origin(self.type) is Literal else ())

    def fitted(self, value: Any, where: str = "") -> Any:
        """Return ``value`` in the option's type.

        A whole number may stand for a float, a list for a tuple and a text for a path, in which ``~`` is expanded.

        Raises:
            UsageError: the value has another type.
        """
        try:
            fitted = fit(value, self.type)
        except ValueError:
            to = f" was given to '{where}'" if where else " was found"
            raise UsageError(
                f"{self.name} = {value!r}{to}; it takes {in_words(self.type)}.{self._near(str(value))}",
                option=self.name,
            ) from None
        with about(self.name):
            if isinstance(fitted, tuple):
                return tuple(self._placed(item) for item in fitted)
            return self._placed(fitted)

    def _placed(self, item: Any) -> Any:
        """Return the value, or the path with ``~`` expanded."""
        return place(item, self.called) if isinstance(item, Path) else item

    def checked(self, value: Any) -> Any:
        """Return ``value`` in the option's type.

        Raises:
            UsageError: the value has another type, is outside its limits, is an empty list, or has an item twice.
        """
        value = self.fitted(value)
        items = value if isinstance(value, tuple) else () if value is None else (value,)
        with about(self.name):
            if value == () and not self.default == ():
                raise UsageError(f"{self.name} names nothing; give at least one.")
            if twice := [item for number, item in enumerate(items) if item in items[:number]]:
                raise UsageError(f"{self.name} names {twice[0]} twice; give each once.")
            for item in items:
                self._check(item)
        return value

    def _check(self, item: Any) -> None:
        if self.check:
            self.check(item)
        if self.choices and item not in self.choices:
            raise unknown(self.name.removesuffix("s"), item, self.choices)
        if isinstance(item, int | float) and not isinstance(item, bool):
            if self.most is not None and item > self.most:
                raise UsageError(f"{self.name} is {item}; at most {self.most:,} are possible.")
            if self.least is None and item <= 0:
                raise UsageError(f"{self.name} is {item:g}; it has to be above 0.")
            if self.least is not None and item < self.least:
                raise UsageError(f"{self.name} is {item:g}; it has to be at least {self.least:g}.")


def _leaf(kind: Any) -> Any:
    """Return the type of one word: int for ``tuple[int, ...] | None``."""
    inside = [part for part in get_args(kind) if part not in (NoneType, Ellipsis)]
    return _leaf(inside[0]) if inside else kind


def _spelled(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(_spelled, value)) or "none"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
