"""Reading and writing a parameters file (TOML), which holds the options of a command."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lotterylab.errors import UsageError, suggestion
from lotterylab.formats.foreign import text
from lotterylab.formats.text import shown
from lotterylab.own_code.options import Option

MOST_BYTES = 256 << 10  # of a file; a file with all options has 3 kB
LARGEST, LONGEST = 2**63, 4096  # of a whole number; letters of a text: a path may have that many
_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')"""
_DEEP = re.compile(rf"(?<![\w-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{16,}}")  # tomllib's time grows with their square
TABLES = ("model", "data", "during")  # [model] with name and the model's own options; likewise the others


def read(path: Path) -> dict[str, Any]:
    """Return the values of a file by option name: ``{"seeds": 3, "model": "vgg-11", "model.width": 0.25}``.

    Raises:
        UsageError: there is no file, it is not TOML, or a command line would take a value for an option.
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
            for inner, item in value.items():
                yield name if inner == "name" else f"{name}.{inner.replace('-', '_')}", item
        else:
            raise UsageError(
                f"{path}, line {line_of(path, key, table=True)}: no table is named '{key}'.{suggestion(key, TABLES)} "
                f"Known: {', '.join(TABLES)}."
            )


def fitted(
    path: Path, values: Mapping[str, Any], known: Mapping[str, Option], elsewhere: Collection[str] = ()
) -> dict[str, Any]:
    """Return the values by option, in the types of the options.

    ``elsewhere``: options of other commands, which the same file may hold.

    Raises:
        UsageError: a key is not an option of the command, or a value has another type; with file, line and suggestion.
    """
    checked = {}
    for name, value in values.items():
        option = known.get(name)
        if option is not None and not option.positional:
            checked[name] = option.fitted(value)
        elif name not in elsewhere:
            names = sorted(name for name, option in known.items() if not option.positional)
            where = f"{path}, line {line_of(path, name)}"
            raise UsageError(
                f"{where}: no option is named '{name}'.{suggestion(name, names)} Known: {', '.join(names)}."
            )
    return checked


def check_study(path: Path, named: Any, asked: str) -> None:
    """Refuse a file whose key ``study`` names another study than the one that was asked for.

    Raises:
        UsageError: with the file, the line and both names.
    """
    if named != asked:
        where = f"{path}, line {line_of(path, 'study')}"
        raise UsageError(f"{where}: the file is for the study {_quoted(named)}; '{asked}' was asked for. Use one name.")


def _no_value(value: Any) -> str:
    """Return the reason why a value cannot stand on a command line, or ""."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, float) and not math.isfinite(item):
            return "a number has to be finite"
        if isinstance(item, int) and abs(item) >= LARGEST:
            return f"a whole number has to be below {LARGEST:,}"
        if isinstance(item, str) and item.startswith("-"):
            return f"a text begins with '-', as options do. Write a path as './{shown(item, most=40)}'"
        if isinstance(item, str) and len(item) > LONGEST:
            return f"a text has at most {LONGEST:,} letters"
        if isinstance(item, str) and "\0" in item:
            return "a text has no NUL in it"
        if isinstance(item, list | dict):
            return "a value is a number, a text, true or false, or a list of such"
    return ""


def _quoted(value: Any) -> str:
    """Return the value for a message; a nested list or table by its kind alone, since it can be deep."""
    if isinstance(value, list | dict) and any(isinstance(item, list | dict) for item in value):
        return "a nested list" if isinstance(value, list) else "a table"
    if isinstance(value, int) and abs(value) >= LARGEST:
        return "a very large number"  # which Python may refuse to spell
    return shown(repr(value), most=80)


def line_of(path: Path, name: str, *, table: bool = False) -> int:
    """Return the line (from 1) of a key; 1 if it is not found, because its spelling is unusual."""
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


def toml(values: Iterable[tuple[str, Any]], *, unset: Collection[str] = ()) -> str:
    """Return a parameters file with these values; None and ``unset`` values are written as comments."""
    values = list(values)
    tables = {name: [pair for pair in values if pair[0].startswith(f"{name}.")] for name in TABLES}
    tables = {name: inside for name, inside in tables.items() if inside}
    lines = [_line(name, value, name in unset) for name, value in values if "." not in name and name not in tables]
    for table, inside in tables.items():
        chosen = next(value for name, value in values if name == table)
        lines += ["", f"[{table}]", _line("name", chosen, table in unset)]
        lines += [_line(name.partition(".")[2], value, name in unset) for name, value in inside]
    return "\n".join(lines) + "\n"


def _line(name: str, value: Any, unset: bool) -> str:
    return f"# {name} =" if value is None else f"{'# ' * unset}{name} = {_spell(value)}"


def _spell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_spell, value))}]"
    quoted = json.dumps(str(value), ensure_ascii=False)  # whose escapes are TOML's too
    return re.sub(r"[^\S ]|[\x7f-\x9f]", lambda letter: f"\\u{ord(letter.group()):04x}", quoted)
