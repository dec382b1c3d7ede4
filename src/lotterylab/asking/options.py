"""Options of a study: each is declared in one line of a dataclass, and everything else is derived from that line.

class Options(SizedOptions):
    epochs: int = sized(quick=2, standard=40, paper=85, help="Epochs of each run")
    width: float = option(0.25, help="Times the channels of ResNet-20")

The command line and its help, parameters files, calls from Python and the note on the size all read these lines.  When
an instance is made, missing values are filled in and values outside their limits are refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass
from functools import cache, partial
from inspect import get_annotations
from typing import Any, Literal, get_type_hints

from lotterylab.errors import UsageError
from lotterylab.own_code.options import Default, Option
from lotterylab.system.places import place

MOST_SEEDS = 10_000  # a plan of more seeds would not fit into memory
DECLARED = "option"  # the key in a field's metadata


def option(default: Any = MISSING, *, help: str, **rest: Any) -> Any:
    """Return one line of a class of options.

    Args:
        default: a value, or a ``Default`` computed from the other options; an option without a default is required.
        help: a sentence about the option.
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
    """Return one line of a class of options whose default depends on the size.

    Examples:
        >>> @dataclass(frozen=True, kw_only=True)
        ... class Options(SizedOptions):
        ...     epochs: int = sized(quick=2, standard=40, paper=85, help="Epochs of each run")
        >>> Options(size="quick").epochs, Options(size="paper").note
        (2, '')
    """
    default = Default(lambda options: sizes.get(_size(options) or ""), "")
    return option(default, help=help, sizes=sizes, least=least, most=most, check=check)


def number_of_seeds(**sizes: int) -> Any:
    """Return the line ``seeds`` of a study in sizes."""
    return sized(help="Number of seeds, each an independent unit", most=MOST_SEEDS, **sizes)


class _Lines(dict[str, Any]):
    """``_Lines`` is the body of a class in which no option is declared twice."""

    def __setitem__(self, name: str, line: Any) -> None:
        if isinstance(self.get(name), dataclasses.Field):
            raise TypeError(f"two lines declare the option '{name}'. Keep one of them.")
        super().__setitem__(name, line)


class _OnceEach(type):
    @classmethod
    def __prepare__(cls, name: str, bases: tuple[type, ...], /, **rest: Any) -> _Lines:
        return _Lines()


class Declared(metaclass=_OnceEach):
    """``Declared`` is the abstract base of frozen dataclasses whose fields are options, or other such dataclasses."""

    def __post_init__(self) -> None:
        dependent = [line for line in lines(type(self)) if isinstance(getattr(self, line.name), Default)]
        for line in lines(type(self)):
            if line not in dependent:
                object.__setattr__(self, line.name, line.checked(getattr(self, line.name)))
        for line in dependent:
            object.__setattr__(self, line.name, line.checked(line.default_for(self)))


@cache
def lines(kind: type) -> tuple[Option, ...]:
    """Return the options that a class declares in their order, then the options of its base classes.

    Raises:
        UsageError: the class is not a frozen dataclass, or a line has no help or lacks the value of a size.
    """
    name = getattr(kind, "__qualname__", kind)
    if not (isinstance(kind, type) and issubclass(kind, Declared) and "__dataclass_params__" in vars(kind)):
        raise UsageError(
            f"the options {name} are not a dataclass of options. Derive them from StudyOptions, under "
            "@dataclass(frozen=True, kw_only=True)."
        )
    hints, fields = get_type_hints(kind), kind.__dataclass_fields__  # type: ignore[attr-defined]
    names = dict.fromkeys(name for home in kind.__mro__ for name in get_annotations(home))
    options: list[Option] = []
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
        options.append(Option(name=field.name, type=hints[field.name], required=required, default=default, **declared))
    _check_sizes(str(name), options)
    return tuple(options)


def groups(kind: type) -> list[tuple[str, type]]:
    """Return the fields that are themselves classes of options, with their classes."""
    hints = get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind) if DECLARED not in field.metadata]
    classes = [(name, hints[name]) for name in names]
    return [(name, hint) for name, hint in classes if isinstance(hint, type) and issubclass(hint, Declared)]


def _check_sizes(kind: str, options: list[Option]) -> None:
    names = next((line.choices for line in options if line.note), ())
    for line in options:
        if line.sizes and set(line.sizes) != set(names):
            expected = f"the sizes are {', '.join(names)}" if names else "the study has no sizes: derive SizedOptions"
            raise UsageError(f"{kind}.{line.name} has a value for {', '.join(line.sizes)}; {expected}.")


def all_lines(kind: type) -> Iterator[Option]:
    """Yield the options of a command: those of its groups, then its own."""
    for _, group in groups(kind):
        yield from lines(group)
    yield from lines(kind)


def made(kind: type, values: Mapping[str, Any], **given: Any) -> Any:
    """Return the dataclass ``kind``, filled with its own values and those of its groups, and with ``given``.

    Raises:
        UsageError: a required option is not among the values.
    """
    inside = {name: made(group, values) for name, group in groups(kind)}
    options = {line.name: values[line.name] for line in lines(kind) if line.name in values}
    missing = [line.called for line in lines(kind) if line.required and line.name not in values]
    if missing:
        raise UsageError(f"{', '.join(missing)} is needed. See --help.")
    return kind(**inside, **options, **given)


def given() -> Any:
    """Return a field of a command that is not an option; the caller fills it in."""
    return dataclasses.field(metadata={DECLARED: None})


# the options of a study


@dataclass(frozen=True, kw_only=True)
class StudyOptions(Declared):
    """``StudyOptions`` is the base of a study's options; equal options name equal results."""

    seeds: int = option(3, help="Number of seeds, each an independent unit", most=MOST_SEEDS)
    first_seed: int = option(0, help="The first seed", least=0)
    data_dir: str | None = option(
        None,
        help="The folder of your data sets; default $LOTTERYLAB_DATA",
        check=partial(place, what="--data-dir"),
        shown="FOLDER",
    )

    @property
    def all_seeds(self) -> range:
        """Return the seeds, from the first on."""
        return range(self.first_seed, self.first_seed + self.seeds)

    @property
    def label(self) -> str:
        """Return the options as a part of a file name."""
        return str(_size(self) or "study")

    @property
    def note(self) -> str:
        """Return a sentence on the options that differ from those of the largest size, however they were set, or ""."""
        named = next((line for line in lines(type(self)) if line.note), None)
        if named is None:
            return ""
        largest = tuple(named.choices)[-1]
        changes = [
            f"{line.name.replace('_', ' ')} {_spelled(value)} instead of {_spelled(line.sizes[largest])}"
            for line in lines(type(self))
            if line.sizes and (value := getattr(self, line.name)) != line.sizes[largest]
        ]
        return f"The study differs from {named.note.format(largest)}: {'; '.join(changes)}." if changes else ""


def sizes(default: str, *, note: str = "size {}", **meanings: str) -> Any:
    """Return the line that names the sizes, the largest last, with a few words on each.

    ``note``: the name of a size in a sentence.
    """
    help = "  ".join(f"{size}: {meaning}." for size, meaning in meanings.items())
    return option(default, help=help, choices=meanings, note=note)


@dataclass(frozen=True, kw_only=True)
class SizedOptions(StudyOptions):
    """``SizedOptions`` is the base of a study's options if it has the sizes quick, standard and paper."""

    size: Literal["quick", "standard", "paper"] = sizes(
        "standard", quick="minutes", standard="hours on two cores", paper="the paper's own numbers"
    )


def _size(options: Any) -> str | None:
    return next((getattr(options, line.name) for line in lines(type(options)) if line.note), None)


def _spelled(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(f"{item:g}" for item in value)
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}" if type(value) is int else str(value)
