"""The references of the report are those of the repository."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lotterylab.errors import UsageError
from lotterylab.report.bibliography import REFERENCES, references

BIB = Path(__file__).parents[2] / "src" / "lotterylab" / "references.bib"


@pytest.mark.skipif(not BIB.is_file(), reason="references.bib lies in the repository, not in the package")
@pytest.mark.parametrize("key", REFERENCES)
def test_each_reference_is_in_the_bibliography_with_its_year_and_first_author(key):
    entries = dict(re.findall(r"@\w+\{(\w+),(.*?)\n\}", BIB.read_text(encoding="utf-8"), flags=re.DOTALL))
    assert key in entries
    author = re.search(r"author\s*=\s*\{(.*?)[,}]", entries[key], flags=re.DOTALL)
    year = re.search(r"year\s*=\s*\{(\d+)\}", entries[key])
    assert author and author[1] in REFERENCES[key]
    assert year and year[1] in REFERENCES[key]


def test_an_unknown_reference_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'frankle2019lottery'"):
        references(["frankle2019lotery"])
