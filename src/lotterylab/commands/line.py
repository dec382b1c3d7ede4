"""From the words of a command line to a command, ready to be called."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from itertools import takewhile
from pathlib import Path
from shutil import get_terminal_size
from textwrap import fill
from typing import Any

import tyro

from lotterylab.asking.catalogue import request_kind
from lotterylab.asking.request import Request
from lotterylab.commands import parameters
from lotterylab.commands.fields import Option, options, takes
from lotterylab.errors import UsageError, unknown

CONFIG, PRINT = "--config", "--print-config"


def command(kind: type, words: Sequence[str], *, program: str, study: str = "activations") -> Any:
    """The command ``kind`` with the options that ``words`` and the parameters file among them give.

    What was typed wins over the file.  ``--print-config`` prints the options as a parameters file, and ends.

    Raises:
        UsageError: an unknown option, with the nearest one; whatever is wrong with the file.
    """
    typed, file = _take(list(words), CONFIG)
    show = PRINT in typed
    typed = [word for word in typed if word != PRINT]
    values = parameters.read(Path(file)) if file is not None else {}
    if any(field.name == "request" for field in dataclasses.fields(kind)):
        kind = _asking(kind, study, typed, values)
    known = options(kind)
    _check_flags(typed, known)
    _check_numbers(typed, known)
    given = typed
    if file is not None:
        given = [*parameters.words(Path(file), values, known, _of_all_commands()), *typed]
    parsed = tyro.cli(
        tyro.conf.OmitArgPrefixes[kind], prog=program, args=given, description=_description(kind), console_outputs=True
    )
    if show:
        print(parameters.toml([(option.name, _value(parsed, option.name)) for option in known]), end="")
        raise SystemExit(0)
    return parsed


def placed(error: UsageError, words: Sequence[str]) -> UsageError:
    """The error with the line of the parameters file that it speaks of, where it speaks of one."""
    file = _take(list(words), CONFIG)[1]
    if file is None or file in str(error):
        return error
    place = parameters.place_of(str(error), Path(file))
    return type(error)(f"{place}: {error}") if place else error


def _asking(kind: type, study: str, typed: Sequence[str], values: dict[str, Any]) -> type:
    """``kind`` with what can be asked of the study, of the model and of the data that are asked for."""
    asked = {name: _typed(typed, f"--{name}") or values.get(name) for name in parameters.TABLES}
    request = request_kind(study).grown({name: value for name, value in asked.items() if isinstance(value, str)})
    if request is Request:
        return kind
    field = ("request", request, dataclasses.field(default_factory=request))
    grown = dataclasses.make_dataclass(kind.__name__, [field], bases=(kind,), frozen=True, kw_only=True)
    grown.__doc__ = kind.__doc__
    return grown


def _of_all_commands() -> set[str]:
    """The options of the commands of a study, but for those of the study itself."""
    from lotterylab.commands import study, watch

    kinds = (study.Plan, study.Run, study.Table, study.Report, study.Checkpoints, watch.Status)
    own = {option.name for option in options(Request)}
    return {option.name for kind in kinds for option in options(kind)} - own


def _description(kind: type) -> str:
    text = f"{(kind.__doc__ or '').strip()}  Options may stand in a TOML file: --config FILE; --print-config makes one."
    width = min(get_terminal_size().columns, 100) - 1
    # tyro keeps a line's end only where the next one begins with no letter
    return fill(" ".join(text.split()), width, subsequent_indent="  ", break_on_hyphens=False)


def _take(words: list[str], flag: str) -> tuple[list[str], str | None]:
    """The words without ``flag`` and its value, and the value."""
    for number, word in enumerate(words):
        if word == flag:
            if number + 1 == len(words):
                raise UsageError(f"{flag} needs a file.")
            return words[:number] + words[number + 2 :], words[number + 1]
        if word.startswith(f"{flag}="):
            return words[:number] + words[number + 1 :], word.partition("=")[2]
    return words, None


def _typed(words: Sequence[str], flag: str) -> str | None:
    """The value that stands last for a flag."""
    found = None
    for number, word in enumerate(words):
        if word == flag and number + 1 < len(words):
            found = words[number + 1]
        elif word.startswith(f"{flag}="):
            found = word.partition("=")[2]
    return found


def _check_flags(words: Iterable[str], known: Iterable[Option]) -> None:
    flags = {"--help", *(option.flag for option in known if not option.positional)}
    flags |= {option.off for option in known if option.pair}
    for word in words:
        flag = word.partition("=")[0].replace("_", "-")
        if flag.startswith("--") and flag not in flags:
            raise unknown("option", flag, (*flags, CONFIG, PRINT))


def _check_numbers(words: Sequence[str], known: Iterable[Option]) -> None:
    """Numbers that are none, in our own words."""
    parse = {"a whole number": int, "a number": float}
    kinds = {option.flag: takes(option.hint) for option in known if not option.positional}
    for number, word in enumerate(words):
        flag, equals, value = word.partition("=")
        kind = kinds.get(flag.replace("_", "-"), "")
        read = parse.get(kind.removeprefix("a list, each "))
        if read is None:
            continue
        after = takewhile(lambda one: not one.startswith("--"), words[number + 1 :])
        given = [value] if equals else list(after) if kind.startswith("a list") else words[number + 1 : number + 2]
        for one in given:
            try:
                read(one)
            except ValueError:
                if one != "None":
                    raise UsageError(f"{flag} {one}: it takes {kind}.") from None


def _value(parsed: Any, name: str) -> Any:
    """The value of an option, wherever among the dataclasses of a command it stands."""
    attribute = name.replace(".", "_")
    for field in dataclasses.fields(parsed):
        value = getattr(parsed, field.name)
        if field.name == attribute:
            return value
        if dataclasses.is_dataclass(value) and any(one.name == attribute for one in dataclasses.fields(value)):
            return getattr(value, attribute)
    raise KeyError(name)
