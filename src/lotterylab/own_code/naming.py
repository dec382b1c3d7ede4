"""Results of a user's functions are named by the code that runs, and by the values that it holds.

The code of a function is its own, that of the user's functions and classes that it names, and theirs in turn.  Code of
installed packages and of Python is not part of it.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any

from lotterylab.errors import UsageError
from lotterylab.own_code.held import PLAIN, attributes, called, constant, held, name_of, parts_of, plain
from lotterylab.own_code.places import file_of, is_installed, members_of, wrapped, written_class
from lotterylab.own_code.trees import (
    Names,
    changed_in,
    compiled_text,
    has_text,
    names_around,
    names_in,
    text_of,
    tree_of,
)

SHORT = 10  # digits of the digest of one function


@dataclass(frozen=True, kw_only=True)
class Named:
    """A ``Named`` is the name of running code.

    ``digest``: the SHA-256 of all of it.  ``parts``: the qualified name of each function and class, with the first
    digits of its own digest.  ``compiled``: the functions that are named by their compiled form, because their file
    holds other code now.
    """

    digest: str
    parts: tuple[tuple[str, str], ...]
    compiled: tuple[str, ...]

    def spelled(self) -> str:
        """Return the digest with the parts, as a record keeps them, so that it can be told later which one changed."""
        return " ".join([self.digest, *(f"{name}={digest}" for name, digest in self.parts)])

    def note(self) -> str:
        """Return a sentence about code that no file holds any more; "" if there is none."""
        if not self.compiled:
            return ""
        return (
            f"the file of {', '.join(self.compiled)} no longer holds the code that runs here: it was edited after it "
            "was imported, or a tool rewrites it. Results are named by the code that runs. To run the file as it is "
            "now, start Python again."
        )


def code_of(*functions: Callable[..., Any]) -> Named:
    """Return the name of the code that functions run, with the values that they hold: defaults and closure variables.

    A function counts by its syntax tree, so that comments and blank lines change nothing.  If its file was edited after
    it was imported, it counts by its compiled form.  Numbers, text and containers of them at the top level of a module
    count where the code names them and does not change them; absolute paths do not count.

    Args:
        functions: functions, methods or classes.

    Raises:
        UsageError: a function has no Python code, or holds a value that cannot be hashed, such as a data loader.
    """
    files = (file_of(each) for function in functions for each in wrapped(function))
    namer = _Namer(home=tuple(filter(None, files)))
    for function in functions:
        namer.root(function)
    texts = namer.texts()
    digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}
    whole = hashlib.sha256("\n".join(sorted(f"{name} {digest}" for name, digest in digests.items())).encode())
    parts = tuple((name, digest[:SHORT]) for name, digest in digests.items())
    return Named(digest=whole.hexdigest(), parts=parts, compiled=tuple(dict.fromkeys(namer.compiled)))


@dataclass
class _Entry:
    """The text of a function or class, and the values of globals that it names."""

    lines: list[str]
    globals: dict[str, Any] = field(default_factory=dict)
    is_tree: bool = True


@dataclass
class _Namer:
    """A ``_Namer`` goes through the code that functions name, each function and class once.

    ``home``: the files of the functions that were asked for, which count even if they are installed.  ``compiled``: the
    names of code whose file holds other code now.  ``changed``: the names of globals that the code itself changes.
    ``seen``: functions and classes that have an entry, with its name.
    """

    home: tuple[str, ...]
    entries: dict[str, _Entry] = field(default_factory=dict)
    compiled: list[str] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    seen: list[tuple[Any, str]] = field(default_factory=list)

    def root(self, function: Any) -> None:
        """Add one of the functions that were asked for."""
        if called(function) == "<lambda>":
            raise UsageError("a lambda has no name, so it cannot name a result. Define the function with def.")
        if isinstance(function, type) and self.is_own(function):
            self.add_class(function)
            return
        chain = [plain(each) for each in wrapped(function)]
        if not isinstance(chain[-1], FunctionType):
            raise UsageError(
                f"{called(function)} has no source in Python to name its results by. Define it with def, in a file or "
                "in a notebook's cell."
            )
        for each in chain[:-1]:
            if isinstance(each, FunctionType) and self.is_own(each):
                self.add_function(each, strict=True)
        self.add_function(chain[-1], strict=True, bound=function)

    def texts(self) -> dict[str, str]:
        """Return the text of each entry, with the values of the globals that the code does not change."""
        found = {}
        for name, entry in self.entries.items():
            values = (
                (key, constant(value, with_containers=entry.is_tree))
                for key, value in sorted(entry.globals.items())
                if key not in self.changed
            )
            found[name] = "\n".join([*entry.lines, *(f"{key} = {text}" for key, text in values if text)])
        return found

    def add_function(self, function: FunctionType, *, strict: bool = False, bound: Any = None) -> str:
        """Add a function and what it names, and return the name of its entry.

        ``strict`` refuses a value that it holds and that cannot be named.  ``bound``: the method that was given.
        """
        if name := self._seen(function):
            return name
        name, entry = self._entry(function, function.__code__.co_qualname)
        names = self._into(entry, function)
        entry.lines += self._lines(bound or function, strict=strict)
        self._follow(names, function.__globals__, entry)
        return name

    def add_class(self, kind: type) -> str:
        """Add a class, its own bases, and what its methods name, and return the name of its entry."""
        if name := self._seen(kind):
            return name
        name, entry = self._entry(kind, kind.__qualname__)
        members = members_of(kind)
        written = written_class(kind, members)
        if written is not None:
            entry.lines.append(text_of(written.node))
            self.changed |= changed_in(written.node)
            names = names_around(written.node) | names_in(written.code)
        else:
            entry.is_tree = False
            if members and has_text(members[0].__code__.co_filename):
                self.compiled.append(kind.__qualname__)
            entry.lines += [compiled_text(member.__code__) for member in members]
            names = Names(frozenset(), frozenset())
            for member in members:
                names |= names_in(member.__code__)
        for key, value in sorted(vars(kind).items()):
            if not key.startswith("__") and (text := constant(value, with_containers=False)):
                entry.lines.append(f"{key} = {text}")
        for member in members:
            entry.lines += self._lines(member, strict=False)
        for base in kind.__bases__:
            if self.is_own(base):
                self.add_class(base)
        home = members[0].__globals__ if members else vars(sys.modules.get(kind.__module__, ModuleType("")))
        self._follow(names, home, entry)
        return name

    def text_inside(self, function: FunctionType) -> str:
        """Return the name of a function that another holds, whose code counts if it is the user's."""
        if self.is_own(function):
            return f"function {self.add_function(function, strict=True)}"
        return f"{function.__module__}.{function.__qualname__}"

    def text_of_class(self, kind: type) -> str:
        """Return the name of a class among values, whose code counts if it is the user's."""
        if self.is_own(kind):
            return f"class {self.add_class(kind)}"
        return f"{kind.__module__}.{kind.__qualname__}"

    def is_own(self, thing: Any) -> bool:
        """Tell whether a function, class or module is the user's, or stands in the file of a root."""
        file = file_of(thing)
        return file in self.home if file and is_installed(file) else file is not None

    def _seen(self, thing: Any) -> str:
        return next((name for known, name in self.seen if known is thing), "")

    def _entry(self, thing: Any, name: str) -> tuple[str, _Entry]:
        if name in self.entries:
            name = f"{thing.__module__}.{name}"
        while name in self.entries:  # made twice by one function
            name += "'"
        self.seen.append((thing, name))
        return name, self.entries.setdefault(name, _Entry([]))

    def _into(self, entry: _Entry, function: FunctionType) -> Names:
        """Add the code of a function to an entry, and return the names that stand in it."""
        code = function.__code__
        node = tree_of(code, code.co_filename)
        if node is None:
            entry.is_tree = False
            entry.lines.append(compiled_text(code))
            if code.co_name != "<lambda>" and has_text(code.co_filename):
                self.compiled.append(code.co_qualname)
            return names_in(code)
        entry.lines.append(text_of(node))
        self.changed |= changed_in(node)
        return names_around(node) | names_in(code)

    def _lines(self, function: Any, *, strict: bool) -> list[str]:
        """Return a line for each value that a function holds.

        Raises:
            UsageError: with ``strict``, a value cannot be named; otherwise it is left out.
        """
        lines = []
        for name, value in held(function):
            try:
                lines.append(f"{name} = {name_of(value, f'{called(function)} holds {name!r}', self)}")
            except UsageError:
                if strict:
                    raise
        given = ((name, constant(value, with_containers=False)) for name, value in attributes(function))
        return [*lines, *(f".{name} = {text}" for name, text in given if text)]

    def _follow(self, names: Names, home: Mapping[str, Any], entry: _Entry) -> None:
        for name in sorted(names.globals):
            if name in home and not name.startswith("__"):
                self._use(name, home[name], names.attributes, entry)

    def _use(self, name: str, value: Any, attributes: Iterable[str], entry: _Entry) -> None:
        """Follow the code of a global, and note its value."""
        if isinstance(value, ModuleType):
            if self.is_own(value):
                for attribute in sorted(set(attributes) & vars(value).keys()):
                    inside = vars(value)[attribute]
                    if not isinstance(inside, ModuleType):
                        self._use(f"{name}.{attribute}", inside, attributes, entry)
            return
        entry.globals[name] = value
        waiting, seen = [value], []
        while waiting:
            part = waiting.pop()
            if isinstance(part, PLAIN) or any(part is each for each in seen):
                continue
            seen.append(part)
            waiting += parts_of(part)
            self._follow_code(part)

    def _follow_code(self, value: Any) -> None:
        if isinstance(value, type):
            if self.is_own(value):
                self.add_class(value)
            return
        for each in map(plain, wrapped(value)):
            if isinstance(each, FunctionType):
                if self.is_own(each):
                    self.add_function(each)
            elif self.is_own(type(each)):
                self.add_class(type(each))
