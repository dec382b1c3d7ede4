"""Pickles of other people as plain values: nothing in them is called, and their memory is bounded."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

MOST_BYTES = 32 << 20  # of one pickle; a network of 10,000 tensors has 2 MB
MOST_STEPS = 3_000_000  # instructions; each makes one object of at most a few hundred bytes

# no instruction builds an object by itself or allocates more than the pickle holds
_ALLOWED = (
    {"PROTO", "FRAME", "STOP", "MARK", "POP_MARK", "POP", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1"}
    | {"BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINSTRING", "SHORT_BINSTRING"}
    | {"BINBYTES", "SHORT_BINBYTES", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST"}
    | {"APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS", "BINGET", "LONG_BINGET", "BINPUT"}
    | {"LONG_BINPUT", "MEMOIZE", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD", "BINPERSID"}
)
_PYTHON: Any = getattr(pickle, "_Unpickler")  # noqa: B009  the C version grows its memo to any index a pickle names


class Refused(pickle.UnpicklingError):
    """The pickle names something that is not a plain value: ``str(error)`` is its name."""


class Plain(_PYTHON):
    """An unpickler that calls only the functions of a table and bounds its steps and bytes.

    Args:
        file: the file with the pickle.
        known: (module, name) -> our function or value in place of the name in the pickle.
        build: gives an object its state; by default the state is dropped.
        encoding: encoding of the byte strings of Python 2.
        most: largest size of the pickle in bytes.
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
        """Return the entry of the table, or raise ``Refused`` if the name has none."""
        key = ({"__builtin__": "builtins"}.get(module, module), name)
        if key not in self.known:
            raise Refused(f"{module}.{name}")
        return self.known[key]

    def load_build(self) -> None:
        """Follow BUILD with the caller's function."""
        state = self.stack.pop()
        self.build(self.stack[-1], state)

    def load_setitem(self) -> None:
        """Follow SETITEM."""
        value, key = self.stack.pop(), self.stack.pop()
        put(self.stack[-1], [key, value])

    def load_setitems(self) -> None:
        """Follow SETITEMS."""
        items = self.pop_mark()
        put(self.stack[-1], items)


def put(target: Any, items: list[Any]) -> None:
    """Put alternating keys and values into a dict; other targets are refused.

    Keys that are neither text nor small numbers are dropped because a pickle could make them collide.
    """
    if type(target) is not dict:
        raise pickle.UnpicklingError("entries for something that is not a dict")
    for key, value in zip(items[::2], items[1::2], strict=True):
        if isinstance(key, str | float | None) or (isinstance(key, int) and abs(key) < 1 << 60):
            target[key] = value


class _Steps(dict[int, Any]):
    """The allowed instructions, with a count of the steps that are left."""

    left = MOST_STEPS

    def __getitem__(self, code: int) -> Any:
        self.left -= 1
        if self.left < 0:
            raise pickle.UnpicklingError(f"more than {MOST_STEPS:,} steps")
        if code not in self:
            raise pickle.UnpicklingError(f"instruction {code:#04x}, which no file of tensors has")
        return super().__getitem__(code)


class _Capped:
    """A file of which at most ``most`` bytes are read.

    A read beyond that is refused before the file is asked, since Python would first allocate the whole buffer.
    """

    def __init__(self, file: BinaryIO, most: int) -> None:
        self.file, self.left, self.most = file, most, most

    def read(self, count: int) -> bytes:
        """Return ``count`` bytes of the file."""
        if count > self.left:
            raise pickle.UnpicklingError(f"a pickle of more than {self.most:,} bytes")
        self.left -= count
        data = self.file.read(count)
        if len(data) < count:
            raise EOFError("it is cut short")
        return data

    def readinto(self, buffer: bytearray) -> int:
        """Fill ``buffer`` from the file."""
        data = self.read(len(buffer))
        buffer[:] = data
        return len(data)

    def readline(self) -> bytes:
        """Return a line of the file, cut after a thousand bytes because no name is that long."""
        line = self.file.readline(1000)
        self.left -= len(line)
        return line
