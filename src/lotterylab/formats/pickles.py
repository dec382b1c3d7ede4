"""Pickles of other people as plain values: nothing in them is called, and what they take is bounded."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

MOST_BYTES = 32 << 20  # of one pickle; a network of 10,000 tensors has 2 MB
MOST_STEPS = 3_000_000  # instructions, each of which makes one object of at most some hundred bytes

# no instruction that builds an object by itself, and none that allocates what it does not hold
_ALLOWED = (
    {"PROTO", "FRAME", "STOP", "MARK", "POP_MARK", "POP", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1"}
    | {"BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINSTRING", "SHORT_BINSTRING"}
    | {"BINBYTES", "SHORT_BINBYTES", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST"}
    | {"APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS", "BINGET", "LONG_BINGET", "BINPUT"}
    | {"LONG_BINPUT", "MEMOIZE", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD", "BINPERSID"}
)
_PYTHON: Any = getattr(pickle, "_Unpickler")  # noqa: B009  the one in C grows its memo to whatever index is asked for


class Refused(pickle.UnpicklingError):
    """The pickle names something that is not a plain value: ``str(error)`` is its name."""


class Plain(_PYTHON):
    """An unpickler whose calls are those of a table, with a bound on its steps and on its bytes.

    Args:
        file: where the pickle is read.
        known: by (module, name), functions of ours that stand for what a pickle calls, or values.
        build: gives an object its state; by default the state is dropped.
        encoding: of the byte strings of Python 2.
        most: bytes of the pickle.
    """

    def __init__(
        self,
        file: BinaryIO,
        known: Mapping[tuple[str, str], Any],
        *,
        build: Callable[[Any, Any], None] = lambda instance, state: None,
        encoding: str = "ASCII",
        most: int = MOST_BYTES,
    ) -> None:
        super().__init__(_Capped(file, most), encoding=encoding)
        self.known, self.build = known, build
        steps = {getattr(pickle, name)[0]: _PYTHON.dispatch[getattr(pickle, name)[0]] for name in _ALLOWED}
        steps[pickle.BUILD[0]] = Plain.load_build
        steps[pickle.SETITEM[0]], steps[pickle.SETITEMS[0]] = Plain.load_setitem, Plain.load_setitems
        self.dispatch = _Steps(steps)

    def find_class(self, module: str, name: str) -> Any:
        """The entry of the table.  Raises ``Refused`` for a name that is not in it."""
        key = ({"__builtin__": "builtins"}.get(module, module), name)
        if key not in self.known:
            raise Refused(f"{module}.{name}")
        return self.known[key]

    def load_build(self) -> None:
        """BUILD, by the caller's function."""
        state = self.stack.pop()
        self.build(self.stack[-1], state)

    def load_setitem(self) -> None:
        """SETITEM."""
        value, key = self.stack.pop(), self.stack.pop()
        put(self.stack[-1], [key, value])

    def load_setitems(self) -> None:
        """SETITEMS."""
        items = self.pop_mark()
        put(self.stack[-1], items)


def put(target: Any, items: list[Any]) -> None:
    """Put keys and values, in turn, into a dict, and into nothing else.

    Keys that are neither words nor small numbers are left out: they can be made to collide.
    """
    if type(target) is not dict:
        raise pickle.UnpicklingError("entries for something that is not a dict")
    for key, value in zip(items[::2], items[1::2], strict=True):
        if isinstance(key, str | float | None) or (isinstance(key, int) and abs(key) < 1 << 60):
            target[key] = value


class _Steps(dict[int, Any]):
    """The instructions that are followed, counted."""

    left = MOST_STEPS

    def __getitem__(self, code: int) -> Any:
        self.left -= 1
        if self.left < 0:
            raise pickle.UnpicklingError(f"more than {MOST_STEPS:,} steps")
        if code not in self:
            raise pickle.UnpicklingError(f"instruction {code:#04x}, which no file of tensors has")
        return super().__getitem__(code)


class _Capped:
    """A file of which only so many bytes are read.

    More is never asked of the file than it may give, since a buffer of the length asked for would be made first.
    """

    def __init__(self, file: BinaryIO, most: int) -> None:
        self.file, self.left, self.most = file, most, most

    def read(self, count: int) -> bytes:
        """As the file's."""
        if count > self.left:
            raise pickle.UnpicklingError(f"a pickle of more than {self.most:,} bytes")
        self.left -= count
        data = self.file.read(count)
        if len(data) < count:
            raise EOFError("it is cut short")
        return data

    def readinto(self, buffer: bytearray) -> int:
        """As the file's."""
        data = self.read(len(buffer))
        buffer[:] = data
        return len(data)

    def readline(self) -> bytes:
        """As the file's; a name of a thousand letters is none."""
        line = self.file.readline(1000)
        self.left -= len(line)
        return line
