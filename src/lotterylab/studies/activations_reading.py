"""The reading of the activation study: its claims, comparisons, published values and figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from lotterylab.reading.answers import by_panel, in_words
from lotterylab.reading.differences import Difference
from lotterylab.reading.doubts import Doubt, if_below
from lotterylab.reading.judging import nothing
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import capital, interval_text
from lotterylab.studies.activations_charts import CHARTS
from lotterylab.studies.activations_claims import CLAIMS
from lotterylab.studies.activations_comparisons import ACCURACY, COMPARISONS
from lotterylab.studies.protocols import AS_PUBLISHED
from lotterylab.studies.published import published_values
from lotterylab.studies.small_cnn import SMALL
from lotterylab.studies.verdicts_corrected import at_chance

ANSWER = "magnitude minus random mask"  # the comparison that answers the study's question
WORDS = {"more": "above", "less": "below", "equal": "equal", "open": "undecided"}


def _headline(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the answer by activation, or the largest decided difference, or else the best accuracy."""
    differences = [_undecided_at_chance(difference) for difference in differences]
    answers = [difference for difference in differences if difference.comparison.key == ANSWER and difference.planned]
    if any(difference.better is not None for difference in answers):
        return by_panel(answers, "magnitude tickets", "random masks", f"At sparsity {answers[0].sparsity:g}")
    decided = [difference for difference in differences if difference.better is not None]
    if decided:
        return in_words(max(decided, key=lambda difference: (difference.planned, abs(difference.interval.mean))))
    pruned = Rows(row for row in results.trained if row.labels["sparsity"])
    means = {arm: rows.interval(ACCURACY) for arm, rows in pruned.by("activation", "method", "sparsity").items()}
    known = {arm: interval for arm, interval in means.items() if interval is not None}
    if not known:
        return nothing(results)
    arm = max(known, key=lambda arm: known[arm].mean)
    reached = interval_text(known[arm])
    return f"No comparison above chance is decided; the best accuracy is {reached}, by {' '.join(map(str, arm))}."


def _undecided_at_chance(difference: Difference) -> Difference:
    return replace(difference, caveat="a side is at chance") if at_chance(difference) else difference


def _conclude(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the outcome of each planned comparison by activation; the table has their numbers."""
    outcomes: dict[str, dict[str, list[str]]] = {}
    for difference in (difference for difference in differences if difference.planned):
        a, b = difference.comparison.a.name, difference.comparison.b.name
        key = f"{a} against {b} at {difference.sparsity:g}"
        outcomes.setdefault(key, {}).setdefault(WORDS[difference.outcome], []).append(difference.panel)
    parts = []
    for key, by_word in outcomes.items():
        words = (f"{word} ({', '.join(activations)})" for word, activations in by_word.items())
        parts.append(f"{capital(key)}: {'; '.join(words)}")
    if parts:
        return f"These are the planned comparisons of test accuracy, by activation. {'. '.join(parts)}."
    better = Counter(difference.better.name for difference in differences if difference.better is not None)
    if not better:
        return nothing(results)
    each = "; ".join(f"{name} is better in {count}" for name, count in better.most_common())
    number = f"{better.total()} of {len(differences)}"
    return f"{number} comparisons of test accuracy are decided, none of them planned: {each}."


def _if_published(text: str) -> Doubt:
    """Return a doubt that holds only if the published protocol was run."""
    return lambda results: text if results.where(protocol=AS_PUBLISHED.name) else ""


OUTLINE = Outline(
    charts=CHARTS,
    comparisons=COMPARISONS,
    claims=CLAIMS,
    headline=_headline,
    conclude=_conclude,
    would_change="More seeds in the ladder (it has 2), a learning rate for each mask, or longer training of sigmoid "
    "networks.",
    doubts=(
        if_below("images", 45_000, SMALL),
        _if_published(
            "One bad seed is half of the explanation of row 8: the other seeds do not reach the published accuracy of "
            "sigmoid with magnitude at 0.5 (see the published values)."
        ),
        "Intervals over seeds do not cover the choice of training and test images.",
        "Each magnitude ticket is compared with a dense run of the ticket's epochs and with a dense run of all epochs "
        "that finding it took; only the second comparison is at equal cost.",
    ),
    after_a_look=_if_published(
        "The rule that a side at chance decides nothing was made after seeds 42 to 44 had been seen; it turned one "
        "sentence of the corrected protocol (first-order at 0.5, sigmoid) from refuted into cannot be said. Seeds 45 "
        "and 46 were planned and added later. Rows with fewer seeds say so."
    ),
    published=published_values(),
    published_on="cifar10",
)
