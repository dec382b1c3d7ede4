"""The words of the package, from ``words.toml``: terms, controls, alarms and columns, each in a sentence or two.

The command ``explain``, docs/words.md and the end of each page show the same texts.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from lotterylab.errors import UsageError, suggestion

HEAD = """\
# Words

Every term, control, alarm and column, as `lotterylab explain WORD` prints it. This page is made from
`src/lotterylab/reading/words.toml` by `lotterylab explain --markdown > docs/words.md`.
"""
ALARMS = "Alarms"  # the title of the group of alarm codes
COLUMNS = "Columns of results.csv"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An ``Entry`` is a word with its other names, the title of its group, and its meaning.

    ``text``: a word in backticks has an entry of its own.
    """

    word: str
    others: tuple[str, ...]
    group: str
    text: str

    @property
    def plain(self) -> str:
        """Return the meaning without the marks of other entries."""
        return self.text.replace("`", "")

    @property
    def also(self) -> tuple[str, ...]:
        """Return the words with an entry of their own that the meaning names."""
        return tuple(dict.fromkeys(re.findall("`([^`]+)`", self.text)))


@cache
def entries() -> tuple[Entry, ...]:
    """Return all entries, in the order of the file."""
    text = files("lotterylab.reading").joinpath("words.toml").read_text(encoding="utf-8")
    every = []
    for group, words in tomllib.loads(text).items():
        for names, meaning in words.items():
            word, *others = (name.strip() for name in names.split("|"))
            every.append(Entry(word=word, others=tuple(others), group=group, text=meaning))
    return tuple(every)


@cache
def by_name() -> dict[str, Entry]:
    """Return the entry of each word and of each of its other names."""
    return {name: entry for entry in entries() for name in (entry.word, *entry.others)}


def found(word: str) -> list[Entry]:
    """Return the entries of a word however it is written: "Random mask", "random_mask", "train.test_accuracy"; or [].

    Examples:
        >>> [found(word)[0].word for word in ("Random mask", "train.test_accuracy", "tickets")]
        ['random-mask', 'test_accuracy', 'ticket']
        >>> [entry.group for entry in found("ties-at-cut")]
        ['Alarms', 'Columns of results.csv']
    """
    exact = [by_name()[word]] if word in by_name() else []
    last = word.rpartition(".")[2] or word
    for form in (word, last, word.removesuffix("s"), f"{word}s"):
        alike = [entry for name, entry in by_name().items() if _folded(name) == _folded(form)]
        if exact or alike:
            return list(dict.fromkeys((*exact, *alike)))
    return []


def unknown_word(word: str, more: Iterable[str] = ()) -> UsageError:
    """Return the error for a word without an entry; ``more``: other words that are explained."""
    near = suggestion(word, [*by_name(), *more])
    return UsageError(f"no word is named '{word}'.{near} All words: lotterylab explain.")


def named_in(text: str) -> list[Entry]:
    """Return the entries of the words in a text, in the order of the file; the columns of files are left out."""
    present = set(re.findall(r"[a-z0-9_:.-]*[a-z0-9_]", text.lower()))
    spaced = f" {' '.join(re.findall(r'[a-z0-9_-]+', text.lower()))} "
    terms = (each for each in entries() if each.group != COLUMNS)
    return [each for each in terms if any(_is_in(name, present, spaced) for name in (each.word, *each.others))]


def _is_in(name: str, present: set[str], spaced: str) -> bool:
    name = name.lower()
    return name in present or (" " in name and f" {name} " in spaced)


def page() -> str:
    """Return docs/words.md."""
    lines = [HEAD]
    for group in dict.fromkeys(each.group for each in entries()):
        lines += [f"## {group}", "", "| word | meaning |", "|---|---|"]
        for each in entries():
            if each.group == group:
                others = f" ({', '.join(each.others)})" if each.others else ""
                lines.append(f"| **{each.word}**{others} | {each.plain} |")
        lines.append("")
    return "\n".join(lines)


def _folded(word: str) -> str:
    return re.sub(r"[\s_-]+", "-", word.strip().lower())
