"""Text of other people, made harmless to look at: on a terminal, in Markdown and in CSV."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

MOST_LETTERS, MOST_OF_A_PATH = 200, 1000

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # controls, formats (bidi, zero width), lone surrogates, line separators
_FILLERS = re.compile("[\u034f\u115f\u1160\u3164\uffa0]")  # letters and marks that show nothing
_MARKDOWN = re.compile(r"[\\`*_{}\[\]<>|#~!&]|:(?=//)|(?<=\bwww)\.|^(?=[-+=])")
_FORMULA = tuple("=+-@")


def shown(text: str, *, most: int | None = MOST_LETTERS) -> str:
    r"""Return ``text`` as one harmless line: what a person cannot see is escaped, and over-long text is cut.

    Controls, escape sequences, line ends, bidirectional overrides, zero-width letters and lone surrogates become
    ``\x1b``, ``\n``, ``\u202e``.  All other Unicode stays.  Showing twice gives the same text as showing once.

    Args:
        text: any text, whatever its source.
        most: the greatest number of letters, at least 3; None for no limit.

    Examples:
        >>> shown("fc1.weight\nOK: no alarm")
        'fc1.weight\\nOK: no alarm'
        >>> shown("é漢字🎉")
        'é漢字🎉'
        >>> shown("a" * 50, most=10)
        'aaaaaaa...'
    """
    if most is not None:
        text = text[: most + 1]  # escaping never shortens
    if not text.isprintable() or _FILLERS.search(text):
        text = "".join(map(_visible, text))
    return text if most is None or len(text) <= most else f"{text[: most - 3]}..."


def shown_path(path: str | Path) -> str:
    """Return a path for a message: harmless, and long enough for its last part to be seen."""
    return shown(str(path), most=MOST_OF_A_PATH)


def shown_lines(text: str) -> str:
    r"""Return text of several lines with each line harmless; the line ends stay.

    It is for text whose line ends are the program's.  A name inside it has to go through ``shown`` first.

    Examples:
        >>> shown_lines("a\x1b[2J\nb")
        'a\\x1b[2J\nb'
    """
    return "\n".join(shown(line, most=None) for line in text.split("\n"))


def in_markdown(text: str) -> str:
    r"""Return foreign text for a cell, a heading or a sentence of Markdown, in which it is nothing but text.

    Examples:
        >>> in_markdown("a|b <i> [x](y)")
        'a\\|b \\<i\\> \\[x\\](y)'
    """
    return _MARKDOWN.sub(lambda sign: "\\" + sign.group(), shown(text, most=None))


def in_csv(value: Any) -> Any:
    """Return a value for a cell of CSV: text that a spreadsheet would take for a formula begins with an apostrophe.

    Examples:
        >>> in_csv("=1+1"), in_csv("sigmoid"), in_csv(-0.5)
        ("'=1+1", 'sigmoid', -0.5)
    """
    if not isinstance(value, str):
        return value
    text = shown(value, most=None)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def _visible(letter: str) -> str:
    if unicodedata.category(letter) not in _INVISIBLE and not _FILLERS.match(letter):
        return letter
    code = ord(letter)
    spelled = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return _NAMED.get(letter, spelled)
