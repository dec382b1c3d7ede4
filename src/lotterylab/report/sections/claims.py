"""The claims from before the runs and their verdicts: one table for each kind of claim, in one vocabulary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from lotterylab.reading.claims import Claim, Judged, Judgement, Kind
from lotterylab.reading.deciding import LEVEL, Word
from lotterylab.reading.differences import Difference
from lotterylab.reading.words import interval_text, p_text
from lotterylab.report.anchors import run_links
from lotterylab.report.blocks import badge, cell, note, section, sentence, table
from lotterylab.report.markup import Child, Html, tag
from lotterylab.report.material import Material

Verdicts: TypeAlias = "dict[Word, tuple[str, str, str]]"  # verdict -> word, mark and colour
OPEN, ABSENT = ("cannot be said", "?", "open"), ("not run", "–", "none")
CAME = {True: "as predicted", False: "not as predicted", None: ""}
HEAD = ("", "claim", "measured", "n", "runs", "p, Holm", "verdict")
KINDS: dict[Kind, tuple[str, str, str]] = {  # anchor, title, how to read it
    "explanation": (
        "verdicts",
        "Published text and our explanation",
        "Each verdict judges our explanation of the published sentence, not the sentence itself; the measurement could "
        "have refuted it. A separate verdict on the sentence is marked as such. A prediction that cannot be said has "
        "not come true.",
    ),
    "published": (
        "published",
        "Published claims",
        "Our runs agree or disagree with a paper only at the paper's scale. At a smaller scale they have the same or "
        "the other direction.",
    ),
    "prediction": ("predicted", "Predicted and found", ""),
}


def words(kind: Kind, *, at_scale: bool) -> Verdicts:
    """Return the word, mark and colour of each verdict on a claim of this kind."""
    confirmed, refuted = {
        "explanation": ("confirmed", "refuted"),
        "published": ("agrees", "disagrees") if at_scale else ("same direction here", "other direction here"),
        "prediction": ("as predicted", "not as predicted"),
    }[kind]
    return {
        "confirmed": (confirmed, "✓", "good"),
        "refuted": (refuted, "✗", "bad"),
        "cannot be said": OPEN,
        "not run": ABSENT,
    }


def of_kind(judged: Judged, kind: Kind) -> list[tuple[Claim, Judgement]]:
    """Return the claims of a kind with their judgements."""
    return [(claim, judgement) for claim, judgement in judged if claim.kind == kind]


def claims(material: Material, kind: Kind) -> Html:
    """Return the table of the claims of a kind, with the number of each verdict."""
    anchor, title, how = KINDS[kind]
    judged, verdicts = of_kind(material.judged, kind), words(kind, at_scale=material.at_scale)
    rows = [_row(claim, judgement, verdicts) for claim, judgement in judged]
    return section(
        anchor,
        title,
        sentence(counted(judged, verdicts)),
        note(how or material.claims_changed or material.outline.predicted),
        table(HEAD, rows, kind="prose claims", name=f"{anchor}-table"),
    )


def counted(judged: Judged, verdicts: Verdicts) -> str:
    """Return the number of claims with each verdict, their correction, and the number of predictions that came true."""
    counts = Counter(judgement.word for _, judgement in judged)
    each = (f"{counts[word]} {_verb(shown, counts[word])}" for word, (shown, _, _) in verdicts.items() if counts[word])
    text = f"{', '.join(each)}."
    if any(judgement.hypothesis is not None for _, judgement in judged):
        text += (
            f" A claim is decided at {100 * LEVEL:.0f} % for all claims and planned comparisons of this page together "
            "(Holm)."
        )
    if any(claim.expected for claim, _ in judged):
        came = Counter(judgement.came_true for _, judgement in judged)
        text += f" {came[True]} predictions came true, {came[False]} did not, {came[None]} cannot be said."
    return text


def _verb(word: str, count: int) -> str:
    """Return the word for a number of claims: one agrees, two agree."""
    return word.removesuffix("s") if count > 1 and word.endswith("agrees") else word


def _row(claim: Claim, judgement: Judgement, verdicts: Verdicts) -> list[Child]:
    word, mark, kind = verdicts[judgement.word]
    on_text = judgement.on_text
    text_word = None if on_text is None else words("explanation", at_scale=True)[on_text]
    return [
        tag("th", claim.key, scope="row"),
        cell(*_claim(claim), label=HEAD[1]),
        cell(judgement.measured, *_decider(judgement), label=HEAD[2]),
        cell(str(judgement.n), label=HEAD[3]),
        cell(sides(judgement), label=HEAD[4]),
        cell(p_text(judgement.p_holm), label=HEAD[5]),
        cell(
            badge(word, mark, kind),
            tag("p", "the text: ", badge(*text_word), class_="small") if text_word else None,
            tag("p", CAME[judgement.came_true], class_="small") if claim.expected else None,
            label=HEAD[6],
        ),
    ]


def _claim(claim: Claim) -> Iterator[Child]:
    source = f" [{claim.source}]" if claim.source else ""
    if not claim.explanation:
        yield claim.text + source
    else:
        yield from (_part("says", claim.text), _part("does", claim.does), _part("judged", claim.explanation))
    if claim.published:
        yield _part("published", claim.published)
    if claim.expected:
        yield _part("predicted", claim.expected)


def _part(word: str, text: str) -> Html:
    return tag("p", tag("b", f"{word}: "), text)


def _decider(judgement: Judgement) -> list[Html]:
    """Return the interval that decides, if there are no sides that show it."""
    if judgement.interval is None or judgement.rows:
        return []
    return [tag("p", f"decided by {interval_text(judgement.interval, judgement.digits)}", class_="small")]


def sides(judged: Judgement | Difference) -> list[Html]:
    """Return the runs of each side."""
    return [tag("div", f"{name}: ", run_links(rows)) for name, rows in judged.rows]


def in_markdown(judged: Judged, verdicts: Verdicts) -> Iterator[Sequence[str]]:
    """Yield the cells of each claim, for a README."""
    for claim, judgement in judged:
        text = f"{claim.text} Judged: {claim.explanation}" if claim.explanation else claim.text
        text += f" Published: {claim.published}" if claim.published else ""
        verdict = f"**{verdicts[judgement.word][0]}**"
        verdict += f"; the text: {judgement.on_text}" if judgement.on_text else ""
        verdict += f"; {CAME[judgement.came_true]}" if claim.expected and CAME[judgement.came_true] else ""
        interval = interval_text(judgement.interval, judgement.digits) if judgement.interval else ""
        yield claim.key, text, judgement.measured, str(judgement.n), interval, p_text(judgement.p_holm), verdict
