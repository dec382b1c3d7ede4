"""References in plain words, from the package's BibTeX."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from lotterylab.errors import unknown
from lotterylab.report.citations import entries

BEHIND_EVERY_REPORT = ("salmon2011parallel", "schuirmann1987comparison")  # its streams, its tests of equivalence
FIELD = re.compile(r"(\w+)\s*=\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
ACCENTS = {"'": "\u0301", '"': "\u0308"}  # acute, diaeresis
VENUES = ("booktitle", "journal", "institution", "publisher")


def references(keys: Iterable[str]) -> list[tuple[str, str]]:
    """Return (key, text) of each reference: authors, title, venue, year, and where to find it.

    Raises:
        UsageError: a key is not in references.bib.
    """
    known = entries()
    chosen = list(keys)
    for key in chosen:
        if key not in known:
            raise unknown("reference", key, known)
    return [(key, plain(known[key])) for key in chosen]


def short(key: str) -> str:
    """Return a reference as "Frankle & Carbin 2019", or "You et al. 2020" for more than two authors.

    Raises:
        UsageError: the key is not in references.bib.
    """
    known = entries()
    if key not in known:
        raise unknown("reference", key, known)
    fields = {name: _words(value) for name, value in FIELD.findall(known[key])}
    names = [name.partition(", ")[0] for name in fields["author"].split(" and ")]
    authors = " & ".join(names) if len(names) < 3 else f"{names[0]} et al."
    return f"{authors} {fields['year']}"


def plain(entry: str) -> str:
    """Return a BibTeX entry as one line of text."""
    fields = {name: _words(value) for name, value in FIELD.findall(entry)}
    venue = next((fields[name] for name in VENUES if name in fields), "")
    issue = f"({fields['number']})" if "number" in fields else ""
    place = ", ".join(filter(None, (f"{venue} {fields.get('volume', '')}{issue}".strip(), fields.get("pages", ""))))
    link = f" doi:{fields['doi']}" if "doi" in fields else f" arXiv:{fields['eprint']}" if "eprint" in fields else ""
    when = f"{place}, {fields['year']}." if place else f"{fields['year']}."
    return f"{_authors(fields['author'])}. {_sentence(fields['title'])} {when}{link}"


def _sentence(title: str) -> str:
    return title if title.endswith(("?", ".")) else f"{title}."


def _authors(names: str) -> str:
    """Return initials and last names, such as "J. Frankle, M. Carbin"."""
    written = []
    for name in names.split(" and "):
        last, _, first = name.partition(", ")
        written.append(" ".join([*(f"{part[0]}." for part in first.split()), last]))
    return ", ".join(written)


def _words(value: str) -> str:
    """Return a field without BibTeX's braces, accents, quotes, dashes and line breaks."""
    accented = re.sub(r"""\\(['"])(\w)""", lambda m: unicodedata.normalize("NFC", m[2] + ACCENTS[m[1]]), value)
    text = " ".join(accented.split()).replace("{", "").replace("}", "")
    return text.replace("``", '"').replace("''", '"').replace("--", "-")
