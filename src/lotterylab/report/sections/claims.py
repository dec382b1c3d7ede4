"""What was claimed before the runs, and what came of it: one table for each kind of claim, one vocabulary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from lotterylab.reading.claims import Claim, Judged, Judgement, Kind
from lotterylab.reading.deciding import LEVEL, Word
from lotterylab.reading.differences import Difference
from lotterylab.reading.words import interval_text, p_text
from lotterylab.report.anchors import run_links
from lotterylab.report.blocks import badge, cell, note, section, sentence, table
from lotterylab.report.markup import Child, Html, tag
from lotterylab.report.material import Material

OPEN, ABSENT = ("cannot be said", "?", "open"), ("not run", "–", "none")
CAME = {True: "as predicted", False: "not as predicted", None: ""}
HEAD = ("", "claim", "measured", "n", "runs", "p, Holm", "verdict")
KINDS: dict[Kind, tuple[str, str, str]] = {  # anchor, title, how to read it
    "explanation": (
        "verdicts",
        "Where text and numbers part",
        "Each verdict judges our explanation of a published sentence, which the measurement could have refuted. Where "
        "the sentence itself is judged too, its verdict stands apart. A prediction that cannot be said has not come "
        "true.",
    ),
    "published": (
        "published",
        "Published claims",
        "Our runs agree or disagree with a paper only at the paper's scale. At a smaller one they have the same "
        "direction here, or the other.",
    ),
    "prediction": ("predicted", "Predicted and found", ""),
}


def words(kind: Kind, *, at_scale: bool) -> dict[Word, tuple[str, str, str]]:
    """What each verdict is called on a claim of this kind, with its mark and colour."""
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


def of_kind(found: Judged, kind: Kind) -> list[tuple[Claim, Judgement]]:
    """The claims of a kind; nothing if none of them has been run in a study that has begun."""
    return [(claim, one) for claim, one in found if claim.kind == kind]


def claims(material: Material, kind: Kind) -> Html:
    """The table of a kind, with how many came out which way."""
    anchor, title, how = KINDS[kind]
    found, said = of_kind(material.judged, kind), words(kind, at_scale=material.at_scale)
    return section(
        anchor,
        title,
        sentence(counted(found, said)),
        note(how or material.outline.predicted),
        table(HEAD, [_row(claim, one, said) for claim, one in found], kind="prose claims", name=f"{anchor}-table"),
    )


def counted(found: Judged, said: dict[Word, tuple[str, str, str]]) -> str:
    """How many claims have which verdict, how they were corrected, and how many predictions came true."""
    counts = Counter(one.word for _, one in found)
    text = f"{', '.join(f'{counts[word]} {_verb(said[word][0], counts[word])}' for word in said if counts[word])}."
    if any(one.hypothesis is not None for _, one in found):
        text += (
            f" A claim is decided at {100 * LEVEL:.0f} % for all claims and planned comparisons of this page together "
            "(Holm)."
        )
    if any(claim.expected for claim, _ in found):
        came = Counter(one.came_true for _, one in found)
        text += f" {came[True]} predictions came true, {came[False]} did not, {came[None]} cannot be said."
    return text


def _verb(word: str, count: int) -> str:
    """One agrees, two agree."""
    return word.removesuffix("s") if count > 1 and word.endswith("agrees") else word


def _row(claim: Claim, one: Judgement, said: dict[Word, tuple[str, str, str]]) -> list[Child]:
    word, mark, kind = said[one.word]
    text_word = None if one.on_text is None else words("explanation", at_scale=True)[one.on_text]
    return [
        tag("th", claim.key, scope="row"),
        cell(*_claim(claim), label=HEAD[1]),
        cell(one.measured, *_decider(one), label=HEAD[2]),
        cell(str(one.n), label=HEAD[3]),
        cell(sides(one), label=HEAD[4]),
        cell(p_text(one.p_holm), label=HEAD[5]),
        cell(
            badge(word, mark, kind),
            tag("p", "the text: ", badge(*text_word), class_="small") if text_word else None,
            tag("p", CAME[one.came_true], class_="small") if claim.expected else None,
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


def _decider(one: Judgement) -> list[Html]:
    """The interval that decides, if there are no sides that show it."""
    if one.interval is None or one.rows:
        return []
    return [tag("p", f"decided by {interval_text(one.interval, one.digits)}", class_="small")]


def sides(one: Judgement | Difference) -> list[Html]:
    """The runs of each side."""
    return [tag("div", f"{name}: ", run_links(rows)) for name, rows in one.rows]


def in_markdown(found: Judged, said: dict[Word, tuple[str, str, str]]) -> Iterator[Sequence[str]]:
    """The cells of each claim, for a README."""
    for claim, one in found:
        text = f"{claim.text} Judged: {claim.explanation}" if claim.explanation else claim.text
        text += f" Published: {claim.published}" if claim.published else ""
        verdict = f"**{said[one.word][0]}**"
        verdict += f"; the text: {one.on_text}" if one.on_text else ""
        verdict += f"; {CAME[one.came_true]}" if claim.expected and CAME[one.came_true] else ""
        interval = interval_text(one.interval, one.digits) if one.interval else ""
        yield claim.key, text, one.measured, str(one.n), interval, p_text(one.p_holm), verdict
