"""Every published value beside ours."""

from __future__ import annotations

from collections.abc import Sequence

from lotterylab.reading.published import Beside
from lotterylab.report.blocks import badge, cell, folded, heading, note, number, section, sentence, table
from lotterylab.report.markup import Html
from lotterylab.report.material import Material

TEXTS = ("figure", "quantity", "activation", "method")
NUMBERS = ("target", "published", "error", "our mean", "our sd", "n")


def published_values(material: Material) -> Html:
    """The table, with whether the published value is within the spread of our other seeds and that of its own."""
    found = material.published
    return section(
        "values",
        "Published values",
        sentence(summary(found)),
        note(outside(material)),
        note(
            "Published values are read off figures and tables, with the error of doing so. Our mean leaves the "
            "published seed out, since that run would agree with itself. Within: the value lies within the reading "
            "error and two standard deviations of that mean. The same mean and spread of equal counts, as of masks, "
            "say little."
        ),
        folded(
            f"{len(found)} values",
            table(
                [*TEXTS, *map(heading, NUMBERS), "within?", heading("published seed"), "within?"],
                [_row(one, material) for one in found],
                kind="sortable",
                name="published-values",
            ),
        ),
    )


def summary(found: Sequence[Beside]) -> str:
    """How many values lie within the spread of the other seeds, and how many the published seed gives again."""
    judged = [one.within for one in found if one.within is not None]
    exact = [one.within_at_seed for one in found if one.within_at_seed is not None]
    text = (
        f"{sum(judged)} of {len(judged)} published values lie within their reading error and two standard deviations "
        f"of our {'other ' * bool(exact)}seeds"
    )
    again = f"; {sum(exact)} of {len(exact)} are given again by our run of the published seed" if exact else ""
    return f"{text}{again}."


def outside(material: Material) -> str:
    """The values that the other seeds do not reach, in words; nothing if there are none."""
    lost = [one for one in material.published if one.within is False]
    if not lost:
        return ""
    each = "; ".join(
        f"{_named(one, material)} {one.published.value:g} (ours {one.ours.mean:.3f})" for one in lost if one.ours
    )
    bad = [one for one in lost if one.within_at_seed]
    alone = (
        f" {len(bad)} of them are given again by the published seed alone: they are that seed's, not the method's."
        if bad
        else ""
    )
    return f"Outside: {each}.{alone}"


def _named(one: Beside, material: Material) -> str:
    told = one.published
    parts = (told.quantity, told.label("activation"), material.name(told.labels), f"{told.target:g}")
    return f"{', '.join(filter(None, parts))}:"


def _row(one: Beside, material: Material) -> list[Html | str]:
    told, ours = one.published, one.ours
    return [
        told.figure,
        told.quantity,
        told.label("activation"),
        material.name(told.labels),
        number(told.target, 2) if told.target else cell("dense", value=0.0, kind="number"),
        number(told.value, 3),
        number(told.error, 3),
        number(ours.mean if ours else None, 3),
        number(ours.sd if ours else None, 3),
        number(ours.n if ours else 0),
        _answer(one.within),
        number(one.at_seed, 3),
        _answer(one.within_at_seed),
    ]


def _answer(within: bool | None) -> Html:
    if within is None:
        return cell("")
    return cell(badge("yes", "✓", "good") if within else badge("no", "✗", "bad"), value=int(within))
