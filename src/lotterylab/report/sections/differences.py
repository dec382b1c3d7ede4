"""The paired differences of a study: each comparison at each level."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from lotterylab.reading.differences import Difference
from lotterylab.reading.words import interval_text
from lotterylab.report.blocks import cell, folded, heading, note, number, section, sentence, table
from lotterylab.report.markup import Html
from lotterylab.report.material import Material
from lotterylab.report.sections.claims import sides


def differences(material: Material) -> Html:
    """Each comparison with its interval and what can be said."""
    groups: dict[str, list[Difference]] = {}
    for one in material.differences:
        comparison = one.comparison
        groups.setdefault(f"{comparison.what}: {comparison.a.name} minus {comparison.b.name}", []).append(one)
    return section(
        "differences",
        "Differences",
        sentence(" ".join(summaries(material.differences))),
        note(
            "Paired by seed, with 95 % t intervals. Equal: two one-sided tests. Both p are adjusted by Holm: planned "
            "comparisons in one family with the claims of the page, others among themselves. Power: how many seeds "
            "would resolve the margin in this comparison on its own. Comparisons that include a diverged run, or in "
            "which no side is above chance, are left undecided."
        ),
        [folded(_summary(title, own), _table(own)) for title, own in groups.items()],
    )


def summaries(found: Sequence[Difference]) -> Iterator[str]:
    """One sentence for the planned comparisons, and one for each family of others."""
    groups: dict[str, list[Difference]] = {}
    for one in found:
        groups.setdefault("planned" if one.planned else one.comparison.family or "other", []).append(one)
    for name, own in groups.items():
        outcomes = Counter(one.outcome for one in own)
        better = Counter(one.better.name for one in own if one.better is not None)
        each = "; ".join(f"{side} is better in {count}" for side, count in better.most_common())
        kind = {"planned": "planned comparisons", "other": "other comparisons", "methods": "pairs of methods"}
        yield (
            f"{outcomes['more'] + outcomes['less']} of {len(own)} {kind.get(name, f'comparisons with {name}')} are "
            f"decided{f' ({each})' if each else ''}, {outcomes['equal']} are equal within their margin, "
            f"{outcomes['open']} cannot be said."
        )


def _summary(title: str, own: Sequence[Difference]) -> str:
    counts = Counter(one.says for one in own)
    return f"{title} ({', '.join(f'{count} {says}' for says, count in counts.items())})"


def _table(own: Sequence[Difference]) -> Html:
    head = ["where", heading("kept"), heading("n"), heading("difference"), heading("p, Holm"), heading("p, equal")]
    rows = [
        [
            one.panel,
            number(1 - one.sparsity, 3),
            number(one.interval.n),
            cell(
                interval_text(one.interval, one.comparison.digits, sign=True),
                value=repr(one.interval.mean),
                kind="number",
            ),
            number(one.p_holm, 4),
            number(one.p_equal, 4),
            f"{one.says}{'' if one.planned else ' (not planned)'}{f': {one.caveat}' if one.caveat else ''}",
            one.power,
            cell(sides(one)),
        ]
        for one in own
    ]
    name = f"differences-{own[0].comparison.key.replace(' ', '-').replace(',', '')}"
    return table([*head, "says", "power", "runs"], rows, kind="sortable", name=name)
