"""The answer of a study in one sentence, and in a paragraph."""

from __future__ import annotations

from collections.abc import Sequence

from lotterylab.reading.caveats import unequal_training
from lotterylab.reading.differences import Difference
from lotterylab.reading.judging import nothing, percent
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import interval_text


def headline(outline: Outline, results: Rows, differences: Sequence[Difference]) -> str:
    """Return the answer: one sentence of at most 30 words with one number and its interval."""
    if outline.headline is not None:
        return outline.headline(results, differences)
    planned = [difference for difference in differences if difference.planned]
    return in_words(planned[0]) if planned else _no_difference(outline, results)


def in_words(difference: Difference) -> str:
    """Return a difference as a sentence: the sides, the size with its interval, the place and the number of seeds."""
    comparison, n = difference.comparison, difference.interval.n
    size = f"{interval_text(difference.interval, comparison.digits, sign=True)} in {comparison.what}"
    place = ", ".join(filter(None, (difference.panel, _kept(difference))))
    where = f" ({place}; n = {n})" if place else f" (n = {n})"
    says = {
        "more": f"{comparison.a.name} minus {comparison.b.name} is {size}",
        "less": f"{comparison.a.name} minus {comparison.b.name} is {size}",
        "equal": f"{comparison.a.name} and {comparison.b.name} are equal within {comparison.margin:g}: {size}",
        "open": f"It is undecided whether {comparison.a.name} and {comparison.b.name} differ: {size}",
    }[difference.outcome]
    return f"{says[0].upper()}{says[1:]}{where}.{unequal_training(difference.rows)}"


def _kept(difference: Difference) -> str:
    """Return the share of the weights that the masks of the first side keep, as measured."""
    if not difference.sparsity:
        return ""
    reached = difference.rows[0][1].interval("prune.reached") if difference.rows else None
    return f"{percent(difference.sparsity if reached is None else reached.mean)} of the weights"


def conclusion(outline: Outline, results: Rows, differences: Sequence[Difference]) -> str:
    """Return the paragraph below the headline; by default the planned comparisons that the headline does not give."""
    if outline.conclude is not None:
        return outline.conclude(results, differences)
    answer = headline(outline, results, differences)
    sentences = (in_words(difference) for difference in differences if difference.planned)
    return " ".join(sentence for sentence in sentences if sentence != answer)


def _no_difference(outline: Outline, results: Rows) -> str:
    """Return the answer without a planned difference: the study has none, or its runs are not finished."""
    none_planned = all(comparison.planned == () for comparison in outline.comparisons)
    if none_planned and any(row.complete for row in results):
        return "The study plans no comparison. Its numbers are in results.csv, seed by seed."
    return nothing(results)
