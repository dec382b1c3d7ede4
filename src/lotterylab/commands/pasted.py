"""Words of another command line: options of ``run`` on a command that computes nothing, and dashes of a document."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches

from lotterylab.asking.options import all_lines
from lotterylab.commands.table import COMMANDS, FORMS, kind_of
from lotterylab.errors import UsageError, suggestion, unknown
from lotterylab.own_code.options import Option

A_LETTER = 0.9  # the likeness of two options that differ in a letter
DASHES = "‐‑‒–—―−﹣－"  # what editors, browsers and PDF files make of a hyphen


def of_run(known: Collection[str], typed: Iterable[str]) -> list[Option]:
    """Return the options of ``run`` that a command on a study has not, if one of them was typed.

    They are taken, so that the words of ``run`` can be pasted behind ``table``, ``status`` or ``report``.
    """
    flags = {word.partition("=")[0] for word in typed if word.startswith("--")}
    others = [option for option in all_lines(kind_of("run")) if option.name not in known]
    return others if any(option.flag in flags for option in others) else []


def said(names: Sequence[str]) -> str:
    """Return the line on pasted options, by their flags."""
    verb = "is an option of run and changes" if len(names) == 1 else "are options of run and change"
    return f"lotterylab: {', '.join(names)} {verb} nothing here."


def unknown_option(flag: str, flags: Collection[str]) -> UsageError:
    """Return the error for an option that a command has not, with the commands that have it."""
    for asked, here in (("--size", "--preset"), ("--preset", "--size")):
        if flag == asked and here in flags:
            return UsageError(f"no option is named '{flag}' here: this study calls it {here}. See --help.")
    having = [
        name if not form else f"{name} {form}"
        for name in COMMANDS
        for form in ("", *FORMS.get(name, {}))
        if any(flag in option.flags for option in all_lines(kind_of(name, form)) if not option.positional)
    ]
    if not having or flag in flags:
        return unknown("option", flag, flags)
    near = suggestion(flag, get_close_matches(flag, flags, cutoff=A_LETTER))
    return UsageError(f"{flag} is an option of {', '.join(having)}, not of this command.{near} See --help.")


def check_dashes(words: Iterable[str]) -> None:
    """Refuse a word that begins with a dash which is not the hyphen of a keyboard.

    Raises:
        UsageError: with the word as it should be typed.
    """
    for word in words:
        if word[:1] in DASHES and word:
            raise UsageError(
                f"'{word}' begins with a dash ({ascii(word[0])[1:-1]}) that is not a hyphen, as in text copied from a "
                f"document. Type --{word.lstrip(DASHES + '-')}."
            )
