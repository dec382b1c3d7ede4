"""The page of sentences about other works: each beside what was measured here, or what its source says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from lotterylab.asking.catalogue import study_named
from lotterylab.reading.claims import Judgement, read
from lotterylab.reading.deciding import Word, negated
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import interval_text
from lotterylab.report.bibliography import short
from lotterylab.studies.related_work import SENTENCES, Sentence

HEAD = """\
# Related work, sentence by sentence

Sentences about the works that the open questions rest on, each beside what its source says or what was measured here.
Only the parts in quotation marks are verbatim; the rest is in our words. The verdict is on the sentence, at the scale
of the study: *confirmed*, *refuted*, *cannot be said* or *not run*. Intervals are 95 %, exact for shares. Verdicts by
a claim of a study are corrected for all claims of its page (Holm). An *own test* was chosen for this page, with the
results of the finished studies known, and is not corrected.

`lotterylab report --all` writes this page from the ledgers.

| sentence | source | measured here, or what the source says | verdict |
|---|---|---|---|
"""


def page(rows_of: Callable[[str], Rows | None], sentences: Sequence[Sentence] = SENTENCES) -> str:
    """Return the page as Markdown.

    Args:
        rows_of: from the name of a study to the rows of its ledger, with their costs; None if there is no ledger.
        sentences: the rows of the page.
    """
    judge = _judge(rows_of)
    return HEAD + "".join(f"| {' | '.join(_cells(sentence, judge))} |\n" for sentence in sentences)


def _judge(rows_of: Callable[[str], Rows | None]) -> Callable[[Sentence], Judgement | None]:
    """Return what judges a sentence; each study is read once."""
    kept: dict[str, tuple[Rows, dict[str, Judgement]] | None] = {}

    def judge(sentence: Sentence) -> Judgement | None:
        if sentence.study not in kept:
            rows, outline = rows_of(sentence.study), study_named(sentence.study).outline
            judged = read(outline.claims, outline.comparisons, rows)[0] if rows else ()
            kept[sentence.study] = (rows, {claim.key: verdict for claim, verdict in judged}) if rows else None
        known = kept[sentence.study]
        if not known:
            return None
        return known[1][sentence.by] if isinstance(sentence.by, str) else sentence.by(known[0])

    return judge


def _cells(sentence: Sentence, judge: Callable[[Sentence], Judgement | None]) -> Iterator[str]:
    """Yield the cells of a row."""
    yield sentence.text
    yield f"{short(sentence.source)} [{sentence.source}]"
    if not sentence.study:
        yield from (sentence.found, f"**{sentence.word}**, by its source")
        return
    judgement = judge(sentence)
    if judgement is None or judgement.word == "not run":
        yield from (f"Not run yet: `lotterylab run {sentence.study}`", "**not run**")
        return
    numbers = judgement.measured  # no interval: such as two arms in which nothing fails
    if judgement.interval is not None:
        interval = interval_text(judgement.interval, judgement.digits)
        numbers = sentence.found.format(interval=interval, n=judgement.n)
    yield f"{numbers} [{sentence.study}]({sentence.study}/README.md)"
    word: Word = negated(judgement.word) if sentence.opposite else judgement.word
    yield f"**{word}**, {f'claim {sentence.by}' if isinstance(sentence.by, str) else 'own test'}"
