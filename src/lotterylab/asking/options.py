"""How an option is declared: one line of a dataclass, from which everything else about it is derived.

class Options(SizedOptions):
    epochs: int = sized(quick=2, standard=40, paper=85, help="Epochs of each run")
    width: float = option(0.25, help="Times the channels of ResNet-20")

The command line and its help, parameters files, calls from Python and the note on what a size leaves out all read
these lines.  A class of options fills in what was not given, and refuses what is out of its limits, when it is made.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass
from functools import cache
from inspect import get_annotations
from typing import Any, Literal, get_type_hints

from lotterylab.errors import UsageError
from lotterylab.own_code.options import Default, Option

MOST_SEEDS = 10_000  # a plan of more would not fit into memory; no interval is narrower for it
DECLARED = "option"  # the key in a field's metadata


def option(default: Any = MISSING, *, help: str, **rest: Any) -> Any:
    """One line of a class of options.

    Args:
        default: a value, or a ``Default`` that is worked out from the other options; without one it is required.
        help: what the option is, in a sentence.
        rest: other fields of ``Option``: ``least``, ``most``, ``choices``, ``check``, ``shown`` ...

    Examples:
        >>> @dataclass(frozen=True, kw_only=True)
        ... class Options(StudyOptions):
        ...     width: float = option(0.25, help="Times the channels", most=4)
        >>> Options(width=1).width
        1.0
    """
    return dataclasses.field(default=default, metadata={DECLARED: {"help": help, **rest}})


def sized(*, help: str, least: float | None = None, most: float | None = None, check: Any = None, **sizes: Any) -> Any:
    """One line of a class of options whose default depends on the size: ``sized(quick=2, paper=85, help=...)``.

    Examples:
        >>> @dataclass(frozen=True, kw_only=True)
        ... class Options(SizedOptions):
        ...     epochs: int = sized(quick=2, standard=40, paper=85, help="Epochs of each run")
        >>> Options(size="quick").epochs, Options(size="quick", epochs=3).note
        (2, 'Size quick: epochs 3 instead of 85.')
    """
    default = Default(lambda options: sizes.get(_size(options) or ""), "")
    return option(default, help=help, sizes=sizes, least=least, most=most, check=check)


def number_of_seeds(**sizes: int) -> Any:
    """The line ``seeds`` of a study in sizes."""
    return sized(help="How many seeds, each a unit of its own", most=MOST_SEEDS, **sizes)


class _Lines(dict[str, Any]):
    """The body of a class in which no option is declared twice."""

    def __setitem__(self, name: str, line: Any) -> None:
        if isinstance(self.get(name), dataclasses.Field):
            raise TypeError(f"two lines declare the option '{name}'. Keep one of them.")
        super().__setitem__(name, line)


class _OnceEach(type):
    @classmethod
    def __prepare__(cls, name: str, bases: tuple[type, ...], /, **rest: Any) -> _Lines:
        return _Lines()


class Declared(metaclass=_OnceEach):
    """Abstract.  A frozen dataclass whose fields are lines by ``option``, or other such dataclasses."""

    def __post_init__(self) -> None:
        by_others = [line for line in lines(type(self)) if isinstance(getattr(self, line.name), Default)]
        for line in lines(type(self)):
            if line not in by_others:
                object.__setattr__(self, line.name, line.checked(getattr(self, line.name)))
        for line in by_others:
            object.__setattr__(self, line.name, line.checked(line.default_for(self)))


@cache
def lines(kind: type) -> tuple[Option, ...]:
    """The options that a class declares: its own in order, then those of what it is derived from.

    Raises:
        UsageError: no frozen dataclass, or a line without help, or without a value for each size.
    """
    name = getattr(kind, "__qualname__", kind)
    if not (isinstance(kind, type) and issubclass(kind, Declared) and "__dataclass_params__" in vars(kind)):
        raise UsageError(
            f"the options {name} are no dataclass of options. Derive them from StudyOptions, under "
            "@dataclass(frozen=True, kw_only=True)."
        )
    hints, fields = get_type_hints(kind), kind.__dataclass_fields__  # type: ignore[attr-defined]
    names = dict.fromkeys(name for home in kind.__mro__ for name in get_annotations(home))
    found: list[Option] = []
    for field in (fields[name] for name in names if name in fields):
        declared = field.metadata.get(DECLARED, {})
        if declared is None or field.name in dict(groups(kind)):
            continue
        if not declared.get("help"):
            raise UsageError(
                f"{name}.{field.name} says nothing about itself. Declare it in one line: option(default, help=...)."
            )
        required = field.default is MISSING
        default = None if required else field.default
        found.append(Option(name=field.name, type=hints[field.name], required=required, default=default, **declared))
    _check_sizes(str(name), found)
    return tuple(found)


def groups(kind: type) -> list[tuple[str, type]]:
    """The fields that are themselves classes of options, with their classes."""
    hints = get_type_hints(kind)
    fields = [field for field in dataclasses.fields(kind) if DECLARED not in field.metadata]
    found = [(field.name, hints[field.name]) for field in fields]
    return [(name, hint) for name, hint in found if isinstance(hint, type) and issubclass(hint, Declared)]


def _check_sizes(kind: str, found: list[Option]) -> None:
    names = next((line.choices for line in found if line.note), ())
    for line in found:
        if line.sizes and set(line.sizes) != set(names):
            expected = f"the sizes are {', '.join(names)}" if names else "the study has no sizes: derive SizedOptions"
            raise UsageError(f"{kind}.{line.name} has a value for {', '.join(line.sizes)}; {expected}.")


def all_lines(kind: type) -> Iterator[Option]:
    """The options of a command: those of its groups, then its own."""
    for _, group in groups(kind):
        yield from lines(group)
    yield from lines(kind)


def made(kind: type, values: Mapping[str, Any], **given: Any) -> Any:
    """The dataclass with those of the values that are its own or its groups', and with what is ``given`` beside.

    Raises:
        UsageError: an option that is required is not among the values.
    """
    inside = {name: made(group, values) for name, group in groups(kind)}
    own = {line.name: values[line.name] for line in lines(kind) if line.name in values}
    missing = [line.called for line in lines(kind) if line.required and line.name not in values]
    if missing:
        raise UsageError(f"{', '.join(missing)} is needed. --help says what it is.")
    return kind(**inside, **own, **given)


def given() -> Any:
    """A field of a command that is no option: what it needs to know beside."""
    return dataclasses.field(metadata={DECLARED: None})


# the options of a study


@dataclass(frozen=True, kw_only=True)
class StudyOptions(Declared):
    """Options that say what is studied; the same ones name the same results.  To derive a study's own from."""

    seeds: int = option(3, help="How many seeds, each a unit of its own", most=MOST_SEEDS)
    first_seed: int = option(0, help="The first of them", least=0)
    data_dir: str | None = option(None, help="Folder of your data sets; default $LOTTERYLAB_DATA", shown="FOLDER")

    @property
    def all_seeds(self) -> range:
        """The seeds, from the first on."""
        return range(self.first_seed, self.first_seed + self.seeds)

    @property
    def label(self) -> str:
        """The options in a file name."""
        return str(_size(self) or "study")

    @property
    def note(self) -> str:
        """How this size differs from the largest, in words; nothing where it does not."""
        named = next((line for line in lines(type(self)) if line.note), None)
        if named is None:
            return ""
        values = ((line.name, getattr(self, line.name), line.sizes) for line in lines(type(self)) if line.sizes)
        largest = tuple(named.choices)[-1]
        changes = [
            f"{name.replace('_', ' ')} {_spelled(value)} instead of {_spelled(sizes[largest])}"
            for name, value, sizes in values
            if value != sizes[largest]
        ]
        begin = named.note.format(_size(self))
        return f"{begin[0].upper()}{begin[1:]}: {'; '.join(changes)}." if changes else ""


def sizes(default: str, *, note: str = "Size {}", **says: str) -> Any:
    """The line that names the sizes, the largest last: what each is, in a few words.  ``note``: how a note begins."""
    return option(default, help="  ".join(f"{size}: {what}." for size, what in says.items()), choices=says, note=note)


@dataclass(frozen=True, kw_only=True)
class SizedOptions(StudyOptions):
    """Options of a study that comes in the sizes quick, standard and paper."""

    size: Literal["quick", "standard", "paper"] = sizes(
        "standard", quick="minutes", standard="hours on two cores", paper="the paper's own numbers"
    )


def _size(options: Any) -> str | None:
    return next((getattr(options, line.name) for line in lines(type(options)) if line.note), None)


def _spelled(value: Any) -> str:
    return " ".join(f"{item:g}" for item in value) if isinstance(value, tuple) else str(value)
