"""Every published value beside ours."""

from __future__ import annotations

from collections.abc import Sequence

from lotterylab.report.blocks import badge, cell, heading, note, number, section, sentence, table
from lotterylab.report.figure_style import called
from lotterylab.report.markup import Html
from lotterylab.report.material import Material
from lotterylab.studies.published import PUBLISHED_SEED, Comparison

TITLE = "Comparison with the published values"
TEXTS = ("figure", "activation", "method")
NUMBERS = ("target", "published", "error", "our mean", "our sd", "n")


def comparison(material: Material) -> Html:
    """The table, with whether the published value is within the spread of our seeds and that of its own seed."""
    if not material.comparisons:
        text = "The published values are of CIFAR-10, and this study ran on other data: they are not compared."
        return section("published", TITLE, sentence(text))
    return section(
        "published",
        TITLE,
        sentence(_summary(material.comparisons)),
        note(
            "Published values are read off the figures, with the error of doing so. Within: the published value lies "
            "within the reading error and twice our standard deviation of our mean. "
            f"Seed {PUBLISHED_SEED} is the published study's: there, within "
            "the reading error alone; another version of torch is another run where training is chaotic."
        ),
        table(
            [
                *TEXTS,
                *map(heading, NUMBERS),
                "within?",
                heading(f"seed {PUBLISHED_SEED}"),
                f"within at {PUBLISHED_SEED}?",
            ],
            [_row(one) for one in material.comparisons],
            kind="sortable",
            name="published-values",
        ),
    )


def _summary(found: Sequence[Comparison]) -> str:
    judged = [one.within for one in found if one.within is not None]
    exact = [one.within_seed42 for one in found if one.within_seed42 is not None]
    return (
        f"Of {len(found)} published values {len(exact)} have our run at seed {PUBLISHED_SEED}, which agrees in "
        f"{sum(exact)} within the reading error; {len(judged)} have two of our seeds or more, and {sum(judged)} of "
        "these lie within their spread."
    )


def _row(one: Comparison) -> list[Html | str]:
    return [
        one.figure,
        one.activation,
        called(one.method),
        number(one.target, 2) if one.target else cell("dense", value=0.0, kind="number"),
        number(one.published, 3),
        number(one.reading_error, 3),
        number(one.ours_mean, 3),
        number(one.ours_sd, 3),
        number(one.n),
        _answer(one.within),
        number(one.seed42, 3),
        _answer(one.within_seed42),
    ]


def _answer(within: bool | None) -> Html:
    if within is None:
        return cell("")
    return cell(badge("yes", "✓", "good") if within else badge("no", "✗", "bad"), value=int(within))
