"""The answer of a study in one sentence, and in a paragraph."""

from __future__ import annotations

from collections.abc import Sequence

from lotterylab.reading.caveats import unequal_training
from lotterylab.reading.differences import Difference
from lotterylab.reading.judging import nothing, percent
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import interval_text


def headline(outline: Outline, results: Rows, found: Sequence[Difference]) -> str:
    """The answer: one sentence of at most 30 words with one number and its interval."""
    if outline.headline is not None:
        return outline.headline(results, found)
    planned = [one for one in found if one.planned]
    return told(planned[0]) if planned else _no_difference(outline, results)


def told(one: Difference) -> str:
    """A difference as a sentence: who is better, by how much, where, and over how many seeds."""
    comparison = one.comparison
    size = f"{interval_text(one.interval, comparison.digits, sign=True)} in {comparison.what}"
    place = ", ".join(filter(None, (one.panel, _kept(one))))
    where = f" ({place}; n = {one.interval.n})" if place else f" (n = {one.interval.n})"
    says = {
        "more": f"{comparison.a.name} minus {comparison.b.name} is {size}",
        "less": f"{comparison.a.name} minus {comparison.b.name} is {size}",
        "equal": f"{comparison.a.name} and {comparison.b.name} are equal within {comparison.margin:g}: {size}",
        "open": f"Whether {comparison.a.name} and {comparison.b.name} differ cannot be said: {size}",
    }[one.outcome]
    return f"{says[0].upper()}{says[1:]}{where}.{unequal_training(one.rows)}"


def _kept(one: Difference) -> str:
    """How much of the weights the masks of the first side keep, as measured."""
    if not one.sparsity:
        return ""
    reached = one.rows[0][1].interval("prune.reached") if one.rows else None
    return f"{percent(one.sparsity if reached is None else reached.mean)} of the weights"


def conclusion(outline: Outline, results: Rows, found: Sequence[Difference]) -> str:
    """The paragraph of a study; by default every planned comparison in a sentence."""
    if outline.conclude is not None:
        return outline.conclude(results, found)
    return " ".join(told(one) for one in found if one.planned) or _no_difference(outline, results)


def _no_difference(outline: Outline, results: Rows) -> str:
    """The answer without a planned difference: the study has none, or its runs are not finished."""
    none_planned = all(comparison.planned == () for comparison in outline.comparisons)
    if none_planned and any(row.complete for row in results):
        return "The study plans no comparison. Its numbers are in results.csv, seed by seed."
    return nothing(results)
