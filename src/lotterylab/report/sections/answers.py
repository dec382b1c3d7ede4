"""What a study says: its sentence, what was claimed before and what came of it, and its doubts."""

from __future__ import annotations

from collections.abc import Sequence

from lotterylab.reading.doubts import held
from lotterylab.reading.outline import Claim, Difference, Judged, Judgement, Outline
from lotterylab.reading.questions import LEVEL
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import diverged_text, interval_text, p_text
from lotterylab.report.anchors import run_links
from lotterylab.report.blocks import badge, cell, folded, heading, note, number, section, sentence, table
from lotterylab.report.markup import Child, Html, tag
from lotterylab.report.material import Material

PUBLISHED = {  # a verdict on a published claim
    "confirmed": ("agrees", "✓", "good"),
    "refuted": ("disagrees", "✗", "bad"),
    "cannot be said": ("cannot be said at this scale", "?", "open"),
    "not run": ("not run", "–", "none"),
}
OURS = {  # on what we expected
    "confirmed": ("as predicted", "✓", "good"),
    "refuted": ("not as predicted", "✗", "bad"),
    "cannot be said": ("cannot be said", "?", "open"),
    "not run": ("not run", "–", "none"),
}
HEAD = ("", "claim", "measured", "n", "runs", "p, Holm", "verdict")


def without_diverged(results: Rows) -> str:
    """How many runs diverged, and that nothing is said of them; nothing where none did."""
    lost = diverged_text(results)
    return f"{lost} Of a comparison that holds one nothing is said." if lost else ""


def answer(material: Material, outline: Outline, found: Sequence[Difference]) -> Html:
    """The sentence made from the numbers, what would change it, and why it may be wrong."""
    return section(
        "answer",
        "What this says",
        sentence(outline.conclude(material.results, found)),
        note(without_diverged(material.results)),
        tag("p", tag("b", "What would change it: "), outline.would_change),
        tag("p", tag("b", "Doubts:")),
        tag("ul", [tag("li", doubt) for doubt in held(outline.doubts, material.results)]),
    )


def published(found: Judged) -> Html:
    """Each published number, and whether ours agrees."""
    how = "Agrees: the interval over our seeds says the same thing. Disagrees: it says the opposite."
    return _claims("published", "Published numbers", how, found, PUBLISHED)


def predicted(found: Judged, outline: Outline) -> Html:
    """What we expected, written down before the runs, and what came."""
    return _claims("predicted", "Predicted and found", outline.predicted, found, OURS)


def _claims(anchor: str, title: str, how: str, found: Judged, words: dict[str, tuple[str, str, str]]) -> Html:
    rows = [_row(claim, one, words) for claim, one in found]
    lead = sentence(counted(found, words))
    return section(anchor, title, lead, note(how), table(HEAD, rows, kind="prose claims", name=f"{anchor}-table"))


def counted(found: Judged, words: dict[str, tuple[str, str, str]]) -> str:
    """How many claims have which verdict, and how many of those said would be said of all together."""
    counts = {word: sum(one.word == word for _, one in found) for word in words}
    text = ", ".join(f"{count} {_verb(words[word][0], count)}" for word, count in counts.items() if count)
    said = [one for _, one in found if one.p is not None and one.word in ("confirmed", "refuted")]
    if not said:
        return f"{text}."
    held_together = sum(one.p_holm is not None and one.p_holm < LEVEL for one in said)
    return (
        f"{text}. Each is judged on its own, at 5 %; corrected for their number (Holm), {held_together} of the "
        f"{len(said)} that are said stand."
    )


def _verb(word: str, count: int) -> str:
    """One agrees, two agree."""
    return word.removesuffix("s") if count > 1 and word.endswith("agrees") else word


def _row(claim: Claim, one: Judgement, words: dict[str, tuple[str, str, str]]) -> list[Child]:
    word, mark, kind = words[one.word]
    source = f" [{claim.source}]" if claim.source else ""
    return [
        tag("th", claim.key, scope="row"),
        cell(claim.text, source, label=HEAD[1]),
        cell(one.measured, label=HEAD[2]),
        cell(str(one.n), label=HEAD[3]),
        cell(_sides(one), label=HEAD[4]),
        cell(p_text(one.p_holm), label=HEAD[5]),
        cell(badge(word, mark, kind), label=HEAD[6]),
    ]


def _sides(one: Judgement | Difference) -> list[Html]:
    """The runs of each side."""
    return [tag("div", f"{name}: ", run_links(rows)) for name, rows in one.rows]


def differences(found: Sequence[Difference]) -> Html:
    """Each comparison at each level, with its interval and what can be said."""
    groups: dict[str, list[Difference]] = {}
    for one in found:
        groups.setdefault(f"{one.versus.what}: {one.versus.a.name} minus {one.versus.b.name}", []).append(one)
    planned, others = ([one for one in found if one.planned is wanted] for wanted in (True, False))
    return section(
        "differences",
        "Differences",
        sentence(" ".join([*_resolved("planned", planned), *_resolved("other", others)])),
        note(
            "Paired by seed, with 95 % t intervals. Equal: two one-sided tests at 5 % each. Power: how many seeds "
            "would resolve the margin in this comparison on its own, without the correction for their number."
        ),
        [folded(_summary(title, own), _table(own)) for title, own in groups.items()],
    )


def _resolved(kind: str, found: Sequence[Difference]) -> list[str]:
    resolved = sum(one.better is not None for one in found)
    equal = sum(one.outcome == "equal" for one in found)
    unresolved = len(found) - resolved - equal
    text = (
        f"Of {len(found)} {kind} differences {resolved} are resolved at 5 % for their whole family (Holm), "
        f"{equal} are equal within their margin, {unresolved} are unresolved."
    )
    return [text] if found else []


def _summary(title: str, own: Sequence[Difference]) -> str:
    counts: dict[str, int] = {}
    for one in own:
        counts[one.says] = counts.get(one.says, 0) + 1
    return f"{title} ({', '.join(f'{count} {says}' for says, count in counts.items())})"


def _table(own: Sequence[Difference]) -> Html:
    head = ["where", heading("kept"), heading("n"), heading("difference"), heading("p, Holm"), "says", "power", "runs"]
    rows = [
        [
            one.panel,
            number(1 - one.sparsity, 3),
            number(one.interval.n),
            cell(interval_text(one.interval, one.versus.digits, sign=True), value=repr(one.interval.mean)),
            number(one.p_holm, 4),
            (one.says if one.planned else f"{one.says} (not planned)") + (f": {one.caveat}" if one.caveat else ""),
            one.power,
            cell(_sides(one)),
        ]
        for one in own
    ]
    return table(
        head, rows, kind="sortable", name=f"differences-{own[0].versus.key.replace(' ', '-').replace(',', '')}"
    )
