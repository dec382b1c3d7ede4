"""The words of a page, explained as by ``lotterylab explain``."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from lotterylab.reading.glossary import named_in
from lotterylab.report.blocks import note, pairs, section
from lotterylab.report.markup import Html

TAGS = re.compile(r"<(svg|style|script)\b.*?</\1>|<[^>]*>", re.DOTALL)


def words(sections: Iterable[Html]) -> Html:
    """Return the section that explains the words of the other sections."""
    text = html.unescape(TAGS.sub(" ", " ".join(sections)))
    return section(
        "words",
        "Words",
        note("What the words of this page mean, as lotterylab explain WORD says it."),
        pairs((entry.word, entry.plain) for entry in named_in(text)),
    )
