"""Reading a command line: its words become a command, ready to be called."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from shutil import get_terminal_size
from textwrap import wrap
from typing import Any, NoReturn

from lotterylab.asking.catalogue import study_named
from lotterylab.asking.options import Declared, all_lines, groups, lines, made
from lotterylab.asking.study import Study
from lotterylab.commands import parameters, pasted
from lotterylab.commands.shared import OfAStudy
from lotterylab.errors import UsageError, about
from lotterylab.own_code.options import Option
from lotterylab.system.places import place

CONFIG, PRINT = "--config", "--print-config"
Groups = list[tuple[str, list[Option]]]  # the options of a command, under the headings of its help


def command(kind: type, words: Sequence[str], *, program: str, study: str = "activations") -> Any:
    """Return the command ``kind`` with the options from ``words`` and from the parameters file among them.

    A typed option wins over the file.  ``--print-config`` prints the options as a parameters file, and ends.

    Args:
        kind: a dataclass of ``commands``.
        words: the words behind the command and the study.
        program: the name of the command in its help.
        study: the study's name or reference, for a command on a study.

    Raises:
        UsageError: an option is unknown, a value is wrong, or the file is wrong.
    """
    try:
        return _command(kind, words, program, study)
    except UsageError as error:
        raise placed(error, words) from None


def _command(kind: type, words: Sequence[str], program: str, reference: str) -> Any:
    pasted.check_dashes(words)
    typed, file = _take(list(words), CONFIG)
    show = PRINT in typed
    typed = [_hyphens(word) for word in typed if word != PRINT]
    in_file = parameters.read(file) if file is not None else {}
    study = study_named(reference) if issubclass(kind, OfAStudy) else None
    if study is not None and file is not None:
        parameters.check_study(file, in_file.pop("study", reference), reference)
    headed = _groups(kind, study, typed, in_file)
    known = {option.name: option for _, group in headed for option in group}
    extra = {option.name: option for option in (pasted.of_run(known, typed) if study is not None else ())}
    values = _parsed(_parser(kind, headed, program, extra.values()), typed, known | extra)
    if elsewhere := [extra[name].flag for name in values if name in extra]:
        print(pasted.said(elsewhere), file=sys.stderr)
    values = {name: value for name, value in values.items() if name in known}
    if file is not None:
        values = {**parameters.fitted(file, in_file, known, _of_all_commands()), **values}
    if study is None:
        chosen = made(kind, values)
    else:
        inner = {f"{name}_options": _inside(values, name) for name, option in known.items() if option.own}
        options = made(study.options, {**values, **inner})
        chosen = made(kind, values, study=study, reference=reference, options=options)
    if show:
        named = [("study", reference)] if study is not None else []
        print(parameters.toml([*named, *_shown(chosen, known, values)], unset=known.keys() - values.keys()), end="")
        raise SystemExit(0)
    return chosen


def placed(error: UsageError, words: Sequence[str]) -> UsageError:
    """Return the error with the line of its option in the parameters file, if the option was not typed."""
    typed, file = _take(list(words), CONFIG)
    if file is None or not error.option or str(file) in str(error):
        return error
    flag = f"--{error.option.replace('_', '-')}"
    if any(_hyphens(word).partition("=")[0] == flag for word in typed):
        return error
    if error.option not in parameters.read(file):
        return error
    return type(error)(f"{file}, line {parameters.line_of(file, error.option)}: {error}", option=error.option)


def _groups(kind: type, study: Study | None, typed: Sequence[str], in_file: Mapping[str, Any]) -> Groups:
    """Return the options of the command, of the study, and of the requested model and data, each under a heading."""
    headed: Groups = [(f"Options of {kind.__name__.lower()}", list(lines(kind)))]
    headed += [((inside.__doc__ or "").partition(".")[0], list(lines(inside))) for _, inside in groups(kind)]
    if study is not None:
        of_study = [option for option in lines(study.options) if not option.hidden]
        headed.append(("Options of the study; equal options name equal results", of_study))
        for option in of_study:
            name, inner_options = option.name, option.own
            asked = (_typed(typed, option.flag) or in_file.get(name) or option.default) if inner_options else None
            if inner_options and isinstance(asked, str):
                with about(name):
                    inner = [dataclasses.replace(each, name=f"{name}.{each.name}") for each in inner_options(asked)]
                headed.append((f"Options of the {(option.shown or name).lower()} {asked}", inner))
    _check_once(study, headed)
    return headed


def _check_once(study: Study | None, headed: Groups) -> None:
    names = [option.name for _, group in headed for option in group]
    twice = [name for number, name in enumerate(names) if name in names[:number]]
    if twice and study:
        raise UsageError(
            f"two lines declare the option '{twice[0]}', one of them in the study '{study.name}'. Give it another name."
        )


def _parser(kind: type, headed: Groups, program: str, hidden: Iterable[Option]) -> argparse.ArgumentParser:
    width = min(get_terminal_size().columns, 100)
    form: Any = partial(_Form, width=width, max_help_position=26)
    text = f"{kind.__doc__}  Options may stand in a TOML file: {CONFIG} FILE; {PRINT} makes one."
    positional = [option for _, group in headed for option in group if option.positional]
    places = [option.metavar if option.required else f"[{option.metavar}]" for option in positional]
    usage = " ".join((program.replace("%", "%%"), *places, "[options]"))
    parser = _Parser(add_help=False, usage=usage, description=text, allow_abbrev=False, formatter_class=form)
    parser.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)
    for heading, options in headed:
        group = parser.add_argument_group(heading)
        for option in options:
            _add(group, option)
    for option in hidden:
        _add(parser, option, help=argparse.SUPPRESS)
    return parser


class _Form(argparse.HelpFormatter):
    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrap(" ".join(text.split()), width, break_on_hyphens=False)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}. See --help.")


def _add(group: Any, option: Option, help: str = "") -> None:
    name, rest = option.name, {"default": argparse.SUPPRESS, "help": help or option.text.replace("%", "%%")}
    if option.positional:
        group.add_argument(name, nargs="*" if option.many == "*" else "?", metavar=option.metavar, **rest)
    elif option.switch:
        group.add_argument(option.flag, dest=name, action="store_const", const="True", **rest)
        if option.paired:
            group.add_argument(option.off, dest=name, action="store_const", const="False", default=argparse.SUPPRESS)
    else:
        group.add_argument(option.flag, dest=name, nargs=option.many, metavar=option.metavar, **rest)


def _parsed(parser: argparse.ArgumentParser, typed: list[str], known: Mapping[str, Option]) -> dict[str, Any]:
    """Return the typed values by option."""
    space, rest = parser.parse_known_args(typed)
    if rest and rest[0].startswith("-"):
        flags = [flag for option in known.values() if not option.positional for flag in option.flags]
        raise pasted.unknown_option(rest[0].partition("=")[0], (*flags, CONFIG, PRINT))
    if rest:
        raise UsageError(f"'{rest[0]}' does not belong to an option. See --help.")
    given = {name: words if isinstance(words, list) else [words] for name, words in vars(space).items()}
    return {name: known[name].read(words) for name, words in given.items()}


def _of_all_commands() -> set[str]:
    """Return the names of the options of all commands on a study, without the study's own."""
    from lotterylab.commands import study, watch

    kinds = (study.Plan, study.Run, study.Table, study.Report, study.Checkpoints, watch.Status)
    return {option.name for kind in kinds for option in all_lines(kind)}


def _shown(chosen: Any, known: Mapping[str, Option], values: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """Yield each option with its value, or with its default."""
    parts = [chosen, *(getattr(chosen, field.name) for field in dataclasses.fields(chosen))]
    for name, option in known.items():
        holder = next((part for part in parts if isinstance(part, Declared) and hasattr(part, name)), None)
        yield name, values.get(name, getattr(holder, name) if holder is not None else option.default)


def _inside(values: Mapping[str, Any], table: str) -> dict[str, Any]:
    """Return the options of the model or the data themselves."""
    return {name.partition(".")[2]: value for name, value in values.items() if name.startswith(f"{table}.")}


def _hyphens(word: str) -> str:
    flag, equals, value = word.partition("=")
    return f"{flag.replace('_', '-')}{equals}{value}" if word.startswith("--") else word


def _take(words: list[str], flag: str) -> tuple[list[str], Path | None]:
    """Return the words without ``flag`` and its file, and the file."""
    for number, word in enumerate(words):
        if word == flag:
            if number + 1 == len(words):
                raise UsageError(f"{flag} needs a file.")
            return words[:number] + words[number + 2 :], place(words[number + 1], flag)
        if word.startswith(f"{flag}="):
            return words[:number] + words[number + 1 :], place(word.partition("=")[2], flag)
    return words, None


def _typed(words: Sequence[str], flag: str) -> str | None:
    """Return the last value of a flag."""
    value = None
    for number, word in enumerate(words):
        if word == flag and number + 1 < len(words):
            value = words[number + 1]
        elif word.startswith(f"{flag}="):
            value = word.partition("=")[2]
    return value
