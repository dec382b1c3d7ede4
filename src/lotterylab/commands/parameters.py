"""A parameters file (TOML): the options of a command, written down."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lotterylab.commands.fields import Option, fits, takes
from lotterylab.errors import UsageError, suggestion
from lotterylab.formats.foreign import text
from lotterylab.formats.text import shown

MOST_BYTES = 256 << 10  # of a file; one with all options has 3 kB
LARGEST, LONGEST = 2**63, 4096  # of a whole number; letters of a text, as many as a path may have
STEM = 6  # letters of an option's name that its singular has too: sparsities, a sparsity
_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')"""
_DEEP = re.compile(rf"(?<![\w-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{16,}}")  # tomllib's time grows with their square
TABLES = ("model", "data")  # [model] with name and the model's own options; likewise [data]


def read(path: Path) -> dict[str, Any]:
    """The values of a file by option name: ``{"seeds": 3, "model": "vgg-11", "model.width": 0.25}``.

    Raises:
        UsageError: no file, or no TOML, with the line; a value that a command line would take for an option.
    """
    try:
        written = text(path, most=MOST_BYTES)
    except UsageError as error:
        raise UsageError(f"the parameters file {path} cannot be read: {error}") from error
    if deep := _DEEP.search(written):
        raise UsageError(
            f"{path} is not TOML that can be read: the key {shown(deep.group(), most=40)} has too many parts."
        )
    try:
        content = tomllib.loads(written)
    except RecursionError as error:
        raise UsageError(f"{path} is not TOML that can be read: its lists or tables are nested too deeply.") from error
    except ValueError as error:  # a TOMLDecodeError, or Python's own of a number with thousands of digits
        raise UsageError(f"{path} is not TOML: {error}.") from error
    values = dict(_flat(path, content))
    for name, value in values.items():
        if reason := _no_value(value):
            where = f"{path}, line {line_of(path, name)}"
            raise UsageError(f"{where}: {shown(name)} = {_quoted(value)} was found; {reason}.")
    return values


def _flat(path: Path, content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        name = key.replace("-", "_")
        if not isinstance(value, dict):
            yield name, value
        elif name in TABLES:
            for inner, one in value.items():
                yield name if inner == "name" else f"{name}.{inner.replace('-', '_')}", one
        else:
            raise UsageError(
                f"{path}, line {line_of(path, key, table=True)}: no table is named '{key}'.{suggestion(key, TABLES)} "
                f"Known: {', '.join(TABLES)}."
            )


def words(
    path: Path, values: Mapping[str, Any], options: Iterable[Option], elsewhere: Collection[str] = ()
) -> list[str]:
    """The values as words of a command line, to stand before the words that were typed.  ``elsewhere``: options of the
    other commands, which one file may hold too.

    Raises:
        UsageError: a key that is no option of the command, or a value of another type; with file, line and suggestion.
    """
    known = {option.name: option for option in options if not option.positional}
    found: list[str] = []
    for name, value in values.items():
        where = f"{path}, line {line_of(path, name)}"
        if name not in known and name in elsewhere:
            continue
        if name not in known:
            names = sorted(known)
            raise UsageError(
                f"{where}: no option is named '{name}'.{suggestion(name, names)} Known: {', '.join(names)}."
            )
        option = known[name]
        if not fits(value, option.hint):
            raise UsageError(f"{where}: {name} = {_quoted(value)} was found; it takes {takes(option.hint)}.")
        found += _words(option, value)
    return found


def _words(option: Option, value: Any) -> list[str]:
    if isinstance(value, bool) and option.hint is bool:
        return [option.flag] if value else [option.off] * option.pair
    return [option.flag, *map(str, value if isinstance(value, list) else [value])]


def _no_value(value: Any) -> str:
    """Why a value must not stand on a command line, or nothing: there it could be an option, or no number."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, float) and not math.isfinite(one):
            return "a number has to be finite"
        if isinstance(one, int) and abs(one) >= LARGEST:
            return f"a whole number has to be below {LARGEST:,}"
        if isinstance(one, str) and one.startswith("-"):
            return f"a text begins with '-', as options do. Write a path as './{shown(one, most=40)}'"
        if isinstance(one, str) and len(one) > LONGEST:
            return f"a text has at most {LONGEST:,} letters"
        if isinstance(one, str) and "\0" in one:
            return "a text has no NUL in it"
        if isinstance(one, list | dict):
            return "a value is a number, a text, true or false, or a list of such"
    return ""


def _quoted(value: Any) -> str:
    """The value as it may stand in a message; a list or table by its kind alone, since it can be nested deeply."""
    if isinstance(value, list | dict) and any(isinstance(one, list | dict) for one in value):
        return "a nested list" if isinstance(value, list) else "a table"
    if isinstance(value, int) and abs(value) >= LARGEST:
        return "a very large number"  # which Python may refuse to spell
    return shown(repr(value), most=80)


def line_of(path: Path, name: str, *, table: bool = False) -> int:
    """The line (from 1) where a key stands; 1 where it is not found (a key spelled in an unusual way)."""
    within, _, key = name.rpartition(".")
    at = ""
    parts = map(re.escape, re.split("[-_]", key))
    key_here = rf"[\"']?{'[-_]'.join(parts)}[\"']?"
    for number, line in enumerate(text(path, most=MOST_BYTES).splitlines(), start=1):
        if header := re.match(r"\s*\[\s*([^\]]+?)\s*\]", line):
            at = header.group(1)
            if table and re.fullmatch(key_here, at):
                return number
        elif not table:
            in_its_place = at == within and re.match(rf"\s*{key_here}\s*=", line)
            if in_its_place or (at == key and re.match(r"\s*name\s*=", line)):
                return number
    return 1


def place_of(message: str, path: Path) -> str:
    """The file and line of the value that a message speaks of, or nothing: it quotes a word, or has a number and the
    beginning of the option's name."""
    for name, value in read(path).items():
        called = name.rpartition(".")[2][:STEM].replace("_", " ")
        for one in value if isinstance(value, list) else [value]:
            text_or_other = f"'{shown(one, most=None)}'" if isinstance(one, str) else str(one)
            spelled = f"{one:g}" if isinstance(one, int | float) else text_or_other
            said = re.search(rf"(?<![\w.]){re.escape(spelled)}(?![\w]|\.\d)", message)
            if said and (isinstance(one, str) or called in message.replace("_", " ")):
                return f"{path}, line {line_of(path, name)}"
    return ""


def toml(values: Sequence[tuple[str, Any]]) -> str:
    """A parameters file with these values; None stands as a comment, so that the option is seen."""
    tables = {name: [one for one in values if one[0].startswith(f"{name}.")] for name in TABLES}
    tables = {name: inside for name, inside in tables.items() if inside}
    lines = [_line(name, value) for name, value in values if "." not in name and name not in tables]
    for table, inside in tables.items():
        own = next(value for name, value in values if name == table)
        lines += ["", f"[{table}]", _line("name", own)]
        lines += [_line(name.partition(".")[2], value) for name, value in inside]
    return "\n".join(lines) + "\n"


def _line(name: str, value: Any) -> str:
    return f"# {name} =" if value is None else f"{name} = {_spell(value)}"


def _spell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_spell, value))}]"
    quoted = json.dumps(str(value), ensure_ascii=False)  # whose escapes are TOML's too
    return re.sub(r"[^\S ]|[\x7f-\x9f]", lambda letter: f"\\u{ord(letter.group()):04x}", quoted)
