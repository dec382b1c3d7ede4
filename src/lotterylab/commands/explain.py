"""The command that says what a word means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from shutil import get_terminal_size
from textwrap import fill, wrap

from lotterylab.asking.options import Declared, option
from lotterylab.commands.shared import print_json
from lotterylab.errors import UsageError
from lotterylab.reading import glossary
from lotterylab.reading.glossary import Entry


@dataclass(frozen=True, kw_only=True)
class Explain(Declared):
    """Say what a word means: a term, a control, an alarm, a column of results.csv, or a name of list."""

    word: tuple[str, ...] = option(
        (), help="The word; without one, all words are listed", shown="WORD", positional=True
    )
    json: bool = option(False, help="As JSON; without a word, all words")
    markdown: bool = option(False, help="All words as the page docs/words.md")

    def __call__(self) -> int:
        """Print the meaning."""
        word = " ".join(self.word)
        if self.markdown:
            if word:
                raise UsageError(f"--markdown prints all words, and '{word}' was asked for. Leave one of them out.")
            print(glossary.page(), end="")
        elif not word:
            print_json(list(map(_values, glossary.entries()))) if self.json else print("\n".join(_all()))
        elif found := glossary.found(word):
            print_json(list(map(_values, found))) if self.json else print("\n".join(_lines(found)))
        else:
            self._listed(word)
        return 0

    def _listed(self, word: str) -> None:
        """Print the entry of a method, model, data set, study ... that ``list`` has under this name.

        Raises:
            UsageError: nothing has the name.
        """
        from lotterylab.report import catalogue

        found = [each for make in catalogue.LISTS.values() for each in make()]
        named = [each for each in found if each["name"] == word.lower()]
        if not named:
            raise glossary.unknown_word(word, tuple(each["name"] for each in found))
        print_json(named) if self.json else print("\n".join(catalogue.lines(named)))


def _values(entry: Entry) -> dict[str, object]:
    return asdict(entry) | {"text": entry.plain, "see": entry.also}


def _width() -> int:
    return min(get_terminal_size((80, 24)).columns, 100)


def _lines(entries: Iterable[Entry]) -> list[str]:
    lines: list[str] = []
    for entry in entries:
        others = f" ({', '.join(entry.others)})" if entry.others else ""
        lines.append(f"{entry.word}{others}  [{entry.group}]")
        lines += wrap(entry.plain, _width(), initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
        lines += [f"    See also: {', '.join(entry.also)}."] if entry.also else []
    return lines


def _all() -> list[str]:
    lines = []
    for group in dict.fromkeys(each.group for each in glossary.entries()):
        words = ", ".join(each.word for each in glossary.entries() if each.group == group)
        lines += [group, fill(words, _width(), initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)]
    return [*lines, "", "One of them: lotterylab explain WORD."]
