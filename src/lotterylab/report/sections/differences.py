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
    """Return the section with each comparison, its interval and its decision."""
    groups: dict[str, list[Difference]] = {}
    for difference in material.differences:
        comparison = difference.comparison
        title = f"{comparison.what}: {comparison.a.name} minus {comparison.b.name}"
        groups.setdefault(title, []).append(difference)
    return section(
        "differences",
        "Differences",
        sentence(" ".join(summaries(material.differences))),
        note(
            "Differences are paired by seed, with 95 % t intervals. Equal: two one-sided tests. Both p are adjusted by "
            "Holm: planned comparisons in one family with the claims of the page, others among themselves. Power: the "
            "number of seeds that would resolve the margin in this comparison alone. Comparisons that include "
            "a diverged run, or in which no side is above chance, are left undecided."
        ),
        [folded(_summary(title, group), _table(group)) for title, group in groups.items()],
    )


def summaries(differences: Sequence[Difference]) -> Iterator[str]:
    """Yield one sentence for the planned comparisons, and one for each family of others."""
    groups: dict[str, list[Difference]] = {}
    for difference in differences:
        family = "planned" if difference.planned else difference.comparison.family or "other"
        groups.setdefault(family, []).append(difference)
    for name, group in groups.items():
        outcomes = Counter(difference.outcome for difference in group)
        better = Counter(difference.better.name for difference in group if difference.better is not None)
        each = "; ".join(f"{side} is better in {count}" for side, count in better.most_common())
        kind = {"planned": "planned comparisons", "other": "other comparisons", "methods": "pairs of methods"}
        yield (
            f"{outcomes['more'] + outcomes['less']} of {len(group)} {kind.get(name, f'comparisons with {name}')} are "
            f"decided{f' ({each})' if each else ''}, {outcomes['equal']} are equal within their margin, "
            f"{outcomes['open']} cannot be said."
        )


def _summary(title: str, group: Sequence[Difference]) -> str:
    counts = Counter(difference.says for difference in group)
    return f"{title} ({', '.join(f'{count} {says}' for says, count in counts.items())})"


def _says(difference: Difference) -> str:
    """Return what the interval says, and what limits it."""
    planned = "" if difference.planned else " (not planned)"
    return f"{difference.says}{planned}{f': {difference.caveat}' if difference.caveat else ''}"


def _table(group: Sequence[Difference]) -> Html:
    head = ["where", heading("kept"), heading("n"), heading("difference"), heading("p, Holm"), heading("p, equal")]
    rows = [
        [
            difference.panel,
            number(1 - difference.sparsity, 3),
            number(difference.interval.n),
            cell(
                interval_text(difference.interval, difference.comparison.digits, sign=True),
                value=repr(difference.interval.mean),
                kind="number",
            ),
            number(difference.p_holm, 4),
            number(difference.p_equal, 4),
            _says(difference),
            difference.power,
            cell(sides(difference)),
        ]
        for difference in group
    ]
    name = f"differences-{group[0].comparison.key.replace(' ', '-').replace(',', '')}"
    return table([*head, "says", "power", "runs"], rows, kind="sortable", name=name)
