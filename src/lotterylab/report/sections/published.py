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
    """Return the table of published values beside our other seeds and our run of the published seed."""
    values = material.published
    return section(
        "values",
        "Published values",
        sentence(summary(values)),
        note(outside(material)),
        note(
            "Published values are read off figures and tables, with a reading error. Our mean leaves the published "
            "seed out, since that run would agree with itself. Within: the value lies within the reading error and two "
            "standard deviations of that mean. Agreement of counts that are equal by design, such as those of masks, "
            "says little."
        ),
        folded(
            f"{len(values)} values",
            table(
                [*TEXTS, *map(heading, NUMBERS), "within?", heading("published seed"), "within?"],
                [_row(pair, material) for pair in values],
                kind="sortable",
                name="published-values",
            ),
        ),
    )


def summary(pairs: Sequence[Beside]) -> str:
    """Return the numbers of values within the spread of the other seeds, and within that of the published seed."""
    judged = [pair.within for pair in pairs if pair.within is not None]
    exact = [pair.within_at_seed for pair in pairs if pair.within_at_seed is not None]
    text = (
        f"{sum(judged)} of {len(judged)} published values lie within their reading error and two standard deviations "
        f"of our {'other ' * bool(exact)}seeds"
    )
    again = f"; {sum(exact)} of {len(exact)} are given again by our run of the published seed" if exact else ""
    return f"{text}{again}."


def outside(material: Material) -> str:
    """Return the values that the other seeds do not reach, in words; "" if there are none."""
    lost = [pair for pair in material.published if pair.within is False]
    if not lost:
        return ""
    each = "; ".join(
        f"{_named(pair, material)} {pair.published.value:g} (ours {pair.ours.mean:.3f})" for pair in lost if pair.ours
    )
    bad = [pair for pair in lost if pair.within_at_seed]
    alone = (
        f" Only the published seed gives {len(bad)} of them again: they belong to that seed, not to the method."
        if bad
        else ""
    )
    return f"Outside: {each}.{alone}"


def _named(pair: Beside, material: Material) -> str:
    value = pair.published
    parts = (value.quantity, value.label("activation"), material.name(value.labels), f"{value.target:g}")
    return f"{', '.join(filter(None, parts))}:"


def _row(pair: Beside, material: Material) -> list[Html | str]:
    value, ours = pair.published, pair.ours
    return [
        value.figure,
        value.quantity,
        value.label("activation"),
        material.name(value.labels),
        number(value.target, 2) if value.target else cell("dense", value=0.0, kind="number"),
        number(value.value, 3),
        number(value.error, 3),
        number(ours.mean if ours else None, 3),
        number(ours.sd if ours else None, 3),
        number(ours.n if ours else 0),
        _answer(pair.within),
        number(pair.at_seed, 3),
        _answer(pair.within_at_seed),
    ]


def _answer(within: bool | None) -> Html:
    if within is None:
        return cell("")
    return cell(badge("yes", "✓", "good") if within else badge("no", "✗", "bad"), value=int(within))
