"""Where text and numbers part: the verdict table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lotterylab.reading.questions import Verdict
from lotterylab.report.blocks import badge, cell, note, section, sentence, table
from lotterylab.report.markup import Html, tag
from lotterylab.report.material import Material

BADGES = {
    "confirmed": ("✓", "good"),
    "refuted": ("✗", "bad"),
    "cannot be said": ("?", "open"),
    "not run": ("–", "none"),
}
PREDICTED = {True: "as predicted", False: "not as predicted", None: "prediction open"}
HEAD = ("row", "text and protocol", "what would follow: judged", "predicted before the run", "measured", "verdict")


def verdict_table(material: Material) -> Html:
    """All verdicts in the order of the questions."""
    return section(
        "verdicts",
        "Where text and numbers part",
        sentence(_summary(material)),
        note(
            "A verdict is on what would follow: our explanation, which the measurement could have refuted. Intervals "
            "are 95 % t intervals over seeds, of paired differences where two arms share a seed."
        ),
        table(
            HEAD,
            [_row(one, _first_like(one, material.verdicts)) for one in material.verdicts],
            kind="cards",
            name="verdict-table",
        ),
    )


def _summary(material: Material) -> str:
    words = Counter(one.verdict for one in material.verdicts)
    counted = ", ".join(f"{words[word]} {word}" for word in BADGES if words[word])
    came_true = Counter(one.as_predicted for one in material.verdicts)
    return (
        f"Of {len(material.verdicts)} questions: {counted}. {came_true[True]} predictions came true, "
        f"{came_true[False]} did not, {came_true[None]} stay open."
    )


def _first_like(one: Verdict, verdicts: Sequence[Verdict]) -> Verdict:
    """The first question about the same sentence of the text: claim and protocol are told there only."""
    return next(other for other in verdicts if (other.claim, other.protocol_does) == (one.claim, one.protocol_does))


def _row(one: Verdict, first: Verdict) -> list[Html]:
    mark, kind = BADGES[one.verdict]
    seeds = f"n = {one.n} seed{'s' * (one.n != 1)}"
    interval = one.interval
    if interval is not None and interval.low is not None and interval.high is not None:
        seeds += f"; decided by {interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
    return [
        tag("th", one.key, scope="row"),
        cell(*_text_and_protocol(one, first), label=HEAD[1]),
        cell(one.follows, label=HEAD[2]),
        cell(one.expected, label=HEAD[3]),
        cell(one.measured, tag("p", seeds, class_="small"), label=HEAD[4]),
        cell(badge(one.verdict, mark, kind), tag("p", PREDICTED[one.as_predicted], class_="small"), label=HEAD[5]),
    ]


def _text_and_protocol(one: Verdict, first: Verdict) -> list[Html]:
    if first is not one:
        return [tag("p", f"as in row {first.key}")]
    return [_part("says", one.claim), _part("does", one.protocol_does)]


def _part(word: str, text: str) -> Html:
    return tag("p", tag("b", f"{word}: "), text)
